"""A connection that has to wait for its client: what may wait, and whether the client reads."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from nannin.engine.blocked import MAX_ANSWERS_BYTES, Blocked, unread_bytes
from support.peers import FakeTransport, turn


def full() -> FakeTransport:
    transport = FakeTransport()
    transport.full = True
    transport.protocol = asyncio.Protocol()
    return transport


def write(transport: FakeTransport, size: int) -> int:
    transport.write(bytes(size))
    return size


async def test_what_one_turn_writes_is_never_too_much_and_what_later_turns_add_is() -> None:
    transport = full()
    write(transport, 5_000)
    blocked = Blocked(transport, 100)
    assert all(blocked.add(write(transport, 1_000)) for _ in range(10))
    await turn()
    assert blocked.add(write(transport, 1_000))
    await turn()
    assert not blocked.add(write(transport, 1))


async def test_answers_are_counted_by_themselves() -> None:
    transport = full()
    blocked = Blocked(transport, 100)
    assert blocked.add(write(transport, 10 * MAX_ANSWERS_BYTES))
    assert blocked.add_answers(write(transport, MAX_ANSWERS_BYTES))
    assert not blocked.add_answers(write(transport, 1))


async def test_it_knows_what_the_client_has_taken_since_the_last_look() -> None:
    transport = full()
    write(transport, 1_000)
    blocked = Blocked(transport, 100)
    assert blocked.taken_bytes() == 0
    transport.waiting = transport.waiting[400:]
    blocked.add(write(transport, 70))
    assert blocked.taken_bytes() == 400
    assert blocked.taken_bytes() == 0


def with_transport(
    test: Callable[[asyncio.Transport, socket.socket], Coroutine[Any, Any, None]],
) -> None:
    """Runs a test with the transport of one end of a connection, and the socket of the other end."""

    async def main() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
            await test(transport, theirs)
            transport.abort()

    asyncio.run(main())


def test_what_waits_in_the_kernel_is_unread() -> None:
    async def test(transport: asyncio.Transport, theirs: socket.socket) -> None:
        transport.write(b"x" * 1_000)
        assert transport.get_write_buffer_size() == 0
        assert unread_bytes(transport) >= 1_000
        theirs.recv(1_000)
        assert unread_bytes(transport) == 0

    with_transport(test)


def test_a_connection_that_is_gone_has_nothing_unread() -> None:
    async def test(transport: asyncio.Transport, theirs: socket.socket) -> None:
        transport.abort()
        await turn()
        assert unread_bytes(transport) == 0

    with_transport(test)
