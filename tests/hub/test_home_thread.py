"""The hub's thread: what may be called from another one, and what is an error there that says what to do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from nannin.errors import WrongThread
from nannin.hub.home_thread import HomeThread
from nannin.hub.sockets import Socket
from support.fakes import Client, House


def test_before_the_server_runs_every_thread_is_at_home() -> None:
    home, calls = HomeThread(), list[int]()
    threading.Thread(target=lambda: home.check("join")).run()
    home.do(lambda: calls.append(1))
    assert calls == [1]


def test_at_home_a_call_is_done_at_once_and_from_another_thread_soon() -> None:
    async def main() -> None:
        home, threads = HomeThread(), list[int]()
        home.run_on(asyncio.get_running_loop())
        home.do(lambda: threads.append(threading.get_ident()))
        assert len(threads) == 1
        await asyncio.to_thread(home.do, lambda: threads.append(threading.get_ident()))
        await asyncio.sleep(0)
        assert threads == [threading.get_ident()] * 2

    asyncio.run(main())


def test_the_same_loop_stays_at_home_and_another_one_moves_it() -> None:
    home = HomeThread()

    async def main() -> None:
        home.run_on(asyncio.get_running_loop())
        home.run_on(asyncio.get_running_loop())
        home.check("join")

    asyncio.run(main())
    asyncio.run(main())


def test_after_the_loop_has_ended_every_thread_is_at_home_again() -> None:
    home, calls = HomeThread(), list[int]()

    async def main() -> None:
        home.run_on(asyncio.get_running_loop())

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    thread.join()
    home.check("socket.join")
    home.do(lambda: calls.append(1))
    assert calls == [1]


CALLS: dict[str, Callable[[Socket], Any]] = {
    "join": lambda socket: socket.join("x"),
    "leave": lambda socket: socket.leave("x"),
    "disconnect": lambda socket: socket.disconnect(),
    "call": lambda socket: asyncio.run(socket.call("question")),
    "page.call": lambda socket: asyncio.run(socket.page.call("question")),
}


REMEDIES = {
    "join": ("anyio.from_thread.run_sync(socket.join, ...)", "loop.call_soon_threadsafe(socket.join, ...)"),
    "leave": ("anyio.from_thread.run_sync(socket.leave", "loop.call_soon_threadsafe(socket.leave"),
    "disconnect": ("anyio.from_thread.run_sync(socket.disc", "loop.call_soon_threadsafe(socket.disc"),
    "call": (
        "anyio.from_thread.run(socket.call, ...)",
        "asyncio.run_coroutine_threadsafe(socket.call(...), ",
    ),
    "page.call": ("anyio.from_thread.run(page.call, ...)", "asyncio.run_coroutine_threadsafe(page.call("),
}


def at_home() -> tuple[House, Client, Socket]:
    """A hub that runs on this loop, a client, and its socket."""
    house = House()
    house.on("connect", lambda socket: None)
    client = house.client("/")
    (socket,) = house.page().sockets
    house.hub.home.run_on(asyncio.get_running_loop())
    return house, client, socket


@pytest.mark.parametrize("name", CALLS)
def test_what_belongs_on_the_loop_is_an_error_in_a_thread_and_names_the_remedy(name: str) -> None:
    async def main() -> None:
        _, client, socket = at_home()
        with pytest.raises(WrongThread) as raised:
            await asyncio.to_thread(CALLS[name], socket)
        assert [words for words in REMEDIES[name] if words not in str(raised.value)] == []
        assert (socket.rooms, socket.connected, client.events()) == ([], True, [])

    asyncio.run(main())


def test_the_error_is_a_runtime_error_that_names_what_was_called() -> None:
    assert issubclass(WrongThread, RuntimeError)


@pytest.mark.parametrize(
    "send",
    [
        lambda socket: socket.emit("message", 1),
        lambda socket: socket.send(1),
        lambda socket: socket.page.send(1),
        lambda socket: socket.volatile.emit("message", 1),
    ],
)
def test_what_is_sent_from_a_thread_arrives(send: Callable[[Socket], None]) -> None:
    async def main() -> None:
        house, client, socket = at_home()
        await asyncio.to_thread(send, socket)
        await house.turn()
        assert client.events() == [["message", 1]]

    asyncio.run(main())
