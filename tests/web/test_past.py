"""Readers of the history have their turn, one at a time, and the public only a share of the time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from nannin.errors import HistoryError
from nannin.web.past import KEPT_BYTES, KEPT_S, MAX_WAITING, PUBLIC_SHARE, TOLD_EVERY_S, Kept, Past, Turns
from support.fake_past import NOW_S, TOKYO, FakeHistory
from support.fakes import FakeClock


class Reader:
    """A history by hand and its reader."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.history = FakeHistory(self.clock)
        self.past = Past(self.history, self.clock, lambda: NOW_S, TOKYO)

    async def answer(self, key: str, cost_s: float = 0.0, *, is_trusted: bool = False) -> bytes:
        def make(_store: object) -> bytes:
            self.clock.spend(cost_s)
            return key.encode()

        return await self.past.answer(key, make, is_trusted=is_trusted)


async def turns_pass() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def run(main: Callable[[], Awaitable[Any]]) -> Any:
    async def bounded() -> Any:
        async with asyncio.timeout(5):
            return await main()

    return asyncio.run(bounded())


def refusal(of: Callable[[], Awaitable[Any]]) -> tuple[int, str]:
    with pytest.raises(HTTPException) as caught:
        run(of)
    return caught.value.status_code, caught.value.detail


def test_an_answer_is_made_once_for_all_who_ask_in_the_same_moment() -> None:
    reader = Reader()

    async def main() -> list[bytes]:
        return await asyncio.gather(*(reader.answer("a") for _ in range(5)))

    assert run(main) == [b"a"] * 5
    assert reader.history.asked == 1
    reader.clock.spend(KEPT_S)
    run(lambda: reader.answer("a"))
    assert reader.history.asked == 2


def test_any_number_may_wait_for_the_same_answer() -> None:
    reader = Reader()

    async def main() -> set[bytes]:
        await reader.answer("a", 1.0)
        waiting = [asyncio.ensure_future(reader.answer("b")) for _ in range(10 * MAX_WAITING)]
        await turns_pass()
        waiting[0].cancel()  # the one who asks for all of them
        await turns_pass()
        reader.clock.advance(10.0)
        return set(await asyncio.gather(*waiting[1:]))

    assert run(main) == {b"b"}
    assert reader.history.asked == 2


def test_whoever_waits_for_an_answer_that_fails_asks_for_it_again() -> None:
    reader = Reader()
    failing = [HistoryError("the disk is gone")]

    async def main() -> list[bytes | BaseException]:
        def make(_store: object) -> bytes:
            if failing:
                raise failing.pop()
            return b"a"

        asking = (reader.past.answer("a", make) for _ in range(3))
        return await asyncio.gather(*asking, return_exceptions=True)

    first, *others = run(main)
    assert isinstance(first, HTTPException)
    assert others == [b"a", b"a"]


def test_the_public_takes_a_share_of_the_time_only() -> None:
    reader = Reader()

    async def main() -> None:
        await reader.answer("a", 0.1)
        second = asyncio.ensure_future(reader.answer("b"))
        await turns_pass()
        assert not second.done()
        reader.clock.advance(0.1 * (1 / PUBLIC_SHARE - 1) - 0.01)
        await turns_pass()
        assert not second.done()
        reader.clock.advance(0.02)
        assert await second == b"b"

    run(main)


def test_those_who_may_read_lists_do_not_wait_for_the_public() -> None:
    reader = Reader()

    async def main() -> bytes:
        await reader.answer("a", 10.0)
        public = asyncio.ensure_future(reader.answer("b"))
        await turns_pass()
        await reader.answer("c", 10.0, is_trusted=True)
        public.cancel()
        return await reader.answer("d", is_trusted=True)

    assert run(main) == b"d"


def test_whoever_gives_up_waiting_keeps_nobody_else_waiting() -> None:
    reader = Reader()

    async def main() -> bytes:
        await reader.answer("a", 1.0)
        waiting = [asyncio.ensure_future(reader.answer(key)) for key in "bcd"]
        await turns_pass()
        for each in waiting[:2]:
            each.cancel()
        await turns_pass()
        assert reader.clock.pending == 1
        reader.clock.advance(10.0)
        return await waiting[2]

    assert run(main) == b"d"
    assert reader.clock.pending == 0


