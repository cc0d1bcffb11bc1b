"""The history of a Live: whether there is one, where it is kept, and what it hears."""

from __future__ import annotations

import asyncio
import datetime
import os
import socket
import sys
from pathlib import Path
from types import FrameType
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from nannin import Live
from nannin.app import recording, sharing
from nannin.app.assembly import Assembly
from nannin.app.recording import make_history
from nannin.app.sharing import make_node
from nannin.audience.roster import Roster
from nannin.errors import HistoryAway, SettingsError
from nannin.history import writer
from nannin.history.leader import DatabaseLead, FileLead
from nannin.history.place import Place
from nannin.history.points import Step
from nannin.history.recorder import History
from nannin.history.store import open_store
from nannin.nodes.local import Worker
from nannin.settings import Settings
from support.fake_clock import FakeClock


def made(roster: Roster[str] | None = None, **settings: Any) -> History | None:
    clock, roster = FakeClock(), roster if roster is not None else Roster()
    both = Settings(**settings)
    node = make_node(both, roster, clock, lambda: "id")
    return make_history(both, clock, clock.now, roster, roster, node)


@pytest.mark.parametrize("history", [None, "off"])
def test_an_application_keeps_none_unless_it_asks_for_it(history: str | None, tmp_path: Path) -> None:
    roster: Roster[str] = Roster()
    assert made(roster, history=history, data_dir=str(tmp_path)) is None
    assert roster.on_count is None
    assert list(tmp_path.iterdir()) == []


def test_a_history_in_a_file_hears_the_roster(tmp_path: Path) -> None:
    roster: Roster[str] = Roster()
    history = made(roster, history="on", data_dir=str(tmp_path))
    assert history is not None
    assert history.where == str(tmp_path / "history.sqlite3")
    assert roster.on_count == history.count


def test_several_machines_keep_none_without_a_database(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    assert made(history="on", redis="redis://127.0.0.1", data_dir=str(tmp_path)) is None
    assert "no history is kept: several machines keep it in PostgreSQL" in caplog.text


def test_where_several_nodes_count_it_hears_what_all_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "nannin.history.place.find_place", lambda settings: Place("postgresql://db", "a database")
    )
    roster, clock = Roster[str](), FakeClock()
    settings = Settings(history="postgresql://db", redis="redis://127.0.0.1")
    node = make_node(settings, roster, clock, lambda: "id")
    history = make_history(settings, clock, clock.now, roster, roster, node)
    assert history is not None
    assert node is not None
    assert (roster.on_count, node.on_count, node.on_known) == (history.join, history.hear, history.know)


@pytest.mark.parametrize(("redis", "closes"), [(None, True), ("redis://127.0.0.1", False)])
def test_with_workers_it_ends_when_all_of_them_stop_unless_other_machines_serve_on(
    redis: str | None, closes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, its = socket.socketpair()
    worker = Worker(0, 0, 2, its)
    for module in (recording, sharing):
        monkeypatch.setattr(module, "this_worker", lambda: worker)
    monkeypatch.setattr("nannin.history.place.find_place", lambda settings: Place("postgresql://db", "db"))
    history = made(history="postgresql://db", redis=redis)
    assert history is not None
    assert worker.on_stopping == [history.close] * closes
    ours.close()
    its.close()


def test_the_lock_is_beside_the_file_or_in_the_database(tmp_path: Path) -> None:
    lead = recording._make_lead(Place(str(tmp_path / "h")))
    assert isinstance(lead, FileLead)
    assert lead.take()
    assert (tmp_path / "h.lock").read_text() == str(os.getpid())
    lead.release()
    assert isinstance(recording._make_lead(Place("postgresql://db")), DatabaseLead)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Asia/Kathmandu", datetime.date(2026, 11, 27), 24),
        ("Europe/Berlin", datetime.date(2026, 3, 29), 23),
        ("Europe/Berlin", datetime.date(2026, 10, 25), 25),
        ("America/St_Johns", datetime.date(2026, 11, 1), 25),
    ],
)
def test_days_are_those_of_the_zone(zone: str, day: datetime.date, hours: int) -> None:
    find = recording._bounds(Settings(timezone=zone))
    start_s = int(datetime.datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).timestamp())
    bounds = {find(start_s + minute * 60) for minute in range(0, hours * 60, 15)}
    assert {(one.day_s, one.day_until_s) for one in bounds} == {(start_s, start_s + hours * 3600)}
    assert len({one.hour_s for one in bounds}) == hours
    assert sum(one.hour_until_s - one.hour_s for one in bounds) == hours * 3600


