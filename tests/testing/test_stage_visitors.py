"""A test of one's own of who is here: a list of names that does not flicker at a reload."""

from __future__ import annotations

from typing import Any

import pytest

from nannin import Live, Socket, Visitor
from nannin.testing import Stage

pytestmark = pytest.mark.anyio


def guest_book() -> Live:
    """An application that tells everybody the names of those who are here."""
    live = Live(grace=2, grace_lost=10)

    @live.on("connect")
    def sign_in(socket: Socket, auth: dict[str, Any]) -> None:
        if "user" in auth:
            socket.visitor = f"user:{auth['user']}"

    @live.on("enter")
    def enter(visitor: Visitor) -> None:
        visitor.data["name"] = visitor.sockets[0].auth.get("name", "somebody")
        tell(visitor)

    @live.on("exit")
    def tell(visitor: Visitor) -> None:
        visitor.page.emit("here", [other.data["name"] for other in visitor.page.visitors])

    return live


async def test_a_reload_does_not_flicker_and_a_leave_is_told_after_grace() -> None:
    async with Stage(guest_book()) as stage:
        ann = await stage.connect(visitor="ann", auth={"name": "Ann"})
        bob = await stage.connect(visitor="bob", auth={"name": "Bob"})
        await stage.advance(0.01)
        await bob.close()
        await stage.advance(1)
        bob = await stage.connect(visitor="bob", auth={"name": "Bob"})
        await stage.advance(60)
        assert ann.received == [("here", ["Ann"]), ("here", ["Ann", "Bob"])]
        await bob.lose()
        await stage.advance(9)
        assert len(ann.received) == 2
        await stage.advance(1)
        assert ann.received[-1] == ("here", ["Ann"])


async def test_a_person_on_phone_and_laptop_enters_once() -> None:
    async with Stage(guest_book()) as stage:
        phone = await stage.connect(auth={"user": 7, "name": "Ann"})
        laptop = await stage.connect(auth={"user": 7, "name": "Ann"})
        await stage.advance(0.01)
        page = stage.live.page("/")
        [ann] = page.visitors
        assert (ann.id, len(ann.sockets), page.count.visitors) == ("user:7", 2, 1)
        await phone.close()
        await stage.advance(60)
        assert page.visitors == [ann]
        await laptop.close()
        await stage.advance(60)
        assert page.visitors == []