def test_too_many_who_wait_are_sent_away() -> None:
    reader = Reader()

    async def main() -> None:
        await reader.answer("a", 1.0)
        waiting = [asyncio.ensure_future(reader.answer(str(n))) for n in range(MAX_WAITING + 1)]
        await turns_pass()
        try:
            await reader.answer("one too many")
        finally:
            for each in waiting:
                each.cancel()

    assert refusal(main) == (503, "too many readers of the history; try again in a second")


def test_a_refusal_costs_time_as_well() -> None:
    reader = Reader()

    def refuse(_store: object) -> bytes:
        reader.clock.spend(1.0)
        raise HTTPException(404, "no")

    async def main() -> bool:
        with pytest.raises(HTTPException):
            await reader.past.answer("a", refuse)
        second = asyncio.ensure_future(reader.answer("b"))
        await turns_pass()
        is_done = second.done()
        second.cancel()
        return is_done

    assert not run(main)


def test_where_no_history_is_kept_nobody_reads_it() -> None:
    past = Past(None, FakeClock())
    assert not past.is_kept
    off = (404, "this server keeps no history: the setting history says where it would be kept")
    assert refusal(lambda: past.answer("a", lambda _store: b"")) == off
    assert refusal(lambda: past.read(lambda _store: 1)) == off


def test_why_a_history_can_not_be_read_is_told_once_to_the_log_and_not_to_the_public(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reader = Reader()
    told = (503, "the history can't be read now; try again in a second")
    for reason in ("no route to 10.1.2.3", "no route to 10.1.2.4"):
        reader.history.error = HistoryError(reason)
        owners = (503, f"{told[1]}. The reason: {reason}")
        assert refusal(lambda: reader.past.read(lambda _store: 1)) == owners
        assert refusal(lambda: reader.past.answer("a", lambda _store: b"", is_trusted=True)) == owners
        assert refusal(lambda: reader.answer("a")) == told
    assert caplog.messages == ["history can't be read: no route to 10.1.2.3"]


def test_a_history_that_can_be_read_again_and_again_not_is_told_once_in_a_while(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reader = Reader()
    for _ in range(3):
        reader.history.error = HistoryError("the disk is slow")
        assert refusal(lambda: reader.answer("a"))[0] == 503
        reader.history.error = None
        assert run(lambda: reader.answer("a")) == b"a"
        reader.clock.spend(TOLD_EVERY_S / 2)
    assert len(caplog.messages) == 2


def test_what_is_read_for_those_who_may_is_read_each_time() -> None:
    reader = Reader()
    assert [run(lambda: reader.past.read(lambda store: list(store.pages(1)))) for _ in range(2)] == [[], []]
    assert reader.history.asked == 2


def test_the_zone_is_the_owners_unless_another_is_named() -> None:
    assert Reader().past.zone().key == TOKYO
    assert Reader().past.zone("Europe/Berlin").key == "Europe/Berlin"
    with pytest.raises(ValueError, match="time zone"):
        Reader().past.zone("Europe/Atlantis")


def test_without_a_setting_the_zone_is_the_machines() -> None:
    past = Past(None, FakeClock())
    assert past.zone() is past.zone()


def test_answers_are_kept_while_there_is_room() -> None:
    clock = FakeClock()
    kept = Kept(clock.now)
    kept.put("old", b"x" * (KEPT_BYTES // 2))
    kept.put("new", b"y" * (KEPT_BYTES // 2))
    assert kept.get("old") is not None
    kept.put("new", b"z")
    kept.put("more", b"y" * (KEPT_BYTES // 2))
    assert (kept.get("old"), kept.get("new")) == (None, b"z")
    clock.spend(KEPT_S)
    assert kept.get("new") is None
    kept.put("huge", b"x" * (KEPT_BYTES + 1))
    assert kept.get("huge") is None


def test_a_turn_is_passed_on_when_one_fails() -> None:
    turns = Turns(FakeClock(), 1.0)

    async def main() -> None:
        with pytest.raises(RuntimeError):
            async with turns.take():
                raise RuntimeError
        async with turns.take():
            pass

    run(main)