def test_a_zone_is_one_that_there_is() -> None:
    assert recording._bounds(Settings())(1_700_000_040).hour_s <= 1_700_000_040
    with pytest.raises(SettingsError, match="timezone: expected the name of a time zone"):
        recording._bounds(Settings(timezone="Mars/Olympus"))


async def test_a_join_costs_four_calls_more_and_makes_nothing_that_is_kept(tmp_path: Path) -> None:
    parts = Assembly(Settings(history="on", data_dir=str(tmp_path)))
    parts.begin()
    roster, called = parts.hub.roster, list[str]()
    roster.join("/", 0)  # type: ignore[arg-type]

    def note(frame: FrameType, event: str, arg: object) -> None:
        if event == "call" and str(frame.f_globals.get("__name__")).startswith("nannin."):
            called.append(frame.f_code.co_name)

    sys.setprofile(note)
    roster.join("/", 1)  # type: ignore[arg-type]
    sys.setprofile(None)
    assert called[called.index("_tell_count") :] == ["_tell_count", "count", "now", "change"]
    parts.shut_down()
    await parts.wait_closed()


async def test_that_the_server_ends_is_nobodys_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "CLOSE_S", 10.0)
    parts = Assembly(Settings(history="on", data_dir=str(tmp_path), timezone="UTC"))
    assert parts.history is not None
    clock = FakeClock()
    parts.clock.follow(clock)
    parts.begin()
    parts.hub.roster.join("/", 1)  # type: ignore[arg-type]
    clock.advance(90)
    parts.goodbyes()
    parts.hub.roster.leave("/", 1, now=0.0)  # type: ignore[arg-type]
    clock.advance(1)
    parts.shut_down()
    await parts.wait_closed()
    store = open_store(tmp_path / "history.sqlite3")
    now_s = int(parts.unix_s())
    points = store.series("/", now_s - 80, now_s, Step.MINUTE, ZoneInfo("UTC"))
    store.close()
    assert {point.visitors.least for point in points[1:] if point.visitors is not None} == {1}


async def test_a_second_start_on_the_same_loop_goes_on_with_the_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "CLOSE_S", 10.0)
    live = Live(history=True, data_dir=str(tmp_path), timezone="UTC")
    clock = FakeClock()
    live.assembly.clock.follow(clock)
    for number in range(2):
        heard: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        said: asyncio.Queue[Any] = asyncio.Queue()
        lifespan = asyncio.create_task(live({"type": "lifespan"}, heard.get, said.put))
        heard.put_nowait({"type": "lifespan.startup"})
        await said.get()
        live.assembly.hub.roster.join(f"/{number}", number)  # type: ignore[arg-type]
        clock.advance(1)
        live.assembly.hub.roster.leave(f"/{number}", number, now=0.0)  # type: ignore[arg-type]
        heard.put_nowait({"type": "lifespan.shutdown"})
        await lifespan
        clock.advance(1)
    store = open_store(tmp_path / "history.sqlite3")
    assert store.pages(9, "") == ["/0", "/1"]
    store.close()


async def test_a_late_request_to_a_server_that_stops_begins_no_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = Assembly(Settings(history="on", data_dir=str(tmp_path)))
    assert parts.history is not None
    assert parts.begin()
    parts.shut_down()
    await parts.wait_closed()
    monkeypatch.setattr("nannin.app.assembly.host_is_stopping", lambda: True)
    assert not parts.begin()
    with pytest.raises(HistoryAway, match="the server stops"):
        await parts.history.ask(lambda store: store)
    monkeypatch.setattr("nannin.app.assembly.host_is_stopping", lambda: False)
    assert parts.begin()
    assert not parts.begin()
    assert await parts.history.ask(lambda store: store.pages(9)) == []
    parts.shut_down()
    await parts.wait_closed()


async def test_what_joins_and_leaves_is_in_the_file(tmp_path: Path) -> None:
    parts = Assembly(Settings(history="on", data_dir=str(tmp_path), timezone="UTC", groups=("/shop/*",)))
    assert parts.history is not None
    clock = FakeClock()
    parts.clock.follow(clock)
    parts.begin()
    for number in range(3):
        parts.hub.roster.join("/", number, "ann" if number else None)  # type: ignore[arg-type]
        parts.hub.roster.join(f"/shop/{number}", number, "ann" if number else None)  # type: ignore[arg-type]
    clock.advance(60)
    await parts.history.flush()
    parts.shut_down()
    await parts.wait_closed()
    store = open_store(tmp_path / "history.sqlite3")
    peaks = {(peak.page, str(peak.metric)): peak.value for peak in store.peaks()}
    store.close()
    for page in ("/", "/shop/*"):
        assert (peaks[page, "visitors"], peaks[page, "connections"]) == (2, 3)
    assert peaks["/shop/1", "visitors"] == 1
