"""`/metrics`: what this server does, for Prometheus and whoever reads its formats."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from nannin.access.origin import find_header
from nannin.access.safe_headers import make_safe
from nannin.engine.session import Session
from nannin.nodes.gathering import Gathering
from nannin.nodes.local import Worker
from nannin.web.metric_parts import Parts, Totals, Value
from nannin.web.metric_table import read_all
from nannin.web.metrics_page import Readings, render, wants_openmetrics
from nannin.web.private import PrivateLists
from nannin.web.reading import METHODS
from nannin.web.responses import error_response

__all__ = ["Metrics", "Snapshots"]

# How many sessions or pages are looked at before the loop turns: 0.2 ms.
AT_ONCE: Final = 1_000

Snapshot = dict[str, Value]


class Snapshots:
    """Reads the metrics of this process: in the loop, and no longer at a time than others can wait.

    Args:
        parts: what they are read from.
        sessions: those that are open.
    """

    def __init__(self, parts: Parts, sessions: Mapping[str, Session]) -> None:
        self._parts = parts
        self._sessions = sessions

    async def take(self) -> Snapshot:
        """All values of now."""
        parts = self._parts
        parts.pulse.want()
        parts.transports = await _count_by_transport(self._sessions.values())
        parts.totals = await self._totals()
        return read_all(parts)

    def stop(self) -> None:
        """Measures nothing any more, until the next is taken."""
        self._parts.pulse.stop()

    async def _totals(self) -> Totals | None:
        """The sums over all pages, if they are this process's to tell.

        Where there are several nodes, only the historian knows every page.
        """
        parts = self._parts
        found: Iterator[tuple[str, int, int]]
        if parts.history is not None:
            if not parts.history.is_leader:
                return None
            numbers = parts.history.numbers()
            if numbers is None:
                return None
            found = ((one.page, one.connections, one.visitors) for one in numbers)
        elif parts.node is not None:
            return None
        else:
            counts = parts.hub.counts
            found = ((page, *counts.count(page)[:2]) for page in list(counts.pages()))
        pages, connections, visitors, groups = 0, 0, 0, parts.groups()
        while some := list(islice(found, AT_ONCE)):
            for page, of_connections, of_visitors in some:
                if of_connections and page not in groups:
                    pages += 1
                    connections += of_connections
                    visitors += of_visitors
            if len(some) == AT_ONCE:
                await asyncio.sleep(0)
        return Totals(pages, connections, visitors)


async def _count_by_transport(sessions: Iterable[Session]) -> dict[str, int]:
    """How many sessions each transport carries."""
    found = {"polling": 0, "websocket": 0}
    left = iter(list(sessions))
    while some := list(islice(left, AT_ONCE)):
        lives = [session for session in some if not session.ended]
        websockets = sum(session.link is not None for session in lives)
        found["websocket"] += websockets
        found["polling"] += len(lives) - websockets
        if len(some) == AT_ONCE:
            await asyncio.sleep(0)
    return found


class Metrics:
    """The metrics of all workers of this machine, as an ASGI app.

    Args:
        snapshots: reads those of this process.
        private: who may read them.
        worker: this process, where it is one of several.
    """

    def __init__(self, snapshots: Snapshots, private: PrivateLists, worker: Worker | None = None) -> None:
        self._snapshots = snapshots
        self._private = private
        self._worker = worker
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Snapshot).decode
        self._gathering = Gathering(worker, self._say) if worker is not None else None
        self._asking: asyncio.Task[Readings] | None = None

    async def of_all(self) -> Readings:
        """What each worker of this machine has, by its name; None for one that does not answer in time.

        Who asks meanwhile gets the same answer.
        """
        loop = asyncio.get_running_loop()
        if self._asking is None or self._asking.done() or self._asking.get_loop() is not loop:
            self._asking = loop.create_task(self._ask())
        return await asyncio.shield(self._asking)

    async def _ask(self) -> Readings:
        if self._gathering is None or self._worker is None:
            return {"1": await self._snapshots.take()}
        own, gathered = await asyncio.gather(self._snapshots.take(), self._gathering.ask())
        readings: dict[str, Snapshot | None] = {str(slot + 1): None for slot in range(self._worker.workers)}
        readings[gathered.you] = own
        for name, said in sorted(gathered.said.items()):
            readings[name] = self._decode(said)
        return readings

    async def _say(self) -> bytes:
        return self._encode(await self._snapshots.take())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        try:
            response = await self._answer(scope)
        except HTTPException as refusal:
            response = error_response(refusal.status_code, refusal.detail, refusal.headers)
        if scope["method"] == "HEAD":
            response.body = b""
        await make_safe(response)(scope, receive, send)

    async def _answer(self, scope: Scope) -> Response:
        if scope["method"] == "OPTIONS":
            return Response(status_code=204, headers={"allow": METHODS})
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405, f"method not allowed; use {METHODS}", {"allow": METHODS})
        self._private.check(scope)
        openmetrics = wants_openmetrics(find_header(scope["headers"], b"accept"))
        readings = await self.of_all()
        # In a thread: with many workers it takes as long as thousands of deliveries.
        page, kind = await asyncio.to_thread(partial(render, readings, openmetrics=openmetrics))
        return Response(page, headers={"cache-control": "no-store", "content-type": kind})
