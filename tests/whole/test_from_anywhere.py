"""Programs of other kinds send to the clients of real servers over a real Redis, unchanged."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import pickle
import subprocess
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import socketio
import websockets

from nannin import AsyncEmitter, Emitter
from nannin.nodes.redis_calls import COMMANDS
from support.raw_client import get
from support.redis_servers import Cluster, RedisServer, Sentinel, serving
from support.servers import ROOT, Server, free_port, nannin
from support.waiting import until

NODE = ROOT / "tests" / "support" / "node"
PATIENCE_S = 20.0


class Client:
    """One client on a page, and the events that it got, each a list of its name and its arguments."""

    def __init__(self, link: websockets.ClientConnection) -> None:
        self._link = link
        self.id = ""
        self.events: list[list[Any]] = []
        self.has_left = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def join(self, page: str) -> None:
        await self._link.send("40" if page == "/" else f"40{page},")
        async with asyncio.timeout(PATIENCE_S):
            while not self.id:
                await asyncio.sleep(0.01)

    async def _read(self) -> None:
        packets = socketio.packet.Packet
        packet: Any = None
        with contextlib.suppress(websockets.ConnectionClosed):
            async for message in self._link:
                if message == "2":
                    await self._link.send("3")
                elif isinstance(message, bytes):
                    if packet.add_attachment(message):
                        self.events.append(packet.data)
                elif message.startswith("4"):
                    packet = packets(encoded_packet=message[1:])
                    self._take(packet)
        self.has_left.set()

    def _take(self, packet: Any) -> None:
        if packet.packet_type == socketio.packet.CONNECT:
            self.id = packet.data["sid"]
        elif packet.packet_type == socketio.packet.DISCONNECT:
            self.has_left.set()
        elif packet.packet_type == socketio.packet.EVENT and not packet.data[0].startswith("user "):
            self.events.append(packet.data)

    async def until(self, *events: list[Any]) -> None:
        """It has got exactly these."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while len(self.events) < len(events):
                    await asyncio.sleep(0.01)
        assert self.events == [*events]
        self.events.clear()

    async def close(self) -> None:
        self._reading.cancel()
        await self._link.close()


@contextlib.asynccontextmanager
async def clients(*places: tuple[Server, str]) -> AsyncIterator[list[Client]]:
    """A client of each server on each page."""
    opened = []
    try:
        for server, page in places:
            url = f"ws://{server.host}:{server.port}/socket.io/?EIO=4&transport=websocket"
            client = Client(await websockets.connect(url))
            opened.append(client)
            await client.join(page)
        yield opened
    finally:
        for client in opened:
            await client.close()


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with serving("redis", port=free_port()) as server:
        yield server


@pytest.fixture(scope="module")
def url(redis: RedisServer) -> str:
    return f"redis://127.0.0.1:{redis.port}/0"


@pytest.fixture(scope="module")
def servers(url: str) -> Iterator[list[Server]]:
    """One process, and two that share an address."""
    with nannin("--redis", url) as one, nannin("--redis", url, "--workers", "2") as two:
        until(lambda: ", with 2 workers" in two.log)
        yield [one, two]


def refused(server: Server) -> dict[str, int]:
    """How much a server has refused, and why."""
    explained = json.loads(get(f"{server.url}/api/explain"))
    found: dict[str, int] = explained["not_counted"]["refused_since_start"]
    return found


# nannin.Emitter


async def test_a_script_sends_to_everybody_to_rooms_and_around_them(servers: list[Server], url: str) -> None:
    async with clients((servers[0], "/news"), (servers[1], "/news"), (servers[1], "/")) as (one, two, other):
        with Emitter(url) as emitter:
            page = emitter.page("/news")
            await asyncio.to_thread(page.emit, "all", 1, b"\0\1", {"deep": [b"\2"]})
            await asyncio.to_thread(page.to(one.id).emit, "one")
            await asyncio.to_thread(page.except_(one.id).volatile.emit, "but one")
            await asyncio.to_thread(emitter.emit, "elsewhere")
            all_ = ["all", 1, b"\0\1", {"deep": [b"\2"]}]
            await one.until(all_, ["one"])
            await two.until(all_, ["but one"])
            await other.until(["elsewhere"])


