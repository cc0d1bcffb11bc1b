"""The hooks of a Live: who tells, where they are kept, and which peaks they start with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nannin.app.assembly import Assembly
from nannin.app.hooking import find_file, make_hooks, seed
from nannin.audience.roster import Count
from nannin.errors import HistoryError
from nannin.history.points import Metric, Peak
from nannin.hook import make_hook
from nannin.settings import Settings


def test_one_of_several_nodes_tells() -> None:
    alone, one = Assembly(Settings()), Assembly(Settings(redis="redis://127.0.0.1:1"))
    for parts, is_mine in ((alone, True), (one, False)):
        hooks = make_hooks(parts._settings, parts.clock, parts.unix_s, parts._node, parts.hub)
        assert hooks._turn().is_mine is is_mine
    assert one._node is not None
    one._node.elder_s = 100.0
    assert hooks._turn().others_until_s == 85.0


@pytest.mark.parametrize(
    ("settings", "environ", "path"),
    [
        ({}, {}, None),
        ({"history": "off"}, {}, None),
        ({"data_dir": "/data"}, {}, "/data/hooks.sqlite3"),
        ({"history": "off", "data_dir": "/data"}, {}, "/data/hooks.sqlite3"),
        ({"history": "on"}, {"XDG_DATA_HOME": "/home/x"}, "/home/x/nannin/hooks.sqlite3"),
        ({"history": "postgresql://db/x"}, {"XDG_DATA_HOME": "/home/x"}, "/home/x/nannin/hooks.sqlite3"),
        ({}, {"STATE_DIRECTORY": "/var/lib/nannin"}, "/var/lib/nannin/hooks.sqlite3"),
    ],
)
def test_what_outlasts_a_restart_is_in_the_data_directory_if_one_was_asked_for(
    settings: dict[str, Any], environ: dict[str, str], path: str | None
) -> None:
    assert find_file(Settings(**settings), environ) == (Path(path) if path else None)


class Past:
    """Stands for a history with these peaks, and for its store; without one, it can't be read."""

    def __init__(self, *peaks: Peak) -> None:
        self._peaks = peaks

    async def ask(self, function: Callable[[Any], Any]) -> Any:
        if not self._peaks:
            raise HistoryError("it is away")
        return function(self)

    def peaks(self, metric: Metric, limit: int) -> list[Peak]:
        return [peak for peak in self._peaks if peak.metric is metric]


async def test_peaks_of_the_past_have_to_be_exceeded(caplog: pytest.LogCaptureFixture) -> None:
    parts = Assembly(Settings())
    told: list[Any] = []
    parts.add_hook(make_hook({"on": "peak", "page": "/*", "debounce": 0}), told.append)
    assert parts.hooks is not None
    parts.hooks.open()
    past: Any = Past(Peak("/", Metric.VISITORS, 50, 0), Peak("/", Metric.CONNECTIONS, 90, 0))
    await seed(parts.hooks, past)
    for visitors in (50, 51):
        parts.hooks.hear("/", Count(visitors, visitors, 0))
    assert [(notice.value, notice.former) for notice in told] == [(51, 50)]
    away: Any = Past()
    await seed(parts.hooks, away)
    assert "peaks of the past are not known to hooks: it is away" in caplog.messages
    parts.shut_down()
    await asyncio.to_thread(parts.hooks.join)
