"""TLS handshakes that come to nothing."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from nannin.access.refusals import AT_THE_DOOR, Refusal
from nannin.server.handshakes import Handshakes
from support.fake_clock import FakeClock

TRANSPORT = cast("asyncio.Transport", object())


class Judge:
    """A door that lets nobody in a second time."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    def admits(self, transport: asyncio.Transport) -> bool:
        self.seen.append(transport)
        return len(self.seen) == 1


@pytest.fixture(autouse=True)
def tally(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AT_THE_DOOR, "tally", type(AT_THE_DOOR.tally)())


def test_a_handshake_that_is_through_leads_to_the_door() -> None:
    clock, judge = FakeClock(), Judge()
    handshakes = Handshakes(judge, clock.now, 10)
    first, second = handshakes.begin(), handshakes.begin()
    assert (first.admits(TRANSPORT), second.admits(TRANSPORT)) == (True, False)
    assert (len(handshakes), judge.seen) == (0, [TRANSPORT, TRANSPORT])
    clock.advance(20)
    handshakes.look()
    assert not AT_THE_DOOR.tally


def test_those_that_are_not_through_in_time_are_tallied_once() -> None:
    clock = FakeClock()
    handshakes = Handshakes(Judge(), clock.now, 10)
    for _ in range(3):
        handshakes.begin()
    clock.advance(10.5)
    late = handshakes.begin()
    handshakes.look()
    assert not AT_THE_DOOR.tally
    clock.advance(1)
    handshakes.look()
    handshakes.look()
    assert AT_THE_DOOR.tally == {Refusal.TLS: 3}
    assert len(handshakes) == 1
    assert late.admits(TRANSPORT)
