"""What a client's events do: the handler's result is the ack, and what does not fit is answered with why."""

from __future__ import annotations

from typing import Any

import pytest

from nannin import Socket
from nannin.access.admission import Refusal
from support.fakes import House


def double(_: Socket, number: int) -> int:
    return 2 * number


@pytest.mark.parametrize(
    ("result", "answer"),
    [(None, []), (5, [5]), ([1, 2], [[1, 2]]), ((1, 2), [1, 2]), ((), []), (b"x", [b"x"]), (False, [False])],
)
def test_what_a_handler_returns_is_the_ack(result: Any, answer: list[Any]) -> None:
    house = House()
    house.on("ask", lambda socket: result)
    client = house.client("/")
    client.emit("ask", number=7)
    client.emit("ask")
    assert client.acks() == [(7, answer)]


def test_a_payload_that_does_not_fit_is_refused_in_the_ack_or_as_an_event() -> None:
    house = House()
    house.on("double", double)
    client = house.client("/")
    client.emit("double", "x", number=1)
    client.emit("double", "x")
    why = "argument 1: Expected `int`, got `str`"
    house.clock.advance(0.01)
    assert client.acks() == [(1, [{"error": why}])]
    assert client.events() == [["nannin:refused", {"event": "double", "message": why}]]
    assert house.hub.admission.tally == {Refusal.EVENT: 2}
