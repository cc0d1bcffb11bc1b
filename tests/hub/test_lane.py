"""How many async handlers of one client run at once, what waits, and when its client is read from."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nannin.hub import lane as lanes
from nannin.hub.lane import Lane, LaneFull, Waiting
from support.fakes import Hall


class Handlers:
    """Handlers of one client that begin and end when the test says so."""

    def __init__(self, most: int) -> None:
        self.session, self.link = Hall().websocket()
        self.awaits_ack = False
        self.lane = Lane(self.session, most, lambda: self.awaits_ack)
        self.begun: list[str] = []
        self.dropped: list[str] = []

    def call(self, name: str, size_bytes: int = 10) -> None:
        if self.lane.is_open:
            self._start(name)()
        else:
            self.lane.wait(Waiting(self._start(name), lambda: self.dropped.append(name), size_bytes))

    def _start(self, name: str) -> Callable[[], None]:
        def start() -> None:
            self.begun.append(name)
            self.lane.begin()

        return start


def test_so_many_run_at_once_and_the_rest_begin_in_their_order() -> None:
    handlers = Handlers(2)
    for name in "abcd":
        handlers.call(name)
    assert handlers.begun == ["a", "b"]
    handlers.lane.end()
    handlers.call("e")
    assert handlers.begun == ["a", "b", "c"]
    handlers.lane.end()
    handlers.lane.end()
    assert handlers.begun == ["a", "b", "c", "d", "e"]
    handlers.lane.end()
    assert handlers.lane
    handlers.lane.end()
    assert not handlers.lane


def test_any_number_runs_where_there_is_no_limit() -> None:
    handlers = Handlers(0)
    for name in "abc":
        handlers.call(name)
    assert handlers.begun == ["a", "b", "c"]
    assert handlers.link.reads


def test_the_client_is_read_from_again_once_nothing_waits() -> None:
    handlers = Handlers(1)
    handlers.call("a")
    assert handlers.link.reads
    handlers.call("b")
    assert not handlers.link.reads
    handlers.lane.end()
    assert handlers.link.reads


def test_a_handler_that_begins_over_the_limit_stops_the_reading_as_well() -> None:
    handlers = Handlers(1)
    handlers.call("a")
    handlers.lane.begin()
    assert not handlers.link.reads
    handlers.lane.end()
    assert handlers.link.reads


def test_an_ack_that_is_awaited_is_read_though_something_waits() -> None:
    handlers = Handlers(1)
    handlers.call("a")
    handlers.call("b")
    handlers.awaits_ack = True
    handlers.lane.look()
    assert handlers.link.reads
    handlers.call("c")
    assert handlers.link.reads
    handlers.awaits_ack = False
    handlers.lane.look()
    assert not handlers.link.reads
    handlers.lane.end()
    handlers.lane.end()
    assert handlers.link.reads


@pytest.mark.parametrize(("name", "size_bytes"), [("MAX_WAITING", 10), ("MAX_WAITING_BYTES", 1)])
def test_too_much_is_refused_only_while_the_client_has_to_be_read(
    name: str, size_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, name, 3)
    handlers = Handlers(1)
    for call in "abcdef":
        handlers.call(call, size_bytes)  # they were read before the reading stopped
    handlers.awaits_ack = True
    handlers.lane.look()
    with pytest.raises(LaneFull, match="Too many events at once"):
        handlers.call("g", size_bytes)
    for _ in range(4):
        handlers.lane.end()
    handlers.call("h", size_bytes)
    assert handlers.begun == ["a", "b", "c", "d", "e"]


def test_what_has_not_begun_is_dropped_with_its_client() -> None:
    handlers = Handlers(1)
    for name in "abc":
        handlers.call(name)
    handlers.lane.drop()
    assert handlers.dropped == ["b", "c"]
    handlers.lane.end()
    assert handlers.begun == ["a"]
    assert not handlers.lane
