"""Delivery: the clerk with a clock of the test, and its threads with a receiver in this process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nannin.hook import Hook
from nannin.hooks.addresses import Addresses
from nannin.hooks.delivery import Clerk, Delivery
from nannin.hooks.destinations import Destination, Outcome, make_destination
from nannin.hooks.kept import Kept, NotKept
from nannin.hooks.line import GIVE_UP_S
from nannin.hooks.notices import Notice
from support.receivers import receiver

DONE, FAILED = Outcome(True), Outcome(False, "it is away")


def notice(id: str, at_unix_s: float = 1_000_000.0) -> Notice:
    return Notice(
        id=id, hook="h", what="occupied", page="/", value=1, at_unix_s=at_unix_s, since_unix_s=at_unix_s
    )


class Office:
    """A clerk, and a clock for it."""

    def __init__(self, *names: str, open_kept: Callable[[], Kept] | None = None) -> None:
        self.now = 0.0
        self.memory: list[Any] = []
        hooks = [Hook(name=name, on="occupied", page="/") for name in names or ("h",)]
        self.clerk = Clerk(
            {hook.name: Destination(hook, "https://example.org/", (), Addresses(), {}) for hook in hooks},
            open_kept,
            now=lambda: self.now,
            unix_s=lambda: 1_000_000.0 + self.now,
            chance=lambda: 1.0,
            on_memory=self.memory.append,
        )

    def work(self) -> list[str]:
        """The ids of what is tried now."""
        return [job.notice.id for job in self.clerk.work()]


def test_a_notice_is_tried_at_once_and_again_after_a_pause(caplog: pytest.LogCaptureFixture) -> None:
    office = Office()
    office.clerk.tell("h", notice("a"))
    assert (office.clerk.next_s() <= 0, office.work(), office.work()) == (True, ["a"], [])
    office.clerk.done("h", FAILED)
    assert (office.clerk.next_s(), office.work()) == (5.0, [])
    office.now = 5.0
    assert office.work() == ["a"]
    office.clerk.done("h", DONE)
    assert (len(office.clerk), office.clerk.delivered, office.clerk.failed) == (0, 1, 1)
    assert [record.getMessage() for record in caplog.records] == [
        "the hook h failed, attempt 1: it is away",
        "the hook h works again after 1 attempts",
    ]


def test_a_destination_that_fails_for_long_is_told_of_more_and_more_rarely(
    caplog: pytest.LogCaptureFixture,
) -> None:
    office = Office()
    office.clerk.tell("h", notice("a"))
    for _ in range(20):
        office.work()
        office.clerk.done("h", FAILED)
        office.now += 3_600
    assert len(caplog.records) == 5


def test_one_that_fails_holds_up_no_other() -> None:
    office = Office("h", "i")
    for name in ("h", "i"):
        office.clerk.tell(name, notice(name))
    assert office.work() == ["h", "i"]
    office.clerk.done("h", FAILED)
    office.clerk.done("i", DONE)
    office.clerk.tell("i", notice("more"))
    assert office.work() == ["more"]


def test_sixteen_attempts_are_made_at_once() -> None:
    names = "abcdefghijklmnopqr"
    office = Office(*names)
    for name in names:
        office.clerk.tell(name, notice(name))
    assert office.work() == list(names[:16])
    assert office.clerk.next_s() == float("inf")
    office.clerk.done("b", DONE)
    assert office.work() == ["q"]


def test_a_notice_is_given_up_after_a_day(caplog: pytest.LogCaptureFixture) -> None:
    office = Office()
    office.clerk.tell("h", notice("a"))
    office.work()
    office.clerk.done("h", Outcome(False, "no", GIVE_UP_S * 2))
    assert office.clerk.next_s() == GIVE_UP_S
    office.now = GIVE_UP_S
    assert (office.work(), office.clerk.dropped) == ([], 1)
    assert caplog.records[-1].getMessage() == "a notice of the hook h was given up after a day: occupied of /"


def test_a_receiver_that_is_gone_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    office = Office()
    for id in "ab":
        office.clerk.tell("h", notice(id))
    office.work()
    office.clerk.done("h", Outcome(False, "gone", is_gone=True))
    office.clerk.tell("h", notice("c"))
    assert (office.work(), len(office.clerk), office.clerk.dropped) == ([], 0, 3)
    assert "the hook h is off until the next start: its receiver is gone" in caplog.messages


def test_what_waits_is_delivered_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "hooks.sqlite3"
    office = Office(open_kept=lambda: Kept(path))
    for id in "abc":
        office.clerk.tell("h", notice(id))
    assert office.work() == ["a"]
    office.clerk.done("h", DONE)
    office.clerk.tell("h", notice("d"))
    office.work()
    office.clerk.close()  # while "b" is under way
    after = Office(open_kept=lambda: Kept(path))
    tried = []
    while ids := after.work():
        tried += ids
        after.clerk.done("h", DONE)
    assert tried == ["b", "c", "d"]
    after.clerk.close()
    Office(open_kept=lambda: Kept(path)).clerk.close()
    kept = Kept(path)
    assert kept.waiting() == []
    kept.close()


def test_what_waited_for_a_day_or_for_a_hook_that_is_gone_is_not_delivered(tmp_path: Path) -> None:
    path = tmp_path / "hooks.sqlite3"
    office = Office("h", "i", open_kept=lambda: Kept(path))
    office.clerk.tell("h", notice("old", 1_000_000.0 - GIVE_UP_S))
    office.clerk.tell("i", notice("gone"))
    office.clerk.close()
    after = Office(open_kept=lambda: Kept(path))
    assert (after.work(), len(after.clerk)) == ([], 0)
    after.clerk.close()
    kept = Kept(path)
    assert kept.waiting() == []
    kept.close()


def test_what_rules_remember_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "hooks.sqlite3"
    office = Office(open_kept=lambda: Kept(path))
    office.work()
    office.clerk.remember({("h", "/"): b"[1]"})
    assert office.clerk.next_s() <= office.now
    office.work()
    assert office.clerk.next_s() == float("inf")
    office.clerk.close()
    after = Office(open_kept=lambda: Kept(path))
    after.work()
    assert (office.memory, after.memory) == ([{}], [{("h", "/"): b"[1]"}])
    after.clerk.close()


def test_a_file_that_another_process_still_has_is_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "hooks.sqlite3"
    other = Kept(path)
    office = Office(open_kept=lambda: Kept(path))
    office.clerk.tell("h", notice("a"))
    assert office.work() == ["a"], "what can be told is told"
    office.clerk.done("h", FAILED)
    for _ in range(12):
        office.now = office.clerk.next_s()
        office.work()
    assert len([text for text in caplog.messages if "would not outlast" in text]) == 1
    other.close()
    office.now += 1.0
    office.work()
    office.clerk.close()
    kept = Kept(path)
    assert [one.notice.id for one in kept.waiting()] == ["a"]
    kept.close()


def test_what_rules_remembered_is_waited_for_and_not_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "hooks.sqlite3"
    other = Kept(path)
    other.put_away(states={("h", "/"): b"[1]"})
    office = Office(open_kept=lambda: Kept(path))
    for tries in range(1, 14):
        office.work()
        assert office.memory == ([] if tries < 10 else [{}])
        office.now = office.clerk.next_s()
    other.close()
    office.work()
    assert office.memory == [{}, {("h", "/"): b"[1]"}]
    office.clerk.close()


def test_a_file_that_can_not_be_read_is_closed_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(kept: Kept) -> Any:
        raise NotKept("the disk does not answer", may_pass=True)

    path = tmp_path / "hooks.sqlite3"
    office = Office(open_kept=lambda: Kept(path))
    with monkeypatch.context() as patch:
        patch.setattr(Kept, "memory", fails)
        office.work()
    office.now = office.clerk.next_s()
    office.work()
    assert office.memory == [{}]
    office.clerk.close()


def test_a_notice_and_what_is_remembered_of_it_are_put_away_together(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "hooks.sqlite3")
    delivery = Delivery(Office(open_kept=lambda: kept).clerk)
    delivery.tell([("h", notice("a"))], {("h", "/"): b"[1]"})
    assert delivery._hear(delivery.clerk)
    assert [job.notice.id for job in delivery.clerk.work()] == ["a"]
    assert ([one.notice.id for one in kept.waiting()], kept.memory()) == (["a"], {("h", "/"): b"[1]"})
    kept.close()


def test_without_a_file_that_can_be_used_it_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> Kept:
        raise NotKept("it is damaged", may_pass=False)

    office = Office(open_kept=fail)
    office.clerk.tell("h", notice("a"))
    assert office.work() == ["a"]
    assert caplog.messages == ["notices of hooks would not outlast a restart: it is damaged"]
    assert office.memory == [{}]
    office.clerk.remember({("h", "/"): b"[1]"})
    assert office.work() == []
    office.clerk.close()
    assert caplog.messages[-1] == "1 notices of hooks were not delivered, and are lost"


def deliver(url: str, timeout: float = 5.0, path: Path | None = None) -> Delivery:
    """The threads, for a receiver."""
    hook = Hook(name="h", on="occupied", page="/", url=url, timeout=timeout)
    destination = make_destination(hook, Addresses(["127.0.0.1"]), {})
    clerk = Clerk({"h": destination}, (lambda: Kept(path)) if path is not None else None, chance=lambda: 0.0)
    return Delivery(clerk)


def test_threads_deliver_and_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nannin.hooks.line._FIRST_S", 0.1)
    with receiver() as one:
        one.answers = [b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"]
        delivery = deliver(one.url)
        delivery.start()
        delivery.start()
        delivery.tell([("h", notice("a"))], {})
        first, again = one.wait_for(2)
        assert first.headers["webhook-id"] == again.headers["webhook-id"] == "a"
        assert first.body == again.body
        delivery.stop()
        delivery.join()


def test_the_end_waits_for_no_receiver(tmp_path: Path) -> None:
    hangs = threading.Event()
    with receiver() as one:
        one.answers = [lambda connection: bool(hangs.wait(10))]  # type: ignore[list-item]
        delivery = deliver(one.url, path=tmp_path / "hooks.sqlite3")
        delivery.start()
        delivery.tell([("h", notice("a"))], {})
        one.wait_for(1)
        delivery.stop()
        delivery.join(5)
        kept = Kept(tmp_path / "hooks.sqlite3")
        assert [waiting.notice.id for waiting in kept.waiting()] == ["a"]
        kept.close()
        hangs.set()


def test_a_mistake_of_ours_ends_one_attempt_and_not_the_thread(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nannin.hooks.line._FIRST_S", 0.1)

    class Broken(Destination):
        def send(self, notice: Notice, unix_s: float) -> Outcome:
            if not came.is_set():
                came.set()
                raise RuntimeError("on purpose")
            again.set()
            return DONE

    came, again = threading.Event(), threading.Event()
    hook = Hook(name="h", on="occupied", page="/")
    delivery = Delivery(Clerk({"h": Broken(hook, "", (), Addresses(), {})}, None, chance=lambda: 0.0))
    delivery.start()
    delivery.tell([("h", notice("a"))], {})
    assert again.wait(10)
    delivery.stop()
    delivery.join()
    assert "a mistake of nannin's own in the hook h" in caplog.messages


def test_what_the_clerk_can_not_follow_is_lost_and_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("nannin.hooks.delivery._MOST_UNHEARD", 2)
    delivery = Delivery(Clerk({}, None))
    for id in "abcd":
        delivery.tell([("h", notice(id))], {})
        delivery.tell([], {})
    assert (delivery.unheard, delivery._inbox.qsize()) == (3, 2)
    assert [text for text in caplog.messages if "notices of hooks are lost" in text] == caplog.messages[:1]


def test_after_its_end_nothing_piles_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks() -> list[Any]:
        raise RuntimeError("on purpose")

    delivery = Delivery(Clerk({}, None))
    monkeypatch.setattr(delivery.clerk, "work", breaks)
    delivery.start()
    delivery.tell([("h", notice("a"))], {})
    delivery.join(10)
    delivery.tell([("h", notice("b"))], {})
    assert (delivery.unheard, delivery._inbox.qsize()) == (1, 0)
    assert "hooks are off until the next start: a mistake of nannin's own" in caplog.messages
