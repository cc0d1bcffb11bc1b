"""While other nodes are away, all who look hear that the numbers may be old, then that they are sure."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import msgspec

from nannin.hub.observatory import Observatory
from support.asgi import Call
from support.fake_audiences import Faces
from support.several_nodes import City

TWO = {"page": "/", "connections": 2, "visitors": 2, "visible": 2}
NOBODY = {"page": "/nobody", "connections": 0, "visitors": 0, "visible": 0}
STALE = {"stale": True}


def town() -> tuple[City, Faces]:
    """Two nodes with a client each, and the second one's faces."""
    city = City(2)
    for house in city.houses:
        house.client("/")
    house = city.houses[1]
    return city, Faces(Observatory(house.hub, house.engine, house.settings), city.clock)


def cut(city: City) -> None:
    city.lines[1].cut()
    city.clock.advance(2)


def mend(city: City) -> None:
    city.lines[1].mend()
    city.clock.advance(2)


def words(faces: Faces) -> tuple[str, str]:
    """The badge's text, and what it says to those who can't see it."""
    picture = faces.ask("/badge.svg").body.decode()
    spoken = re.search("<title>(.*)</title>", picture)
    assert spoken is not None
    return re.findall("<text[^>]*>([^<]*)</text>", picture)[1], spoken[1]


def test_what_is_asked_for_says_that_it_may_be_old_only_while_it_may() -> None:
    city, faces = town()

    def look() -> list[Any]:
        asked = [faces.read("/api/count"), faces.read("/api/count?page=/nobody")]
        asked += [faces.read("/api/pages")["pages"], faces.read("/api/explain")["count"]]
        return [*asked, faces.read("/api/shield")["message"], *words(faces)]

    numbers = {name: number for name, number in TWO.items() if name != "page"}
    sure = [TWO, NOBODY, [TWO], numbers, "2", "2", "online: 2"]
    assert look() == sure
    cut(city)
    stale = "online: about 2 (may be out of date)"
    assert look() == [TWO | STALE, NOBODY | STALE, [TWO | STALE], numbers | STALE, "≈ 2", "≈ 2", stale]
    mend(city)
    assert look() == sure


def heard(call: Call) -> list[dict[str, Any]]:
    found = re.findall(rb"event: audience\ndata: (.+)\n\n", call.body)
    return [msgspec.json.decode(event) for event in found]


def test_streams_are_told_when_counts_may_be_old_and_when_they_are_sure_again() -> None:
    async def test() -> None:
        city, faces = town()

        async def come(*expected: dict[str, Any]) -> None:
            """Waits until these are the newest events of both streams."""
            async with asyncio.timeout(5):
                while sorted(map(str, heard(named)[-2:])) != sorted(map(str, expected)):
                    city.clock.settle()
                    await asyncio.sleep(0)
            assert heard(every)[-1] == expected[0]

        named, every = faces.call("/api/stream?page=/&page=/nobody"), faces.call("/api/stream?page=*")
        for call in (named, every):
            await call.sends(3)
        await come(TWO, NOBODY)
        cut(city)
        await come(TWO | STALE, NOBODY | STALE)
        mend(city)
        await come(TWO, NOBODY)
        assert len(heard(named)) == 6
        for call in (named, every):
            call.put({"type": "http.disconnect"})
            await call.ends()

    asyncio.run(test())


def test_a_page_that_empties_while_apart_is_told_to_a_stream_of_every_page_down_to_its_sure_zeros() -> None:
    async def test() -> None:
        city, faces = town()
        client = city.houses[1].client("/brief")
        call = faces.call("/api/stream?page=*")
        await call.sends(3)
        cut(city)
        client.leave()

        async def come(connections: int, **more: object) -> None:
            async with asyncio.timeout(5):
                while not [event for event in heard(call)[-2:] if event == row(connections) | more]:
                    city.clock.settle()
                    await asyncio.sleep(0)

        def row(number: int) -> dict[str, Any]:
            return {"page": "/brief", "connections": number, "visitors": number, "visible": number}

        city.clock.advance(2)
        await come(0, stale=True)
        assert faces.observers.streams._changes._empty == {"/brief"}
        mend(city)
        await come(0)
        call.put({"type": "http.disconnect"})
        await call.ends()
        assert [page["page"] for page in (await pages(faces))] == ["/"]

    async def pages(faces: Faces) -> list[dict[str, Any]]:
        call = await faces.call("/api/pages").ends()
        listed: list[dict[str, Any]] = msgspec.json.decode(call.body)["pages"]
        return listed

    asyncio.run(test())
