"""Two servers in one process that hand their connections over to each other, as two workers do."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import pathlib
import ssl
import tempfile
from collections.abc import AsyncIterator
from typing import Any

from uvicorn.config import Config
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from nannin.engine.arrival import Arrival, make_arrival
from nannin.engine.direct import DirectWebSocket
from nannin.engine.handover import take_up
from nannin.engine.neighbours import Ends
from nannin.engine.turned_away import Door
from nannin.settings import Settings
from support import tls
from support.certificates import CERTIFICATE, KEY

SIDS = ["A" * 20, "B" * 20]


class House:
    """One of the servers. It answers each request with what it knows of it, as JSON.

    Attributes:
        mark: its number.
        other: the other one; None while there is none.
        prefers_other: whether new sessions are to go to that one.
        taken: how many connections came from there.
        scopes: of all requests that it answered.
    """

    def __init__(self, mark: int, *, is_tls: bool = False) -> None:
        self.mark = mark
        self.other: House | None = None
        self.prefers_other = False
        self.door: Door | None = None
        self.taken = 0
        self.refuses = False
        self.answer_bytes = 0
        self.closed = 0
        self.tasks: set[asyncio.Task[None]] = set()
        self.state = ServerState()
        self.context = _server_context() if is_tls else None
        self._config = Config(
            self._answer,
            ws=DirectWebSocket,
            lifespan="off",
            log_config=None,
            interface="asgi3",
            proxy_headers=False,
        )
        self._config.load()
        self._kind = make_arrival(Settings(), self)

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self.make, "127.0.0.1", 0, ssl=self.context)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        self._server.close()

    def make(self) -> Arrival:
        return self._kind(self._config, self.state, {}, door=self.door)

    # As neighbours

    def is_there(self, mark: int) -> bool:
        return self.other is not None and mark == self.other.mark

    def for_new_session(self) -> int | None:
        return self.other.mark if self.other is not None and self.prefers_other else None

    def send(self, mark: int, descriptor: int, data: bytes, ends: Ends | None, hops: int = 0) -> None:
        assert self.other is not None
        assert mark == self.other.mark
        target = self if self.refuses else self.other
        target.taken += 1
        task = asyncio.get_running_loop().create_task(take_up(descriptor, data, ends, target.make, hops))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    # The application

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        about = {
            "house": self.mark,
            "query": scope["query_string"].decode(),
            "client": scope["client"],
            "server": scope["server"],
            "scheme": scope["scheme"],
        }
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": json.dumps(about)})
            while (message := await receive())["type"] == "websocket.receive":
                await send({"type": "websocket.send", "bytes": message.get("bytes") or b""})
            self.closed += 1
            return
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        about |= {"bytes": len(body), "hash": hashlib.sha256(body).hexdigest(), "method": scope["method"]}
        answer = json.dumps(about).encode() + b" " * self.answer_bytes
        length = (b"content-length", b"%d" % len(answer))
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": answer})


class Caller:
    """A client of a house, with one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def call(cls, house: House) -> Caller:
        context: ssl.SSLContext | None = tls.context() if house.context else None
        name = "localhost" if context else None
        return cls(*await asyncio.open_connection("127.0.0.1", house.port, ssl=context, server_hostname=name))

    @property
    def address(self) -> list[Any]:
        return list(self.writer.get_extra_info("sockname"))

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def hear(self) -> dict[str, Any]:
        """The next answer."""
        async with asyncio.timeout(10):
            head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
            assert head.startswith(b"http/1.1 200 "), head
            length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
            answer: dict[str, Any] = json.loads(await self.reader.readexactly(length))
            return answer

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await self.writer.wait_closed()


class Socket:
    """A WebSocket over a connection, after its opening handshake."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def open(self) -> None:
        head = await asyncio.wait_for(self._caller.reader.readuntil(b"\r\n\r\n"), 5)
        assert head.startswith(b"HTTP/1.1 101 "), head

    def send(self, data: bytes) -> None:
        self._caller.send(Frame(Opcode.BINARY, data).serialize(mask=True))

    async def hear(self) -> bytes:
        reader = self._caller.reader
        async with asyncio.timeout(10):
            _, length = await reader.readexactly(2)
            if length > 125:
                length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8))
            return await reader.readexactly(length)


@contextlib.asynccontextmanager
async def street(is_tls: bool) -> AsyncIterator[tuple[House, House, Caller]]:
    """Two houses, and a client of the first one. At the end nothing is left of any of it."""
    here, there = House(0, is_tls=is_tls), House(1, is_tls=is_tls)
    here.other, there.other = there, here
    await here.open()
    await there.open()
    before = len(os.listdir("/dev/fd"))
    caller = await Caller.call(here)
    try:
        yield here, there, caller
    finally:
        await caller.close()
        async with asyncio.timeout(5):
            while any(house.state.connections or house.state.tasks or house.tasks for house in (here, there)):
                await asyncio.sleep(0.001)
            while len(os.listdir("/dev/fd")) != before:
                await asyncio.sleep(0.001)
        here.close()
        there.close()


def request(house: int | None, body: bytes | None = None, *, number: int = 0, chunks: int = 0) -> bytes:
    """A request for a session of a house, or for a new session."""
    sid = "" if house is None else f"&sid={SIDS[house]}"
    method = "GET" if body is None else "POST"
    line = f"{method} /x/?EIO=4&transport=polling{sid}&n={number} HTTP/1.1\r\nHost: x\r\n"
    if body is None:
        return line.encode() + b"\r\n"
    if not chunks:
        return line.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body
    pieces = [body[at : at + chunks] for at in range(0, len(body), chunks)]
    chunked = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return line.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunked + b"0\r\n\r\n"


def opening(house: int | None) -> bytes:
    """A WebSocket's opening handshake for a session of a house."""
    sid = "" if house is None else f"&sid={SIDS[house]}"
    return (
        f"GET /x/?EIO=4&transport=websocket{sid} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "certificate.pem")
        path.write_text(KEY + CERTIFICATE)
        context.load_cert_chain(path)
    return context
