"""Counts as they change, for observers: server-sent events.

Source: the HTML standard, "Server-sent events".
"""

from __future__ import annotations

import abc
import asyncio
import contextlib
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import takewhile
from typing import Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from nannin.access.addresses import FREE, Addresses, Seat
from nannin.access.client_address import address_of
from nannin.audience.roster import Count
from nannin.clock import Alarm, Clock
from nannin.web.changes import Changes
from nannin.web.counts import CountSource, as_json, known_page
from nannin.web.private import PrivateLists
from nannin.web.query import Query
from nannin.wire.engine_request import RETRY_AFTER_S

EVERY_PAGE: Final = "*"
MAX_PAGES: Final = 100
# Seconds of silence before a sign of life: proxies commonly end a response after 30 to 60 s of silence.
KEEP_ALIVE_S: Final = 15.0
# Milliseconds after which a browser whose stream has ended asks again; random, so that not all ask at once.
MIN_RETRY_MS, MAX_RETRY_MS = 2_000, 5_000
# Bytes that are written to one stream before the loop gets its turn.
CHUNK_BYTES: Final = 16_384
# How many streams are woken in one turn of the loop, and the seconds until the next ones. 100 take some
# 1.5 ms, so all streams together take about a quarter of the time, however many there are.
WAKES_PER_SLICE: Final = 100
SLICE_GAP_S: Final = 0.005
_BEAT: Final = b":\n\n"

# Proxies that compress hold events back until there are enough bytes; no-transform keeps them from it.
_HEADERS: Final = {"cache-control": "no-store, no-transform", "x-accel-buffering": "no"}


@lru_cache(maxsize=1_024)
def encode_event(page: str, count: Count, is_group: bool = False) -> bytes:
    """One update as an event. All streams that tell it share the bytes.

    It has no id: there is nothing to resume, as the newest count is all there is to know.
    """
    return b"event: audience\ndata: " + msgspec.json.encode(as_json(page, count, is_group)) + b"\n\n"


