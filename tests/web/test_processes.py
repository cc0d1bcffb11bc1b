"""How the processes are, as JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest
from starlette.exceptions import HTTPException

from nannin.web.metric_parts import Value
from nannin.web.metrics_page import Readings
from nannin.web.private import PrivateLists
from nannin.web.processes import Processes, as_json
from nannin.web.query import Query
from support.asgi import scope

READING: dict[str, Value] = {
    "nannin_ready": 1.0,
    "nannin_sessions": {"websocket": 3.0, "polling": 1.0},
    "nannin_connections": 5.0,
    "nannin_loop_lag_seconds": [10.0, 2.0, 1.0, 0.25],
    "nannin_backplane_stale": 0.0,
    "process_resident_memory_bytes": 1e8,
}


async def read() -> Readings:
    return {"2": None, "1": READING}


def test_each_process_says_how_it_is_or_that_it_does_not_answer() -> None:
    answer = asyncio.run(_ask(PrivateLists()))
    first, second = answer["processes"]
    assert (first["process"], first["ready"], first["connections"], first["stale"]) == ("1", True, 5, False)
    assert first["sessions"] == {"websocket": 3, "polling": 1}
    assert first["loop_late"] == {"times": 13, "sum_s": 0.25}
    assert second == {"process": "2", "answers": False}


def test_what_a_process_does_not_have_is_null() -> None:
    nothing = as_json("1", {})
    assert nothing["answers"] is True
    assert (nothing["stale"], nothing["history_lag_s"], nothing["sessions"]) == (None, None, None)
    assert nothing["loop_late"] == {"times": 0, "sum_s": 0}


def test_what_is_counted_is_whole() -> None:
    memory = 3_000_000_000.0
    numbers = {"nannin_connections": 5.0, "nannin_nodes": 2.0, "nannin_history_dropped": 7.0}
    one = as_json(
        "1",
        {**READING, **numbers, "process_resident_memory_bytes": memory, "nannin_history_lag_seconds": 0.0},
    )
    whole = [one[name] for name in ("connections", "nodes", "history_dropped", "memory_bytes")]
    whole += [*one["sessions"].values(), one["loop_late"]["times"]]
    assert whole == [5, 2, 7, memory, 3, 1, 13]
    assert all(isinstance(number, int) for number in whole)
    assert isinstance(one["history_lag_s"], float)


def test_the_tenth_comes_after_the_ninth() -> None:
    async def read() -> Readings:
        return dict.fromkeys(["10", "9", "2", "relief", "1"])

    answer = asyncio.run(_ask(PrivateLists(), read=read))
    assert [one["process"] for one in answer["processes"]] == ["1", "2", "9", "10", "relief"]


def test_it_is_private_as_lists_are() -> None:
    with pytest.raises(HTTPException) as refused:
        asyncio.run(_ask(PrivateLists(), client=("203.0.113.9", 1)))
    assert refused.value.status_code == 403


async def _ask(
    private: PrivateLists,
    client: tuple[str, int] = ("127.0.0.1", 1),
    read: Callable[[], Awaitable[Readings]] = read,
) -> dict[str, list[dict[str, object]]]:
    response = await Processes(private, read)(Query(b"", ()), {**scope("http", "", {}), "client": client})
    answer: dict[str, list[dict[str, object]]] = msgspec.json.decode(response.body)
    return answer
