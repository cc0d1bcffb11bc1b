"""ASGI by hand: one request or WebSocket to an app, without a server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.types import ASGIApp, Message

PATIENCE_S = 5.0


class Call:
    """One call of an app: what it receives is put in, what it sends is kept.

    Attributes:
        sent: what the app has sent, in order.
        broken: whether `send` raises, as it does when the client has gone.
        refuses: gives the error with which `send` refuses a message, if it does.
        open_gate: while it is clear, `send` waits: the client does not read.
    """

    def __init__(self, scope: dict[str, Any]) -> None:
        self.scope = scope
        self.sent: list[Message] = []
        self.broken: Exception | None = None
        self.refuses: Callable[[Message], Exception | None] = lambda message: None
        self.open_gate = asyncio.Event()
        self.open_gate.set()
        self.task: asyncio.Task[None] | None = None
        self._inbox: asyncio.Queue[Message | Exception] = asyncio.Queue()
        self._news = asyncio.Event()

    def put(self, *messages: Message) -> None:
        """What the app receives next."""
        for message in messages:
            self._inbox.put_nowait(message)

    def start(self, app: ASGIApp) -> Call:
        """Calls the app in a task of its own."""

        async def run() -> None:
            await app(self.scope, self._receive, self._send)

        self.task = asyncio.get_running_loop().create_task(run())
        return self

    async def sends(self, count: int) -> list[Message]:
        """Waits until the app has sent so many messages."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.sent) < count:
                self._news.clear()
                await self._news.wait()
        return self.sent

    async def ends(self) -> Call:
        """Waits until the app returns."""
        assert self.task is not None
        async with asyncio.timeout(PATIENCE_S):
            await self.task
        return self

    def put_error(self, error: Exception) -> None:
        """What `receive` raises next."""
        self._inbox.put_nowait(error)

    async def _receive(self) -> Message:
        message = await self._inbox.get()
        if isinstance(message, Exception):
            raise message
        return message

    async def _send(self, message: Message) -> None:
        await self.open_gate.wait()
        if (refusal := self.refuses(message)) is not None:
            raise refusal
        if self.broken is not None:
            raise self.broken
        self.sent.append(message)
        self._news.set()

    # A response

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])

    def header(self, name: str) -> str | None:
        """The response's header of this lower-case name."""
        return next((v.decode() for k, v in self.sent[0]["headers"] if k == name.encode()), None)


def scope(kind: str, query: str, headers: dict[str, str], **more: Any) -> dict[str, Any]:
    """A scope with what nannin reads of it."""
    pairs = {"host": "127.0.0.1:8124", **headers}
    return {
        "type": kind,
        "path": "/socket.io/",
        "root_path": "",
        "client": ("127.0.0.1", 50_000),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in pairs.items()],
        **more,
    }


def http(app: ASGIApp, method: str, query: str, *body: bytes, **headers: str) -> Call:
    """Starts a request, its body in pieces; `_` in a header's name stands for `-`."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    call = Call(scope("http", query, names, method=method))
    pieces = body or (b"",)
    for index, piece in enumerate(pieces):
        call.put({"type": "http.request", "body": piece, "more_body": index < len(pieces) - 1})
    return call.start(app)


async def ask(app: ASGIApp, method: str, query: str, *body: bytes, **headers: str) -> Call:
    """Makes a request and waits for its answer."""
    return await http(app, method, query, *body, **headers).ends()


def websocket(app: ASGIApp, query: str, *, extensions: Any = None, **headers: str) -> Call:
    """Opens a WebSocket."""
    call = Call(scope("websocket", query, headers, extensions=extensions or {}))
    call.put({"type": "websocket.connect"})
    return call.start(app)


def text(message: str) -> Message:
    """A text message from the client."""
    return {"type": "websocket.receive", "text": message}


GONE: Message = {"type": "websocket.disconnect", "code": 1006}


@contextlib.asynccontextmanager
async def no_tasks_left() -> AsyncIterator[None]:
    """Whatever runs inside leaves no task behind."""
    before = asyncio.all_tasks()
    yield
    async with asyncio.timeout(PATIENCE_S):
        while asyncio.all_tasks() - before:
            await asyncio.sleep(0)