class Streams:
    """All streams of one server.

    Args:
        source: whose counts they tell.
        clock: runs the one timer that keeps all streams alive.
        private: who may ask for every page.
        addresses: limits streams by the reader's address; None for no limit.
    """

    def __init__(
        self,
        source: CountSource,
        clock: Clock,
        private: PrivateLists,
        addresses: Addresses | None = None,
    ) -> None:
        self._addresses = addresses
        self._source = source
        self._private = private
        self._clock = clock
        # Each stream and when it was last written to, the longest silent first.
        self._streams: OrderedDict[Stream, float] = OrderedDict()
        self._alarm = Alarm(clock, self._tick)
        self._changes = Changes(source, self._wake_all)
        self._of_every_page: set[Stream] = set()  # those that wait for a change of any page
        self._to_wake: deque[Stream] = deque()
        self._slicing = False
        self._is_stopping = False
        self.on_stuck: Callable[[], None] = lambda: None

    def __len__(self) -> int:
        return len(self._streams)

    async def respond(self, query: Query, scope: Scope) -> Response:
        """Answers `/api/stream`.

        Raises:
            HTTPException: 400 or 404; 401 or 403 where every page is asked for; 429 over the limits; 503
                while the server stops.
        """
        if self._is_stopping:
            raise HTTPException(503, "the server stops", {"Retry-After": "2", "Connection": "close"})
        pages = query.texts("page", "/")
        if EVERY_PAGE in pages:
            self._private.check(scope)
        if len(pages) > MAX_PAGES:
            raise HTTPException(
                400, f"a stream has up to {MAX_PAGES} pages, not {len(pages)}; * is every page"
            )
        known = dict.fromkeys(known_page(self._source, page) for page in pages if page != EVERY_PAGE)
        seat: Seat | None = FREE
        # A HEAD opens no stream.
        if self._addresses is not None and scope["method"] == "GET":
            seat = self._addresses.enter(address_of(scope), self._clock.now())
        if seat is None:
            words = "this address has too many connections, or opens them too quickly; try again later"
            raise HTTPException(429, words, {"retry-after": str(RETRY_AFTER_S)})
        await self._source.know([None] if EVERY_PAGE in pages else known)
        return StreamResponse(self, [None] if EVERY_PAGE in pages else [*known], seat)

    def goodbyes(self) -> list[Callable[[], None]]:
        """Opens no more streams, until `shut_down`; returns what ends each."""
        self._is_stopping = True
        return [stream.end for stream in self._streams]

    def shut_down(self) -> None:
        """Ends every stream; its browser comes back by itself."""
        self._is_stopping = False
        for stream in list(self._streams):
            stream.end()

    # For the streams

    def open(self, pages: list[str | None]) -> Stream:
        """Opens a stream that is told of these pages from now on."""
        stream: Stream
        if None in pages:
            stream = StreamOfEveryPage(self, self._source, self._changes)
        else:
            stream = StreamOfPages(self, self._source, [page for page in pages if page is not None])
        self._streams[stream] = self._clock.now()
        self._alarm.set(self._clock.now() + KEEP_ALIVE_S)
        return stream

    def close(self, stream: Stream) -> None:
        """Stops telling a stream."""
        if self._streams.pop(stream, None) is None:
            return
        stream.unwatch()
        self._of_every_page.discard(stream)
        if not self._streams:
            self._alarm.cancel()

    def written(self, stream: Stream) -> None:
        """Notes that a stream was written to just now."""
        if stream in self._streams:
            self._streams[stream] = self._clock.now()
            self._streams.move_to_end(stream)

    def wake(self, stream: Stream) -> None:
        """Queues a stream that has something to write."""
        self._to_wake.append(stream)
        if not self._slicing:
            self._slicing = True
            self._clock.call_soon(self._wake_slice)

    def wait_for_any(self, stream: Stream) -> None:
        """Wakes a stream at the next change of any page."""
        self._of_every_page.add(stream)

    def _wake_all(self) -> None:
        if self._of_every_page:
            waiting, self._of_every_page = self._of_every_page, set()
            for stream in waiting:
                stream.wake()

    def _wake_slice(self) -> None:
        for _ in range(min(WAKES_PER_SLICE, len(self._to_wake))):
            self._to_wake.popleft().go_on()
        self._slicing = bool(self._to_wake)
        if self._slicing:
            self._clock.call_later(SLICE_GAP_S, self._wake_slice)

    def _tick(self) -> None:
        silent_since_s = self._clock.now() - KEEP_ALIVE_S
        silent = takewhile(lambda item: item[1] <= silent_since_s, self._streams.items())
        for stream, _ in list(silent):
            if stream.is_stuck:
                self.on_stuck()
                stream.end()  # a browser that reads again comes back by itself
            else:
                stream.beat()
                self.written(stream)
        if self._streams:
            self._alarm.set(next(iter(self._streams.values())) + KEEP_ALIVE_S)


class Stream(abc.ABC):
    """One observer's stream.

    Args:
        streams: the streams that it is one of.

    Attributes:
        is_stuck: whether its client has yet to take what was written last.
    """

    __slots__ = ("_beat", "_ended", "_news", "_streams", "_waits", "is_stuck")

    def __init__(self, streams: Streams) -> None:
        self.is_stuck = False
        self._streams = streams
        self._ended = False
        self._beat = False
        self._waits = False  # whether it is queued to write
        self._news = asyncio.Event()
        self._news.set()

    @abc.abstractmethod
    def events(self) -> Iterator[bytes]:
        """What is new and was not written yet, event by event; it may be left off at any of them."""

    @abc.abstractmethod
    def unwatch(self) -> None:
        """It is told nothing more."""

    def wake(self) -> None:
        """Something is new: queues the stream to write."""
        if not self._waits:
            self._waits = True
            self._streams.wake(self)

    def beat(self) -> None:
        """Has the stream write a sign of life."""
        self._beat = True
        self.wake()

    def go_on(self) -> None:
        """Lets the stream write: its turn has come."""
        self._waits = False
        self._news.set()

    def end(self) -> None:
        """Ends the stream. News that were not written are dropped."""
        self._ended = True
        self._news.set()
        self._streams.close(self)

    async def write(self, send: Send) -> None:
        """Writes the news until the stream ends.

        Raises:
            OSError: the client has gone; some ASGI servers say so by raising.
        """
        while not self._ended:
            self._news.clear()
            await self._write_news(send)
            await self._news.wait()

    async def _write_news(self, send: Send) -> None:
        """Writes what is new now. Afterwards nothing is kept of it."""
        for number, chunk in enumerate(self._chunks()):
            if number:
                await asyncio.sleep(0)
            if self._ended:
                return
            self.is_stuck = True  # until it is written
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            self.is_stuck = False
            self._streams.written(self)

    def _chunks(self) -> Iterator[bytes]:
        beat, self._beat = self._beat, False
        events: list[bytes] = []
        size_bytes = 0
        for event in self.events():
            events.append(event)
            size_bytes += len(event)
            if size_bytes >= CHUNK_BYTES:
                yield b"".join(events)
                events, size_bytes, beat = [], 0, False
        if events:
            yield b"".join(events)
        elif beat:
            yield _BEAT