async def test_an_async_program_moves_clients_and_learns_who_heard(servers: list[Server], url: str) -> None:
    async with clients((servers[0], "/rooms"), (servers[1], "/rooms")) as (one, two):
        async with AsyncEmitter(url) as emitter:
            page = emitter.page("/rooms")
            assert await page.to(two.id).sockets_join("room") == 3
            assert await page.to("room").emit("in the room") == 3
            await page.sockets_leave("room")
            await page.to("room").emit("to nobody")
            await page.emit("all")
            await one.until(["all"])
            await two.until(["in the room"], ["all"])
            await page.to(one.id).disconnect_sockets()
            async with asyncio.timeout(PATIENCE_S):
                await one.has_left.wait()
            assert not two.has_left.is_set()
        async with AsyncEmitter(url, prefix="nobody") as emitter:
            assert await emitter.emit("unheard") == 0


async def test_any_program_that_can_publish_can_send(servers: list[Server], redis: RedisServer) -> None:
    async with clients((servers[0], "/any")) as [client]:
        with redis.client() as plain:
            plain.publish("nannin:emit", '{"page": "/any", "event": "hello", "args": ["from a shell"]}')
        await client.until(["hello", "from a shell"])


# python-socketio


async def test_pythons_manager_sends(servers: list[Server], url: str) -> None:
    async with clients((servers[0], "/py"), (servers[1], "/py"), (servers[1], "/")) as (one, two, other):
        manager = socketio.RedisManager(url, write_only=True)

        def send() -> None:
            manager.emit("all", {"x": 1}, namespace="/py")
            manager.emit("several", (1, [2], None), namespace="/py")
            manager.emit("bare", None, namespace="/py")
            manager.emit("bytes", {"x": [b"\0"], "y": b"\1"}, namespace="/py")
            manager.emit("one", 1, namespace="/py", room=one.id)
            manager.emit("but one", 1, namespace="/py", skip_sid=one.id)
            for method in (manager.disconnect, manager.can_disconnect):
                with pytest.raises(AttributeError):  # as the documentation says of a manager that only writes
                    method(one.id, "/py")
            manager.emit("elsewhere", 1)

        await asyncio.to_thread(send)
        common: list[list[Any]] = [
            ["all", {"x": 1}],
            ["several", 1, [2], None],
            ["bare"],
            ["bytes", {"x": [b"\0"], "y": b"\1"}],
        ]
        await one.until(*common, ["one", 1])
        await two.until(*common, ["but one", 1])
        await other.until(["elsewhere", 1])


async def test_pythons_async_manager_changes_rooms_and_disconnects(servers: list[Server], url: str) -> None:
    async with clients((servers[0], "/py"), (servers[1], "/py")) as (one, two):
        manager = socketio.AsyncRedisManager(url, write_only=True)
        await manager.enter_room(two.id, "/py", "a")
        await manager.emit("a", 1, namespace="/py", room=["a", "b"])
        await manager.leave_room(two.id, "/py", "a")
        await manager.emit("a", 2, namespace="/py", room="a")
        await manager.enter_room(two.id, "/py", "a")
        await manager.close_room("a", "/py")
        await manager.emit("a", 3, namespace="/py", room="a")
        await manager.emit("all", 4, namespace="/py")
        await one.until(["all", 4])
        await two.until(["a", 1], ["all", 4])
        await manager.can_disconnect(one.id, "/py")
        async with asyncio.timeout(PATIENCE_S):
            await one.has_left.wait()
        assert not two.has_left.is_set()
        await manager.redis.aclose()


