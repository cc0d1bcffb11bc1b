"""How the processes of this machine are, for the dashboard: some of what `/metrics` has, as JSON."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.responses import Response
from starlette.types import Scope

from nannin.web.metric_parts import Value
from nannin.web.metrics_page import Readings
from nannin.web.private import PrivateLists
from nannin.web.query import Query
from nannin.web.responses import json_response

__all__ = ["Processes", "as_json"]


class Processes:
    """Answers `/api/processes`.

    Args:
        private: who may read it.
        read: the readings of all processes, by their names; None for one that did not answer.
    """

    def __init__(self, private: PrivateLists, read: Callable[[], Awaitable[Readings]]) -> None:
        self._private = private
        self._read = read

    async def __call__(self, _query: Query, scope: Scope) -> Response:
        """Each process of this machine that serves, by its name."""
        self._private.check(scope)
        readings = await self._read()
        return json_response(
            {"processes": [as_json(name, readings[name]) for name in sorted(readings, key=_by_number)]}
        )


def _by_number(name: str) -> tuple[float, str]:
    """The order of processes, most of which are named by numbers."""
    return int(name) if name.isdecimal() else math.inf, name


def as_json(name: str, reading: Mapping[str, Value] | None) -> dict[str, Any]:
    """One process, as a reader of JSON sees it; what it does not have is null.

    Args:
        name: its name among the others.
        reading: its metrics; None if it did not answer.
    """
    if reading is None:
        return {"process": name, "answers": False}

    def number(metric: str) -> float | None:
        value = reading.get(metric)
        return value if isinstance(value, int | float) else None

    def whole(metric: str) -> int | None:
        value = number(metric)
        return None if value is None else int(value)

    def truth(metric: str) -> bool | None:
        value = number(metric)
        return None if value is None else bool(value)

    late = reading.get("nannin_loop_lag_seconds")
    late = late if isinstance(late, list) and late else [0.0]
    sessions = reading.get("nannin_sessions")
    return {
        "process": name,
        "answers": True,
        "ready": truth("nannin_ready"),
        "started_unix_s": number("process_start_time_seconds"),
        "sessions": {by: int(count) for by, count in sessions.items()}
        if isinstance(sessions, dict)
        else None,
        "connections": whole("nannin_connections"),
        "memory_bytes": whole("process_resident_memory_bytes"),
        "cpu_s": number("process_cpu_seconds"),
        "loop_late": {"times": int(sum(late[:-1])), "sum_s": late[-1]},
        "nodes": whole("nannin_nodes"),
        "stale": truth("nannin_backplane_stale"),
        "history_lag_s": number("nannin_history_lag_seconds"),
        "history_dropped": whole("nannin_history_dropped"),
        "writes_history": truth("nannin_history_leader"),
    }
