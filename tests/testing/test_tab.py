"""The clients of one tab: they share a session, and come back together."""

from __future__ import annotations

import pytest

from nannin import (
    DisconnectReason,
    Live,
)
from nannin.testing import Stage


async def test_several_pages_share_a_session() -> None:
    live = Live()
    live.on("where")(lambda socket: socket.session.sid)
    live.page("/news").on("where")(lambda socket: socket.session.sid)
    async with Stage(live) as stage:
        ann = await stage.connect(visitor="ann")
        news = await ann.connect("/news", auth={"updates": "audience"})
        assert await ann.call("where") == await news.call("where")
        assert (news.socket.visitor, news.page) == ("ann", "/news")
        await ann.leave()
        assert (ann.reason, news.connected) == (DisconnectReason.CLIENT_LEFT, True)
        with pytest.raises(RuntimeError, match="on it already"):
            await ann.connect("/news")
        await news.close()
        with pytest.raises(RuntimeError, match="ended"):
            await ann.connect("/news")


async def test_who_comes_back_in_its_grace_is_no_join_and_no_leave() -> None:
    async with Stage(Live()) as stage:
        ann, bob = await stage.connect(visitor="ann"), await stage.connect()
        news = await ann.connect("/news")
        first = ann.id
        await ann.close()
        await ann.come_back()
        await stage.advance(60)
        assert ann.connected
        assert news.connected
        assert first != ann.id
        assert bob.updates == [("user connected", 2)]
        with pytest.raises(RuntimeError, match="is there"):
            await ann.come_back()


async def test_who_may_recover_comes_back_as_who_it_was() -> None:
    live = Live()
    live.on("say")(lambda socket, text: socket.broadcast.emit("said", text))
    live.on("join")(lambda socket, room: socket.join(room))
    async with Stage(live) as stage:
        ann, bob = await stage.connect(auth={"recover": True}), await stage.connect()
        await ann.emit("join", "red")
        await bob.emit("say", "one")
        first = ann.id
        await ann.lose()
        await bob.emit("say", "two")
        await stage.advance(119)
        await ann.come_back()
        assert (ann.recovered, ann.socket.recovered, ann.id, ann.socket.rooms) == (True, True, first, ["red"])
        assert ann.received == [("said", "one"), ("said", "two")]
        await ann.lose()
        await stage.advance(121)
        await ann.come_back()
        assert (ann.recovered, ann.id == first) == (False, False)
