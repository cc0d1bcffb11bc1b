"""Scripted visitors: tabs over real sockets, and a naive tally of who is to be counted, by its own clock."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import socket
import ssl
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_websocket
from websockets.exceptions import ConnectionClosed

from support import tls
from support.servers import Server

PATIENCE_S = 40.0
"""How long a script waits for what must come; never how long it waits when all is well."""

STABLE_S = 0.25
"""Numbers that stay right for so long have settled."""

_ENGINE = "/socket.io/?EIO=4&transport="


class Numbers(NamedTuple):
    """A page's count, as a client reads it."""

    connections: int = 0
    visitors: int = 0
    visible: int = 0


class Refused(Exception):
    """A `connect_error`; its message is the argument."""


@dataclass(eq=False)
class Row:
    """One connection in the tally; counted while the clock is before `until_s`."""

    page: str
    visitor: str | None
    visible: bool
    until_s: float = math.inf


@dataclass
class Tally:
    """A list of connections, counted anew at each question.

    Attributes:
        grace_s: so long somebody with an id counts who left in good order.
        grace_lost_s: the same for one whose link broke.
    """

    grace_s: float
    grace_lost_s: float
    rows: list[Row] = field(default_factory=list)

    def join(self, page: str, visitor: str | None, visible: bool) -> Row:
        """A connection joins; one of its visitor that has left and still counts gives way to it."""
        for row in self.rows:
            if (
                visitor
                and (row.page, row.visitor) == (page, visitor)
                and time.monotonic() < row.until_s < math.inf
            ):
                self.rows.remove(row)
                break
        row = Row(page, visitor, visible)
        self.rows.append(row)
        return row

    def leave(self, row: Row, *, lost: bool) -> None:
        """A connection is about to leave."""
        grace_s = self.grace_lost_s if lost else self.grace_s
        row.until_s = time.monotonic() + (grace_s if row.visitor else 0.0)

    def count(self, page: str) -> Numbers:
        """How many there are now."""
        now = time.monotonic()
        rows = [row for row in self.rows if row.page == page and row.until_s > now]
        return Numbers(
            len(rows),
            len({row.visitor or id(row) for row in rows}),
            len({row.visitor or id(row) for row in rows if row.visible}),
        )

    def settles_in_s(self) -> float:
        """In how many seconds the last one who left is out of it."""
        ends = [row.until_s for row in self.rows if row.until_s < math.inf]
        return max(0.0, max(ends, default=0.0) - time.monotonic())


class Transport(Protocol):
    """How a tab talks."""

    async def open(self) -> None:
        """Makes an Engine.IO session."""

    async def send(self, packet: str) -> None:
        """Sends one packet."""

    async def receive(self) -> list[str]:
        """The next packets; none when there will be none."""

    async def close(self) -> None:
        """Ends the session in good order; returns once the server has heard it."""

    def drop(self) -> None:
        """Cuts the connection: no close packet, no close frame, no FIN."""


def _context(server: Server) -> ssl.SSLContext | None:
    return tls.context() if server.tls else None


def _reset(transport: asyncio.BaseTransport) -> None:
    """Ends a TCP connection with a reset."""
    raw = transport.get_extra_info("socket")
    if raw is not None and raw.fileno() >= 0:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert isinstance(transport, asyncio.Transport)
    transport.abort()


class OverWebSocket:
    """A WebSocket from the first byte."""

    def __init__(self, server: Server, headers: dict[str, str]) -> None:
        self._server = server
        self._headers = headers
        self._websocket: ClientConnection

    async def open(self) -> None:
        """Makes an Engine.IO session."""
        self._websocket = await connect_websocket(
            self._server.ws_url + _ENGINE + "websocket",
            additional_headers=self._headers,
            user_agent_header=None,
            ssl=_context(self._server),
            compression=None,
            ping_interval=None,
            open_timeout=PATIENCE_S,
            close_timeout=PATIENCE_S,
            proxy=None,
        )

    async def send(self, packet: str) -> None:
        """Sends one packet in a frame."""
        await self._websocket.send(packet)

    async def receive(self) -> list[str]:
        """The packet of the next frame."""
        try:
            return [str(await self._websocket.recv())]
        except ConnectionClosed:
            return []

    async def close(self) -> None:
        """Sends a close frame, and waits for the server's."""
        await self._websocket.close()

    def drop(self) -> None:
        """Resets the TCP connection."""
        _reset(self._websocket.transport)


class OverPolls:
    """Long-polling: one GET always waits."""

    def __init__(self, server: Server, headers: dict[str, str]) -> None:
        self._server = server
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._path = _ENGINE + "polling"
        self._poll: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def open(self) -> None:
        """Makes an Engine.IO session."""
        self._poll = await self._connect()
        self._opening = await self._ask(self._poll, "GET")
        assert self._opening[:1] == "0", self._opening
        self._path += "&sid=" + json.loads(self._opening[1:])["sid"]

    async def send(self, packet: str) -> None:
        """Sends one packet in a POST on a connection of its own."""
        streams = await self._connect()
        try:
            assert await self._ask(streams, "POST", packet) == "ok"
        finally:
            streams[1].close()

    async def receive(self) -> list[str]:
        """The packets of the next payload."""
        if self._opening:
            opening, self._opening = self._opening, ""
            return [opening]
        try:
            assert self._poll is not None
            payload = await self._ask(self._poll, "GET")
        except (OSError, EOFError):
            return []
        return payload.split("\x1e") if payload else []

    async def close(self) -> None:
        """Posts a close packet."""
        await self.send("1")
        assert self._poll is not None
        self._poll[1].close()

    def drop(self) -> None:
        """Resets the TCP connection of the GET that waits."""
        assert self._poll is not None
        _reset(self._poll[1].transport)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self._server.host, self._server.port, ssl=_context(self._server))

    async def _ask(
        self, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], method: str, body: str = ""
    ) -> str:
        """The body of the answer; empty where the session is no more."""
        reader, writer = streams
        status, text = await exchange(reader, writer, method, self._path, body, self._headers)
        return text if status == 200 else ""


