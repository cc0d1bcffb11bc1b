"""Several workers and one census, with channels that only note what is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import msgspec
import pytest

from nannin.audience.census_calls import (
    Answer,
    Applied,
    Apply,
    Emit,
    Gone,
    Message,
    Read,
    Register,
    Registered,
    Told,
    Total,
    Totals,
    What,
)
from nannin.nodes import census_server
from nannin.nodes.census_server import CensusServer
from nannin.nodes.channel import Channel, Heard


class Wire:
    """The side of a channel that is sent to."""

    def __init__(self) -> None:
        self.is_full = False
        self.is_closed = False
        self.sent: list[Heard] = []

    def send(self, data: bytes) -> None:
        self.sent.append(msgspec.msgpack.decode(data, type=Heard))

    def close(self) -> None:
        self.is_closed = True

    def take(self) -> list[tuple[int, list[Answer | What]]]:
        """What was sent since the last time."""
        sent, self.sent = self.sent, []
        return [(heard.space, list(heard.messages)) for heard in sent]


class Machine:
    """A census server, and what it does at the end of a turn."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []
        self.server = CensusServer(self.soon.append)

    def turn(self) -> None:
        soon, self.soon[:] = self.soon[:], []
        for call in soon:
            call()


class Peer:
    """A worker with one node."""

    def __init__(self, machine: Machine, epoch: str, space: int = 0) -> None:
        self.machine, self.epoch, self.space = machine, epoch, space
        self.wire = Wire()
        self.line = machine.server.line(cast("Channel", self.wire))
        self.calls = 1
        machine.server.receive(self.line, space, [Register(1, epoch, True)])
        machine.turn()
        [(_, [registered])] = self.wire.take()
        assert isinstance(registered, Registered)
        self.number = registered.number

    def apply(self, page: str, connections: int) -> None:
        """So many connections without an id are on a page here."""
        before, self.calls = self.calls, self.calls + 1
        call = Apply(
            self.calls, self.number, self.epoch, before, page, connections, connections, 0, False, [], [], []
        )
        self.machine.server.receive(self.line, self.space, [call])

    def heard(self) -> list[Answer | What]:
        self.machine.turn()
        return [message for _, messages in self.wire.take() for message in messages]


def connections(messages: list[Answer | What]) -> list[tuple[str, int]]:
    """The totals among these messages."""
    totals = [one.total if isinstance(one, Applied) else one for one in messages]
    return [(total.page, total.connections) for total in totals if isinstance(total, Total)]


def test_a_change_is_answered_and_told_to_the_others() -> None:
    machine = Machine()
    ann, bob = Peer(machine, "a"), Peer(machine, "b")
    ann.apply("/", 2)
    bob.apply("/", 3)
    assert connections(ann.heard()) == [("/", 2), ("/", 5)]
    # What waits for bob is only the newest total.
    assert connections(bob.heard()) == [("/", 2), ("/", 5)]


def test_of_a_pages_totals_that_wait_only_the_newest_is_sent() -> None:
    machine = Machine()
    ann, bob = Peer(machine, "a"), Peer(machine, "b")
    for number in range(1, 5):
        ann.apply("/", number)
        ann.apply("/news", 10 * number)
    assert connections(bob.heard()) == [("/", 4), ("/news", 40)]
    ann.apply("/", 1)
    assert connections(bob.heard()) == [("/", 1)]


def test_all_of_a_turn_is_one_write() -> None:
    machine = Machine()
    ann, bob = Peer(machine, "a"), Peer(machine, "b")
    for number in range(5):
        ann.apply(f"/{number}", 1)
    machine.turn()
    assert (len(ann.wire.sent), len(bob.wire.sent), machine.soon) == (1, 1, [])


def test_a_slow_worker_is_told_once_it_has_read() -> None:
    machine = Machine()
    ann, bob = Peer(machine, "a"), Peer(machine, "b")
    bob.wire.is_full = True
    ann.apply("/", 1)
    assert bob.heard() == []
    ann.apply("/", 2)
    assert bob.heard() == []
    bob.wire.is_full = False
    bob.line.flush()
    assert connections(bob.heard()) == [("/", 2)]
    bob.line.flush()
    assert bob.wire.sent == []


def test_who_was_with_a_worker_that_has_gone_is_gone_at_once() -> None:
    machine = Machine()
    ann, bob = Peer(machine, "a"), Peer(machine, "b")
    ann.apply("/", 2)
    bob.apply("/", 3)
    ann.heard()
    machine.server.lost(bob.line)
    assert connections(ann.heard()) == [("/", 2)]
    machine.server.lost(ann.line)
    machine.server.receive(bob.line, 0, [Read(9, ["/"])])
    [answer] = bob.heard()[-1:]
    assert isinstance(answer, Totals)
    assert answer.totals[0].connections == 0


def test_that_a_worker_has_gone_is_told_before_what_that_makes_of_the_counts() -> None:
    machine = Machine()
    ann, bob, eve = (Peer(machine, name) for name in "abe")
    ann.apply("/", 2)
    bob.apply("/", 3)
    ann.heard(), eve.heard()
    machine.server.lost(bob.line)
    gone, *totals = ann.heard()
    assert gone == Gone(bob.number)
    assert connections(totals) == [("/", 2)]
    assert eve.heard()[0] == Gone(bob.number)


def test_the_pages_of_two_spaces_are_apart() -> None:
    machine = Machine()
    ann, bob = Peer(machine, "a"), Peer(machine, "b", space=1)
    ann.apply("/", 2)
    bob.apply("/", 3)
    machine.turn()
    assert [space for space, _ in bob.wire.take()] == [1]
    assert connections(ann.heard()) == [("/", 2)]


def test_a_message_goes_to_the_other_nodes() -> None:
    machine = Machine()
    ann, bob = Peer(machine, "a"), Peer(machine, "b")
    bob.apply("/", 1)
    ann.heard(), bob.heard()
    machine.server.receive(ann.line, 0, [Emit(7, ann.number, "/", b"hello")])
    assert ann.heard() == [Told(7, [bob.number])]
    assert bob.heard() == [Message(ann.number, "/", b"hello")]


def test_a_worker_that_reads_no_messages_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(census_server, "MAX_MESSAGE_BYTES", 1_000)
    machine = Machine()
    ann, bob = Peer(machine, "a"), Peer(machine, "b")
    bob.apply("/", 1)
    bob.heard()
    bob.wire.is_full = True
    emit = Emit(7, ann.number, "/", bytes(300))
    machine.server.receive(ann.line, 0, [emit])
    assert not bob.wire.is_closed
    machine.server.receive(ann.line, 0, [emit])
    assert bob.wire.is_closed


def test_a_node_that_is_gone_is_not_told() -> None:
    machine = Machine()
    ann, bob = Peer(machine, "a"), Peer(machine, "b")
    machine.server.receive(ann.line, 0, [Emit(7, ann.number, "/", b"hello", [bob.number, 99])])
    machine.server.lost(bob.line)
    assert Told(7, [bob.number]) in ann.heard()
