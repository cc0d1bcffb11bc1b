"""Accepting, on the loops that Python and uvloop have: it pauses, goes on, and loses nobody meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
import uvloop

from nannin.server import accepting
from nannin.server.accepting import Accepting

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    chosen: Run = request.param
    return chosen


class Greeter(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's is of a class of its own
        transport.write(b"hello")
        transport.close()


@asynccontextmanager
async def listening(sockets: int = 1) -> AsyncIterator[tuple[Accepting, list[socket.socket]]]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(sockets)]
    hall = Accepting(listeners, Greeter, context=None, backlog=64)
    try:
        yield hall, listeners
    finally:
        hall.close()


async def come(listener: socket.socket) -> asyncio.Task[bytes]:
    """A client that has connected to the kernel's queue, and waits to be greeted."""
    reader, writer = await asyncio.open_connection(*listener.getsockname())

    async def wait() -> bytes:
        greeting = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        return greeting

    return asyncio.create_task(wait())


@pytest.mark.parametrize("first", [b"", b"\x16\x03\x01\x02\x00\x01"], ids=["silence", "half a hello"])
def test_a_handshake_of_tls_that_does_not_go_on_is_cut_off(run: Run, first: bytes) -> None:
    async def main() -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        hall = Accepting([listener], Greeter, context=context, backlog=64, handshake_s=0.05)
        await hall.open()
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(first)
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        hall.close()

    run(main())


def test_it_accepts_from_every_socket(run: Run) -> None:
    async def main() -> None:
        async with listening(2) as (hall, listeners):
            assert (hall.is_open, hall.closed) == (False, 2)
            await hall.open()
            assert (hall.is_open, hall.closed) == (True, 0)
            for listener in listeners:
                assert await (await come(listener)) == b"hello"

    run(main())


def test_who_comes_during_a_pause_waits_and_is_served_after_it(run: Run) -> None:
    async def main() -> None:
        async with listening() as (hall, [listener]):
            await hall.open()
            for _ in range(3):
                hall.pause()
                hall.pause()
                await asyncio.sleep(0)
                client = await come(listener)
                await asyncio.sleep(0.05)  # it would be served by now
                assert not client.done()
                await hall.resume()
                await hall.resume()
                assert await client == b"hello"

    run(main())


def test_more_come_at_once_than_are_accepted_in_a_turn(run: Run) -> None:
    async def main() -> None:
        async with listening() as (hall, [listener]):
            await hall.open()
            clients = [await come(listener) for _ in range(3 * accepting.ACCEPTED_PER_TURN)]
            assert await asyncio.gather(*clients) == [b"hello"] * len(clients)

    run(main())


def test_nobody_who_is_accepted_is_lost_in_a_pause_that_begins_meanwhile(run: Run) -> None:
    async def main() -> None:
        made = 0

        class Pausing(Greeter):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                nonlocal made
                made += 1
                hall.pause()
                super().connection_made(transport)

        listener = socket.create_server(("127.0.0.1", 0))
        hall = Accepting([listener], Pausing, context=None, backlog=64)
        clients = []
        for _ in range(3 * accepting.ACCEPTED_PER_TURN):
            clients.append(await come(listener))
        async with asyncio.timeout(10):
            while made < len(clients):
                await hall.resume()
                await asyncio.sleep(0.01)
        assert await asyncio.gather(*clients) == [b"hello"] * len(clients)
        hall.close()

    run(main())


def test_after_its_end_the_address_is_free(run: Run) -> None:
    async def main() -> None:
        async with listening() as (hall, [listener]):
            address = listener.getsockname()
            await hall.open()
            hall.close()
            await hall.resume()
            assert not hall.is_open
            await asyncio.sleep(0.01)
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(*address)
            socket.create_server(address).close()

    run(main())


def test_a_socket_that_is_listened_on_elsewhere_is_an_error_and_leaves_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with listening(2) as (hall, _):
            create = asyncio.get_running_loop().create_server
            made: list[asyncio.Server] = []

            class Loop:
                def get_exception_handler(self) -> None: ...

                def set_exception_handler(self, handler: object) -> None: ...

                async def create_server(self, *args: Any, **options: Any) -> asyncio.Server:
                    if made:
                        raise OSError(errno.EADDRINUSE, "Address already in use")
                    made.append(await create(*args, **options))
                    return made[0]

            with monkeypatch.context() as patch:
                patch.setattr(asyncio, "get_running_loop", Loop)
                with pytest.raises(OSError, match="already in use"):
                    await hall.open()
                assert not hall.is_open
                await hall.resume()  # as before a descriptor is free
                assert not hall.is_open
            await hall.resume()
            assert hall.is_open

    run(main())


def test_only_the_loops_complaints_of_missing_descriptors_are_left_out(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with listening() as (hall, _):
            await hall.open()
            loop = asyncio.get_running_loop()
            loop.call_exception_handler({"message": "socket.accept() out of system resource"})
            loop.call_exception_handler(
                {"message": "Exception in callback BaseSelectorEventLoop._start_serving(...)"}
            )
            loop.call_exception_handler({"message": "something else"})

    with caplog.at_level(logging.ERROR):
        run(main())
    assert caplog.messages == ["something else"]


def test_an_applications_own_handler_of_the_loops_errors_stays(run: Run) -> None:
    async def main() -> None:
        def handler(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None: ...

        asyncio.get_running_loop().set_exception_handler(handler)
        async with listening() as (hall, _):
            await hall.open()
            assert asyncio.get_running_loop().get_exception_handler() is handler

    run(main())


@pytest.mark.parametrize("is_paused", [False, True])
def test_others_sockets_are_accepted_from_until_they_are_their_own_again(run: Run, is_paused: bool) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as theirs:
            async with listening() as (hall, [ours]):
                await hall.open()
                if is_paused:
                    hall.pause()
                await hall.cover([theirs])
                assert hall.is_open is not is_paused
                assert hall.closed == (2 if is_paused else 0)
                await hall.resume()
                assert [await (await come(one)) for one in (ours, theirs)] == [b"hello"] * 2
                await hall.cover([])
                waiting = await come(theirs)
                assert await (await come(ours)) == b"hello"
                assert not waiting.done()
                await hall.cover([theirs])
                assert await waiting == b"hello"
            assert theirs.fileno() >= 0

    run(main())
