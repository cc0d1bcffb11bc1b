"""All hooks of a Live: which pages they follow, who tells, and what outlasts a restart."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from nannin.audience.roster import Count, StaleCount
from nannin.errors import SettingsError
from nannin.hook import Hook, make_hook
from nannin.hooks.hooks import Hooks, Turn
from nannin.hooks.notices import Notice
from support.fake_clock import FakeClock
from support.receivers import receiver

ONE = Count(1, 1, 1)


class House:
    """Hooks with a clock of the test, whose functions note what they are told."""

    def __init__(self, *tables: dict[str, Any], turn: Turn = Turn(True), path: Path | None = None) -> None:  # noqa: B008
        self.clock = FakeClock()
        self.turn = turn
        self.told: list[Notice] = []
        ids = itertools.count(1)
        self.hooks = self.make(path, lambda: str(next(ids)))
        for table in tables:
            self.hooks.add(make_hook(table), self.told.append)
        self.hooks.open()

    def make(self, path: Path | None, new_id: Any, *hooks: Hook) -> Hooks:
        return Hooks(
            hooks,
            ["127.0.0.1"],
            self.clock,
            lambda: 1_000_000.0 + self.clock.now(),
            lambda: self.turn,
            new_id,
            path,
            {},
        )

    def hear(self, page: str, count: Count = ONE) -> None:
        self.hooks.hear(page, count)

    @property
    def pages(self) -> list[str]:
        """The pages that were told of."""
        return [notice.page for notice in self.told]


OCCUPIED = {"on": "occupied", "debounce": 0}


def test_a_function_is_called_with_a_notice_once_the_debounce_is_over() -> None:
    house = House({"on": "occupied", "page": "/", "name": "mine"})
    house.hear("/")
    house.clock.advance(9.9)
    assert house.told == []
    house.clock.advance(0.2)
    (notice,) = house.told
    assert (notice.id, notice.hook, notice.what, notice.page, notice.count) == (
        "1",
        "mine",
        "occupied",
        "/",
        ONE,
    )
    assert notice.since_unix_s == 1_001_000.0
    assert notice.at_unix_s == pytest.approx(1_001_010.0)


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ({"page": "/news"}, ["/news"]),
        ({"page": "/news/*"}, ["/news/1", "/news/a/b"]),
        ({"page": "/{section}"}, ["/news", "/shop", "/%E6%97%A5"]),
        ({"page": "/日"}, ["/%E6%97%A5"]),
        ({"group": "/news/*"}, ["/news/*"]),
    ],
)
def test_a_hook_is_for_a_page_for_each_of_many_or_for_a_group(where: dict[str, str], told: list[str]) -> None:
    house = House({**OCCUPIED, **where})
    for page in ("/news", "/news/1", "/news/a/b", "/news/*", "/shop", "/%E6%97%A5"):
        house.hear(page)
    assert house.pages == told
    assert all(notice.is_group is ("group" in where) for notice in house.told)


def test_only_what_hooks_are_for_is_watched() -> None:
    exact = House({**OCCUPIED, "page": "/日"}, {**OCCUPIED, "group": "/shop/*"}).hooks
    assert exact.watched == {"/日", "/%E6%97%A5", "/shop/*"}
    assert exact.groups == ["/shop/*"]
    assert House({**OCCUPIED, "page": "/"}, {**OCCUPIED, "page": "/news/*"}).hooks.watched == {None}
    assert House().hooks.watched == set()


def test_a_count_that_may_be_wrong_is_left_out() -> None:
    house = House({"on": "vacated", "page": "/", "debounce": 0})
    house.hear("/")
    house.hear("/", StaleCount(0, 0, 0))
    assert house.told == []
    house.hear("/", Count())
    assert house.pages == ["/"]


def test_another_node_tells_and_this_one_goes_on_where_it_ended() -> None:
    house = House({**OCCUPIED, "page": "/*"})
    house.turn = Turn(False, house.clock.now())
    house.clock.advance(2)
    house.hear("/a")
    house.clock.advance(10)
    house.hear("/b")
    house.turn = Turn(False, house.clock.now() - 5)  # the other one was alive then
    house.clock.advance(1.5)
    house.turn = Turn(True, house.turn.others_until_s)
    house.clock.advance(1.5)
    assert house.pages == ["/b"]
    house.hear("/c")
    assert house.pages == ["/b", "/c"]


def test_what_is_held_back_is_bounded() -> None:
    house = House({**OCCUPIED, "page": "/*"}, turn=Turn(False))
    for number in range(1_100):
        house.hear(f"/{number}")
    house.turn = Turn(True)
    house.clock.advance(2)
    assert len(house.told) == 1_000


def test_the_end_is_no_news_and_a_new_start_begins_anew() -> None:
    house = House({"on": "vacated", "page": "/", "debounce": 0}, {**OCCUPIED, "page": "/"})
    house.hear("/")
    house.hooks.close()
    house.hooks.join()
    house.hear("/", Count())
    assert [notice.what for notice in house.told] == ["occupied"]
    house.hooks.open()
    house.hooks.open()
    house.hear("/")
    assert [notice.what for notice in house.told] == ["occupied", "occupied"]


def test_names_of_functions_are_told_apart() -> None:
    house = House({**OCCUPIED, "page": "/", "name": "mine"}, {**OCCUPIED, "page": "/", "name": "mine"})
    house.hear("/")
    assert [notice.hook for notice in house.told] == ["mine", "mine (2)"]


def test_more_pages_than_can_be_followed_are_told_to_the_log_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    house = House({**OCCUPIED, "page": "/*"})
    house.hooks._followed[0].rule._most_pages = 2
    for number in range(10):
        house.hear(f"/{number}")
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warnings == [
        "the hook occupied /* (occupied of /*) follows 2 pages and no more: others are not told of"
    ]


def test_what_can_not_work_is_said_at_once() -> None:
    with pytest.raises(SettingsError, match="U, which is not set"):
        House().make(None, str, Hook(name="h", on="occupied", page="/", url_variable="U"))


async def test_a_webhook_is_delivered_and_counted() -> None:
    house = House()
    with receiver() as one:
        hook = Hook(name="h", on="occupied", page="/", debounce=0.0, url=one.url)
        hooks = house.make(None, lambda: "abc", hook)
        assert (hooks.waiting, hooks.delivered, hooks.failed, hooks.dropped) == (0, 0, 0, 0)
        hooks.open()
        hooks.hear("/", ONE)
        (got,) = await asyncio.to_thread(one.wait_for, 1)
        assert json.loads(got.body)["data"]["page"] == "/"
        async with asyncio.timeout(5):
            while not hooks.delivered:
                await asyncio.sleep(0.01)
        assert (hooks.waiting, hooks.failed, hooks.dropped) == (0, 0, 0)
        hooks.close()
        await asyncio.to_thread(hooks.join)


async def test_a_restart_tells_nothing_again(tmp_path: Path) -> None:
    path = tmp_path / "hooks.sqlite3"
    house = House()
    for page in ("/a", "/b"):
        hooks = house.make(path, str)
        told: list[Notice] = []
        hooks.add(make_hook({**OCCUPIED, "page": "/*", "name": "mine"}), told.append)
        hooks.open()
        await opened(hooks)
        for heard in ("/a", page):
            hooks.hear(heard, ONE)
        assert [notice.page for notice in told] == [page]
        house.clock.advance(6)
        hooks.close()
        await asyncio.to_thread(hooks.join)


async def opened(hooks: Hooks) -> None:
    """Returns once hooks know what was remembered."""
    hooks.open()
    async with asyncio.timeout(5):
        while hooks._early is not None:
            await asyncio.sleep(0.01)


async def test_after_a_crash_nothing_is_told_again_and_nothing_is_left_out(tmp_path: Path) -> None:
    house = House()
    tables = ({**OCCUPIED, "page": "/*"}, {"on": "vacated", "page": "/*", "debounce": 0})
    told: list[tuple[str, str]] = []
    for crash in range(3):
        hooks = house.make(tmp_path / "hooks.sqlite3", str)
        for table in tables:
            hooks.add(make_hook(table), lambda notice: told.append((notice.what, notice.page)))
        hooks.open()
        for number in range(crash + 1):  # they are back before it is known what was remembered
            hooks.hear(f"/{number}", ONE)
        await opened(hooks)
        assert told == [("occupied", f"/{number}") for number in range(crash + 1)]
        house.clock.advance(0)
        assert hooks._delivery is not None
        hooks._delivery.stop()  # and nothing is put away any more: this is a crash a moment later
        await asyncio.to_thread(hooks._delivery.join, 5)
        hooks._alarm.cancel()
    hooks = house.make(tmp_path / "hooks.sqlite3", str)
    for table in tables:
        hooks.add(make_hook(table), lambda notice: told.append((notice.what, notice.page)))
    del told[:]
    await opened(hooks)
    hooks.hear("/1", ONE)
    house.clock.advance(44)
    assert told == [], "clients may be on their way back"
    house.clock.advance(2)
    assert told == [("vacated", "/0"), ("vacated", "/2")]
    hooks.close()
    await asyncio.to_thread(hooks.join)


async def test_who_takes_over_tells_once_of_an_end_that_the_file_has_not_heard_of(tmp_path: Path) -> None:
    house = House()
    table = {"on": "vacated", "page": "/*", "debounce": 0}
    first, second = (house.make(tmp_path / "hooks.sqlite3", str) for _ in range(2))
    for hooks in (first, second):
        hooks.add(make_hook(table), house.told.append)
    await opened(first)
    house.turn = Turn(False)
    second.open()
    house.turn = Turn(False, house.clock.now())
    for hooks in (first, second):
        hooks.hear("/a", ONE)
    house.clock.advance(1.5)
    house.turn = Turn(True, house.turn.others_until_s)
    first._put_away()
    assert first._delivery is not None
    first._delivery.stop()  # and nothing is put away any more: this is a crash a moment later
    await asyncio.to_thread(first._delivery.join, 5)
    first._alarm.cancel()
    restored = asyncio.Event()
    restore = second._restore

    def note(memory: Mapping[tuple[str, str], bytes]) -> None:
        restore(memory)
        restored.set()

    second._restore = note  # type: ignore[method-assign]
    second.hear("/a", Count())
    await asyncio.wait_for(restored.wait(), 5)
    house.clock.advance(60)
    assert house.pages == ["/a"]
    second.close()
    await asyncio.to_thread(second.join)


async def test_a_node_among_others_waits_for_no_memory_of_its_own(tmp_path: Path) -> None:
    house = House()
    house.turn = Turn(False)
    hooks = house.make(tmp_path / "hooks.sqlite3", str)
    hooks.add(make_hook({**OCCUPIED, "page": "/*"}), house.told.append)
    hooks.open()
    hooks.hear("/a", ONE)
    house.turn = Turn(False, house.clock.now() - 1)
    house.clock.advance(2)
    hooks.hear("/b", ONE)
    house.turn = Turn(True, house.turn.others_until_s)
    house.clock.advance(2)
    assert house.pages == ["/b"], "the one before it has told of /a"
    hooks.close()
    await asyncio.to_thread(hooks.join)


def test_that_clients_are_sent_away_is_no_news() -> None:
    house = House({"on": "vacated", "page": "/", "debounce": 0})
    house.hear("/")
    house.hooks.stay(30.0)
    house.hear("/", Count())
    house.clock.advance(74)
    assert house.told == []
    house.clock.advance(2)
    assert house.pages == ["/"]


async def test_what_a_hook_remembered_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "hooks.sqlite3"
    house = House()
    for name in ("old", "new"):
        hooks = house.make(path, str)
        hooks.add(make_hook({**OCCUPIED, "page": "/", "name": name}), house.told.append)
        await opened(hooks)
        hooks.hear("/", ONE)
        hooks.close()
        await asyncio.to_thread(hooks.join)
    from nannin.hooks.kept import Kept

    kept = Kept(path)
    assert list(kept.memory()) == [("new", "/")]
    kept.close()


def test_peaks_of_the_past_are_told_to_those_who_go_by_them() -> None:
    house = House(
        {"on": "peak", "page": "/*", "debounce": 0},
        {"on": "peak", "page": "/*", "of": "connections", "period": "day"},
        {"on": "peak", "page": "/*", "of": "visible"},
        {**OCCUPIED, "page": "/*", "of": "connections"},
    )
    assert house.hooks.seeds == {"visitors"}
    house.hooks.seed("visitors", [("/a", 20), ("/b", 5)])
    house.hooks.seed("connections", [("/c", 20)])
    for page in ("/a", "/b", "/c"):
        house.hear(page, Count(0, 21, 0))
    assert [(notice.page, notice.former) for notice in house.told] == [("/a", 20)]


def test_a_node_that_comes_later_finds_no_news_in_what_is_so_already() -> None:
    house = House({**OCCUPIED, "page": "/*"}, turn=Turn(False))
    house.hear("/a")
    house.turn = Turn(False, house.clock.now() - 1)
    house.clock.advance(2)
    house.hear("/b")
    house.turn = Turn(True, house.turn.others_until_s)
    house.clock.advance(2)
    assert house.pages == ["/b"]


async def test_on_a_stage_nobody_outside_is_told(tmp_path: Path) -> None:
    house = House()
    with receiver() as one:
        hook = Hook(name="h", on="occupied", page="/", debounce=0.0, url=one.url)
        hooks = house.make(tmp_path / "hooks.sqlite3", str, hook)
        hooks.add(make_hook({**OCCUPIED, "page": "/"}), house.told.append)
        hooks.delivers = False
        hooks.open()
        hooks.hear("/", ONE)
        assert house.pages == ["/"]
        hooks.close()
        await asyncio.to_thread(hooks.join)
        assert (one.connections, list(tmp_path.iterdir())) == (0, [])


def test_where_nothing_is_kept_no_page_is_remembered_that_has_changed() -> None:
    house = House({**OCCUPIED, "page": "/*"})
    for number in range(10):
        house.hear(f"/{number}")
        house.hear(f"/{number}", Count())
    assert house.hooks._followed[0].rule.has_changed
    house.clock.advance(6)
    assert not house.hooks._followed[0].rule.has_changed
    assert house.clock.pending == 0
