"""Emitting from another thread, as a framework's plain functions do: it happens on the loop's thread."""

from __future__ import annotations

import asyncio
import threading

import pytest

from nannin.wire.engine_packet import Encoded
from support.fakes import House


async def test_an_event_from_another_thread_is_written_by_the_loops_thread() -> None:
    house = House()
    client = house.client()
    client.connect(updates="none")
    house.clock.advance(1)
    house.hub.home.run_on(asyncio.get_running_loop())
    written: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def write(packet: Encoded) -> None:
        written.set_result(threading.get_ident())

    assert client.link is not None
    client.link._receive = write
    await asyncio.to_thread(house.page().emit, "news", 1)
    assert await asyncio.wait_for(written, 5) == threading.get_ident()
    assert client.link.packets[-1] == '42["news",1]'


async def test_what_can_not_be_sent_raises_in_the_thread_that_sends_it() -> None:
    house = House()
    house.hub.home.run_on(asyncio.get_running_loop())
    with pytest.raises(TypeError):
        await asyncio.to_thread(house.page().emit, "news", object())