async def test_a_pickle_is_refused_counted_and_named_once() -> None:
    with serving("redis", port=free_port()) as redis, nannin("--redis", redis.url) as server:
        async with clients((server, "/")) as [client]:
            with redis.client() as plain:
                for _ in range(2):
                    plain.publish("socketio", pickle.dumps({"method": "emit", "event": "e", "data": [1]}))
                plain.publish("socketio", json.dumps({"method": "emit", "event": "after", "data": [1]}))
            await client.until(["after", 1])
            assert refused(server)["outside"] == 2
            assert server.log.count("a pickle can run code") == 1


# @socket.io/redis-emitter


class NodesEmitter:
    """The official emitter."""

    def __init__(self, url: str, key: str = "socket.io") -> None:
        self._process = subprocess.Popen(
            ["node", "emitter.mjs", url, key], cwd=NODE, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def send(self, page: str, *calls: list[Any]) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = json.dumps({"on": page, "calls": calls}, default=_as_base64)
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == b"\n"

    def close(self) -> None:
        self._process.communicate(timeout=PATIENCE_S)


def _as_base64(value: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(value).decode()}


@pytest.fixture(scope="module")
def node(url: str) -> Iterator[NodesEmitter]:
    emitter = NodesEmitter(url)
    yield emitter
    emitter.close()


async def test_nodes_emitter_sends(servers: list[Server], node: NodesEmitter) -> None:
    async with clients((servers[0], "/js"), (servers[1], "/js"), (servers[1], "/")) as (one, two, other):

        def send() -> None:
            node.send("/js", ["emit", "all", {"x": 1.5}, None, [b"\0"], -70_000])
            node.send("/js", ["to", one.id], ["emit", "one"])
            node.send("/js", ["to", [one.id, two.id]], ["except", one.id], ["emit", "two"])
            node.send("/js", ["except", one.id], ["volatile"], ["emit", "but one", 1])
            node.send("/", ["emit", "elsewhere"])

        await asyncio.to_thread(send)
        await one.until(["all", {"x": 1.5}, None, [b"\0"], -70_000], ["one"])
        await two.until(["all", {"x": 1.5}, None, [b"\0"], -70_000], ["two"], ["but one", 1])
        await other.until(["elsewhere"])


async def test_nodes_emitter_changes_rooms_and_disconnects(servers: list[Server], node: NodesEmitter) -> None:
    async with clients((servers[0], "/js"), (servers[1], "/js")) as (one, two):

        def send() -> None:
            node.send("/js", ["in", two.id], ["socketsJoin", ["a", "b"]])
            node.send("/js", ["to", "a"], ["emit", "a"])
            node.send("/js", ["socketsLeave", "a"])
            node.send("/js", ["to", "a"], ["emit", "a"])
            node.send("/js", ["to", "b"], ["emit", "b"])
            node.send("/js", ["serverSideEmit", "hello"])
            node.send("/js", ["except", "b"], ["disconnectSockets", True])

        await asyncio.to_thread(send)
        async with asyncio.timeout(PATIENCE_S):
            await one.has_left.wait()
        await two.until(["a"], ["b"])
        assert not two.has_left.is_set()
        await one.until()


# Who is heard


async def test_a_site_with_a_prefix_hears_only_its_own_emitters_and_those_it_names(url: str) -> None:
    with (
        nannin("--redis", url, "--redis-prefix", "blue") as quiet,
        nannin("--redis", url, "--redis-prefix", "green", "--redis-emitters", "green.io") as open_,
    ):
        async with clients((quiet, "/"), (open_, "/")) as (one, two):
            for channel in ("socketio", "green.io"):
                manager = socketio.RedisManager(url, channel, write_only=True)
                await asyncio.to_thread(manager.emit, channel, 1)
            emitter = NodesEmitter(url, "green.io")
            await asyncio.to_thread(emitter.send, "/", ["emit", "node", 1])
            await asyncio.to_thread(emitter.close)
            for prefix in ("nannin", "blue", "green"):
                with Emitter(url, prefix=prefix) as own:
                    await asyncio.to_thread(own.emit, prefix)
            await one.until(["blue"])
            await two.until(["green.io", 1], ["node", 1], ["green"])


RIGHTS = ["reset", "on", ">secret", "~nannin:*", "&nannin:*", *(f"+{command}" for command in COMMANDS)]
TO_HEAR_OTHERS = [
    "+psubscribe",
    *(f"&{name}{rest}" for name in ("socketio", "socket.io") for rest in ("", "#*", "-request#*")),
]


@pytest.mark.parametrize("hears_others", [True, False])
async def test_a_server_hears_what_its_user_may_hear(hears_others: bool) -> None:
    with serving("redis", port=free_port()) as redis:
        with redis.client() as admin:
            rights = [*RIGHTS, *(TO_HEAR_OTHERS if hears_others else [])]
            admin.execute_command("ACL", "SETUSER", "site", *rights)
            admin.execute_command("ACL", "SETUSER", "task", "on", ">secret", "&nannin:emit", "+publish")
        place = f"127.0.0.1:{redis.port}/0"
        with nannin("--redis", f"redis://site:secret@{place}") as server:
            async with clients((server, "/")) as [client]:
                python = socketio.RedisManager(f"redis://{place}", write_only=True)
                await asyncio.to_thread(python.emit, "python", 1)
                with Emitter(f"redis://task:secret@{place}") as emitter:
                    await asyncio.to_thread(emitter.emit, "hello")
                await client.until(*([["python", 1]] if hears_others else []), ["hello"])
            assert ("does not let this server hear some programs" in server.log) is not hears_others
        if hears_others:
            with redis.client() as admin:
                assert [entry for entry in admin.acl_log() if entry["username"] == "site"] == []


async def test_programs_are_heard_again_after_redis_was_away() -> None:
    with serving("redis", port=free_port()) as redis:
        url = f"redis://127.0.0.1:{redis.port}/0"
        with nannin("--redis", url) as server:
            async with clients((server, "/")) as [client]:
                redis.kill()
                await asyncio.sleep(0.5)
                redis.start()
                async with asyncio.timeout(PATIENCE_S), AsyncEmitter(url) as emitter:
                    while not await emitter.emit("back"):
                        await asyncio.sleep(0.05)
                await client.until(["back"])


async def test_through_sentinels() -> None:
    with contextlib.ExitStack() as stack:
        master = stack.enter_context(serving("redis", port=free_port()))
        options = ("--replicaof", f"127.0.0.1 {master.port}", "--repl-diskless-sync-delay", "0")
        stack.enter_context(serving("redis", *options, port=free_port()))
        sentinel = Sentinel(master, "count")
        stack.callback(sentinel.stop)
        url = f"redis+sentinel://127.0.0.1:{sentinel.port}/count"
        with nannin("--redis", url) as server:
            async with clients((server, "/")) as [client]:
                with Emitter(url) as emitter:
                    assert await asyncio.to_thread(emitter.emit, "sync") == 1
                async with AsyncEmitter(url) as async_emitter:
                    assert await async_emitter.emit("async") == 1
                await client.until(["sync"], ["async"])


async def test_through_a_cluster() -> None:
    with contextlib.ExitStack() as stack:
        cluster = Cluster("redis", "nannin:emit")
        stack.callback(cluster.stop)
        with nannin("--redis", cluster.url) as server:
            async with clients((server, "/")) as [client]:
                for member in cluster.servers[:3]:
                    async with AsyncEmitter(f"redis+cluster://127.0.0.1:{member.port}") as emitter:
                        await emitter.emit("from", member.port)
                    await client.until(["from", member.port])
                with Emitter(cluster.url) as sync_emitter:
                    await asyncio.to_thread(sync_emitter.emit, "sync")
                await client.until(["sync"])
