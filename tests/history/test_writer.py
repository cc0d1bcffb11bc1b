"""One thread writes and answers; what fails is kept, told once, and tried again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from nannin.audience.tally_rows import NOBODY, Period, Row
from nannin.errors import HistoryAway, HistoryError
from nannin.history import writer as writer_module
from nannin.history.writer import MAX_ASKED, Writer
from support.fake_history import FakeLead, FakeStore, until


def row(page: str = "/", start_s: int = 60) -> Row:
    return Row(page, Period.MINUTE, start_s, start_s * 1000, start_s * 1000 + 1, NOBODY, NOBODY, 1)


class Office:
    """A writer on a store in memory."""

    def __init__(self) -> None:
        self.store = FakeStore()
        self.lead = FakeLead(self.store)
        self.led: list[bool] = []
        self.writer = Writer(self.store.open, self.lead, "memory", self.note_lead)

    def note_lead(self, covered: Callable[[int], int] | None) -> None:
        self.led.append(covered is not None)

    async def flush(self) -> None:
        await asyncio.wrap_future(self.writer.flush())

    async def end(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(writer_module, "CLOSE_S", 10.0)


async def test_rows_are_written_by_the_one_who_leads() -> None:
    office = Office()
    office.writer.start()
    await until(lambda: office.writer.is_leader)
    await until(lambda: office.store.opened == 1)  # before it is needed
    office.writer.put([row("/a"), row("/b")], 7)
    await until(lambda: len(office.store.rows) == 2)
    assert office.led[0]
    await office.end()
    assert (office.store.opened, office.store.closed, office.store.lock_holder) == (1, 1, None)


async def test_one_that_has_just_started_lets_others_lead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "LOOK_EVERY_S", 0.1)
    office = Office()
    office.writer = Writer(office.store.open, office.lead, "memory", office.note_lead, lets_others_lead=True)
    office.writer.start()
    await office.flush()
    assert not office.writer.is_leader
    await until(lambda: office.writer.is_leader)
    await office.end()


async def test_only_joins_are_written_by_the_others() -> None:
    office = Office()
    office.store.lock_holder = FakeLead(office.store)
    office.writer.start()
    office.writer.put([row()], 7)
    office.writer.put([row()], 7, is_own=True)
    await office.flush()
    assert (len(office.store.rows), len(office.store.joins)) == (0, 1)
    assert office.writer.lag_s == 0
    await office.end()


async def test_joins_are_not_written_where_another_server_keeps_its_history(
    caplog: pytest.LogCaptureFixture,
) -> None:
    office = Office()
    office.store.lock_holder = FakeLead(office.store)
    office.lead.is_foreign = True
    office.writer.put([row()], 7, is_own=True)
    office.writer.start()
    await office.flush()
    await until(lambda: "another server keeps its history in memory" in caplog.text)
    assert office.store.joins == {}
    await office.end()
    assert len(caplog.records) == 1


async def test_questions_are_answered_in_the_thread() -> None:
    office = Office()
    office.writer.start()

    def fail(store: FakeStore) -> None:
        raise HistoryError("no")

    assert await asyncio.wrap_future(office.writer.ask(lambda store: store)) is office.store
    with pytest.raises(HistoryError, match="no"):
        await asyncio.wrap_future(office.writer.ask(fail))
    cancelled = office.writer.ask(lambda store: 1)
    cancelled.cancel()
    await office.flush()
    await office.end()
    with pytest.raises(HistoryAway, match="the server stops"):
        office.writer.ask(lambda store: store)
    await office.flush()


async def test_too_many_questions_are_refused_while_the_disk_is_slow() -> None:
    office = Office()
    office.writer.start()
    await until(lambda: office.store.opened == 1)
    office.store.gate.clear()
    asked = [office.writer.ask(lambda store: store.write([], 7) or 1)]
    await until(lambda: not office.writer._asked)  # it is being answered
    asked += [office.writer.ask(lambda store: 1) for _ in range(MAX_ASKED)]
    with pytest.raises(HistoryAway, match="slow"):
        office.writer.ask(lambda store: 1)
    office.writer.close()
    office.store.gate.set()
    answers = await asyncio.gather(*map(asyncio.wrap_future, asked), return_exceptions=True)
    assert answers[0] == 1
    assert all(answer == 1 or isinstance(answer, HistoryAway) for answer in answers)


async def test_what_fails_is_kept_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    office = Office()
    office.writer.start()
    await until(lambda: office.writer.is_leader)
    office.store.error = HistoryAway("the disk is full")
    office.writer.put([row("/a")], 7)
    for _ in range(3):
        await office.flush()
    assert office.store.rows == {}
    assert office.writer.lag_s > 0
    assert [record.getMessage() for record in caplog.records] == [
        "history can't be written, and is kept in memory for now: the disk is full"
    ]
    office.store.error = None
    await until(lambda: len(office.store.rows) == 1)
    await until(lambda: office.writer.lag_s == 0)
    await until(lambda: "history is written again" in caplog.records[-1].getMessage())
    office.store.error = OSError("gone")
    office.writer.put([row("/b")], 7)
    await until(lambda: "OSError: gone" in caplog.text)
    office.store.error = None
    await office.end()
    assert len(office.store.rows) == 2


async def test_too_many_rows_are_dropped_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    office = Office()
    office.writer._waiting._most = 2
    office.writer.start()
    await until(lambda: office.writer.is_leader)
    office.store.error = HistoryAway("slow")
    office.writer.put([row("/a", 60), row("/a", 120)], 7)
    await office.flush()
    office.writer.put([row("/a", 180), row("/a", 240)], 7)
    await office.flush()
    office.store.error = None
    await office.end()
    assert office.writer.dropped == 2
    assert caplog.text.count("too many rows") == 1
    assert {row.start_s for row in office.store.rows.values()} == {180, 240}


async def test_a_lead_that_was_lost_is_taken_again_or_given_up() -> None:
    office = Office()
    office.writer.start()
    await until(lambda: office.writer.is_leader)
    office.store.lock_holder = None
    office.writer.put([row("/a")], 7)
    await until(lambda: len(office.store.rows) == 1)
    office.store.lock_holder = FakeLead(office.store)
    office.writer.put([row("/b")], 7)
    await until(lambda: not office.writer.is_leader)
    await office.flush()
    assert len(office.store.rows) == 1
    assert office.led == [True, False]
    office.store.lock_holder = None
    await until(lambda: office.led == [True, False, True])
    await office.end()


async def test_a_lead_that_can_not_be_begun_is_released(caplog: pytest.LogCaptureFixture) -> None:
    office = Office()
    wrong = [OSError("away"), OSError("away")]

    def begin(covered: Callable[[int], int] | None) -> None:
        if wrong:
            raise wrong.pop()

    office.writer = Writer(office.store.open, office.lead, "memory", begin)
    office.writer.start()
    await until(lambda: office.writer.is_leader)
    assert wrong == []
    assert [record.getMessage() for record in caplog.records] == [
        "it can't be seen whether another process writes the history: OSError: away"
    ]
    await office.end()


async def test_one_that_ends_waits_for_another_that_ends_with_the_lead_and_for_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writer_module, "LEAD_S", 10.0)
    office, other = Office(), FakeLead(FakeStore())
    office.store.lock_holder = other
    office.writer.start()
    await office.flush()
    await office.end()
    assert office.led == []
    office.writer = Writer(office.store.open, office.lead, "memory", office.note_lead)
    other._ends = True
    office.writer.start()
    await office.flush()
    office.writer.close()
    await until(lambda: office.lead.is_ending)
    office.store.lock_holder = None
    await office.writer.wait_closed()
    assert office.led[0]


async def test_one_that_ends_waits_no_longer_than_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "LEAD_S", 0.05)
    office, other = Office(), FakeLead(FakeStore())
    office.store.lock_holder, other._ends = other, True
    office.writer.start()
    office.writer.put([row()], 7, is_own=True)
    await office.end()
    assert (office.led, len(office.store.joins)) == ([], 1)


async def test_what_is_old_is_deleted_by_the_one_who_leads(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writer_module, "EXPIRE_EVERY_S", 0.0)
    office = Office()
    office.writer.start()
    await until(lambda: office.writer.is_leader)
    office.writer.put([row()], 7)
    await until(lambda: office.store.expired > 0)
    office.store.error = HistoryAway("busy")
    await until(lambda: "busy" in caplog.text)
    office.store.error = None
    await office.end()


async def test_the_store_is_opened_at_the_start_and_tried_again_where_that_fails(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writer_module, "LOOK_EVERY_S", 0.01)
    office = Office()
    office.store.error = HistoryAway("no disk")
    office.writer.start()
    await until(lambda: "no disk" in caplog.text)
    office.store.error = None
    await until(lambda: office.store.opened == 1)
    await office.end()


async def test_a_writer_that_was_never_started_ends_at_once() -> None:
    office = Office()
    await office.end()
    await office.end()


async def test_a_disk_that_hangs_does_not_hold_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "CLOSE_S", 0.02)
    monkeypatch.setattr(writer_module, "END_S", 0.02)
    office = Office()
    office.writer.start()
    await until(lambda: office.writer.is_leader)
    office.store.gate.clear()
    office.writer.put([row()], 7)
    await office.end()
    assert not office.writer.ended.done()
    office.writer._wait_at_exit()
    office.store.gate.set()
    assert office.writer._thread is not None
    office.writer._thread.join(5)