async def exchange(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    method: str,
    target: str,
    body: str = "",
    headers: str = "",
) -> tuple[int, str]:
    """One HTTP request on a connection that stays open; its status and body."""
    sent = body.encode()
    head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {len(sent)}\r\n\r\n"
    writer.write(head.encode() + sent)
    status_line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    lengths = [int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:")]
    return int(status_line.split()[1]), (await reader.readexactly(lengths[0])).decode()


class Tab:
    """One tab: a session that answers pings and keeps what it is told.

    Attributes:
        pages: those that it is on or observes.
        told: the newest count of each of them.
        history: every count that it was told, with its page, in order.
    """

    def __init__(self, server: Server, transport: str = "websocket", **headers: str) -> None:
        kind = OverWebSocket if transport == "websocket" else OverPolls
        self._transport: Transport = kind(
            server, {name.replace("_", "-"): value for name, value in headers.items()}
        )
        self.pages: set[str] = set()
        self.told: dict[str, Numbers] = {}
        self.history: list[tuple[str, Numbers]] = []
        self._answers: dict[str, asyncio.Future[None]] = {}
        self._reader: asyncio.Task[None] | None = None

    async def open(self) -> Tab:
        """Makes the session."""
        async with asyncio.timeout(PATIENCE_S):
            await self._transport.open()
        self._reader = asyncio.create_task(self._read())
        return self

    async def join(self, page: str, **auth: Any) -> None:
        """Joins a page; returns once the server has answered.

        Raises:
            Refused: it answered with a `connect_error`.
        """
        self.pages.add(page)
        await self._ask(page, f"40{page}," + json.dumps({"updates": "audience", **auth}))

    async def leave(self, page: str) -> None:
        """Leaves a page, and keeps the session."""
        self.pages.discard(page)
        self.told.pop(page, None)
        await self._transport.send(f"41{page},")

    async def show(self, page: str, visible: bool) -> None:
        """Says that the tab came into view or went out of it; returns once the server has heard it."""
        await self._ask(page, f'42{page},1["nannin:visible",{json.dumps(visible)}]')

    async def close(self) -> None:
        """Closes the tab: the server hears it."""
        async with asyncio.timeout(PATIENCE_S):
            await self._transport.close()
        await self._end()

    async def drop(self) -> None:
        """Loses the link: the server's TCP hears of it, nobody else."""
        self._transport.drop()
        await self._end()

    async def _ask(self, page: str, packet: str) -> None:
        answer = self._answers[page] = asyncio.get_running_loop().create_future()
        await self._transport.send(packet)
        async with asyncio.timeout(PATIENCE_S):
            await answer

    async def _end(self) -> None:
        assert self._reader is not None
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionClosed, OSError, EOFError):
            while packets := await self._transport.receive():
                for packet in packets:
                    if packet == "2":
                        await self._transport.send("3")
                    elif packet.startswith("4"):
                        self._receive(packet)

    def _receive(self, packet: str) -> None:
        kind, (page, _, rest) = packet[1], packet[2:].partition(",")
        if kind in "034":
            answer = self._answers.pop(page)
            if kind == "4":
                answer.set_exception(Refused(json.loads(rest)["message"]))
            else:
                answer.set_result(None)
        elif page in self.pages:  # else it was under way when the page was left
            event, told = json.loads(rest)
            assert event == "audience"
            assert told.pop("page") == quote(page)
            self.told[page] = Numbers(**told)
            self.history.append((page, self.told[page]))


async def ask_counts(server: Server, pages: list[str]) -> dict[str, Numbers]:
    """What the server answers over HTTP."""
    reader, writer = await asyncio.open_connection(server.host, server.port, ssl=_context(server))
    counts = {}
    for page in pages:
        status, text = await exchange(reader, writer, "GET", "/api/count?page=" + quote(page, safe=""))
        assert status == 200, text
        answer = json.loads(text)
        assert answer.pop("page") == quote(page)
        counts[page] = Numbers(**answer)
    writer.close()
    return counts


async def settle(differences: Callable[[], Awaitable[list[str]]]) -> None:
    """Returns once there has been no difference for a while.

    Raises:
        AssertionError: with the differences that stay.
    """
    give_up_at = time.monotonic() + PATIENCE_S
    right_since = None
    while True:
        found = await differences()
        now = time.monotonic()
        right_since = (right_since or now) if not found else None
        if right_since is not None and now >= right_since + STABLE_S:
            return
        assert now < give_up_at, "\n".join(found)
        await asyncio.sleep(0.05)