class StreamOfPages(Stream):
    """A stream of some pages: those with news that were not written yet, each with its newest count.

    Args:
        streams: the streams that it is one of.
        source: whose counts it tells.
        pages: their keys.
    """

    __slots__ = ("_dirty", "_pages", "_source")

    def __init__(self, streams: Streams, source: CountSource, pages: list[str]) -> None:
        super().__init__(streams)
        self._source = source
        self._pages = pages
        # None means that the count is looked up when the stream writes.
        self._dirty: dict[str, Count | None] = dict.fromkeys(pages)
        for page in pages:
            source.watch(self, page)

    def unwatch(self) -> None:
        for page in self._pages:
            self._source.unwatch(self, page)

    def hear(self, page: str, count: Count) -> None:
        """Notes the newest count of a page, in place of an older one that was not written yet."""
        self._dirty[page] = count
        self.wake()

    def events(self) -> Iterator[bytes]:
        batch, self._dirty = self._dirty, {}
        for page, noted in batch.items():
            # While earlier ones were written, a newer one may have come.
            count = self._dirty.pop(page, noted)
            count = self._source.count(page) if count is None else count
            yield encode_event(page, count, self._source.is_group(page))


class StreamOfEveryPage(Stream):
    """A stream of all pages.

    Args:
        streams: the streams that it is one of.
        source: whose counts it tells.
        changes: what all such streams are told of.
    """

    __slots__ = ("_changes", "_reader", "_source")

    def __init__(self, streams: Streams, source: CountSource, changes: Changes) -> None:
        super().__init__(streams)
        self._source = source
        self._changes = changes
        self._reader = changes.open()

    def unwatch(self) -> None:
        self._changes.close(self._reader)

    def events(self) -> Iterator[bytes]:
        for page in self._changes.news(self._reader):
            yield encode_event(page, self._source.count(page), self._source.is_group(page))
        self._streams.wait_for_any(self)


class StreamResponse(Response):
    """An answer that goes on until the client or the server ends it.

    Args:
        streams: they open the stream once its head has been sent.
        pages: the keys of its pages, or None for every page.
        seat: what it takes of the connections that its address may have.
    """

    def __init__(self, streams: Streams, pages: list[str] | list[None], seat: Seat = FREE) -> None:
        self._seat = seat
        self.status_code = 200
        self.media_type = "text/event-stream"
        self.background = None
        self.init_headers(_HEADERS)
        self._streams = streams
        self._pages: list[str | None] = [*pages]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        try:
            await self._answer(receive, send)
        finally:
            self._seat.leave()

    async def _answer(self, receive: Receive, send: Send) -> None:
        retry_ms = MIN_RETRY_MS + secrets.randbelow(MAX_RETRY_MS - MIN_RETRY_MS)
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": b"retry: %d\n\n" % retry_ms, "more_body": True})
        stream = self._streams.open(self._pages)
        listening = asyncio.get_running_loop().create_task(_end_with_client(stream, receive))
        try:
            with contextlib.suppress(OSError):
                await stream.write(send)
                await send({"type": "http.response.body", "body": b""})
        finally:
            stream.end()
            listening.cancel()


async def _end_with_client(stream: Stream, receive: Receive) -> None:
    """Ends the stream as soon as its client goes, even while a write to it waits."""
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.end()
