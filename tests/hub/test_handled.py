"""Handlers are registered for a page. What they are called with: test_events.py, test_caller.py."""

from __future__ import annotations

from typing import Any

import pytest

from nannin import Socket
from nannin.hub.handled import Handled
from support.fakes import House


def test_a_handler_of_a_pattern_answers_on_each_of_its_pages() -> None:
    house = House()
    handled = Handled(house.hub, "/{name}")

    @handled.on("say")
    def say(socket: Socket, text: str) -> str:
        return f"{socket.params['name']}: {text}"

    client = house.client("/ann")
    client.emit("say", "hello", page="/ann", number=1)
    assert (client.acks(), handled.key) == ([(1, ["ann: hello"])], "/{name}")
    with pytest.raises(ValueError, match="already"):
        handled.on("say")(say)


async def test_middleware_goes_around_its_handlers() -> None:
    house = House()
    handled = Handled(house.hub, "/")
    handled.on("say")(lambda socket, text: text)

    @handled.use
    async def loudly(socket: Socket, event: str, args: tuple[Any, ...], call_next: Any) -> Any:
        answer = await call_next()
        return f"{answer}!" if event == "say" else answer

    client = house.client()
    client.connect()
    await house.turn()
    client.emit("say", "hello", number=1)
    await house.turn()
    assert client.acks() == [(1, ["hello!"])]
