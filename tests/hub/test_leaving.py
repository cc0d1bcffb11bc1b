"""Clients that leave while their connect handler runs: each one that began has its disconnect."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nannin import ConnectionRefused, Socket
from support.fakes import Client, House

CallNext = Callable[[], Awaitable[Any]]
PAGES = ("/", "/a", "/b")

WAYS: dict[str, Callable[[Client, str], None]] = {
    "leave": lambda client, page: client.leave(page),
    "close": lambda client, page: client.close(),
    "lose": lambda client, page: client.lose(),
    "vanish": lambda client, page: None,
    "stay": lambda client, page: None,
    "connect again": lambda client, page: client.connect(page),
}


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("has_middleware", [False, True])
@pytest.mark.parametrize("max_handlers", [1, 100])
async def test_whenever_and_however_clients_leave_connects_and_disconnects_are_equal(
    is_async: bool, has_middleware: bool, max_handlers: int
) -> None:
    house, chance = House(max_handlers=max_handlers), random.Random(8124)
    begun: Counter[str] = Counter()
    ended: Counter[str] = Counter()
    refused: Counter[str] = Counter()

    async def connect(socket: Socket) -> None:
        begun[socket.id] += 1
        for _ in range(chance.randrange(6)):
            await asyncio.sleep(0)
        if chance.random() < 0.2:
            refused[socket.id] += 1
            raise ConnectionRefused

    def left(socket: Socket) -> None:
        ended[socket.id] += 1

    async def left_later(socket: Socket) -> None:
        await asyncio.sleep(0)
        ended[socket.id] += 1

    async def middleware(socket: Socket, event: str, args: tuple[Any, ...], call_next: CallNext) -> Any:
        await asyncio.sleep(0)
        return await call_next()

    for page in PAGES:
        house.on("connect", connect, page)
        house.on("disconnect", left_later if is_async else left, page)
        if has_middleware:
            house.page(page).use(middleware)

    clients: list[Client] = []
    for _ in range(300):
        client = house.client(polling=chance.random() < 0.3)
        clients.append(client)
        for page in chance.sample(PAGES, chance.randint(1, 3)):
            client.connect(page)
        for _ in range(chance.randrange(5)):
            await asyncio.sleep(0)
        for page in chance.sample(PAGES, 2):
            if not client.session.ended:
                WAYS[chance.choice(list(WAYS))](client, page)
    await house.turn()
    for client in clients:
        if not client.session.ended:
            client.close()
    for _ in range(30):
        await house.turn()
    assert sum(begun.values()) > 300
    assert set(begun.values()) == {1}
    assert begun == ended + refused
    house.clock.advance(200)
    house.assert_empty()
