"""uvicorn's HTTP protocol with limits on what follows a head: bodies, pipelines, answers that nobody reads.

Whoever sends slowly or not at all, or doesn't read, has a time for each of that. Whoever sends on after an
answer is cut off. What a client lets pile up, be it requests or answers, is bounded.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any, ClassVar, cast

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from nannin.access.refusals import AT_THE_DOOR, Refusal
from nannin.engine.blocked import LEAST_BYTES_PER_S, unread_bytes
from nannin.engine.handover import hand_over
from nannin.engine.neighbours import Neighbours, target_of
from nannin.engine.patience import Patience

# Requests of one connection that may wait for the answers before them; the others wait unread.
MAX_WAITING = 4
# Bytes that may wait unread. Reading stops meanwhile, but for what the system hands over with the last read.
MAX_HELD_BYTES = 524_288
# How often a connection is handed over in a row while further requests wait in it, which all go with it. Then
# they are answered where it is, until none waits. Nobody has a reason to send so many at once for sessions of
# several processes.
MAX_HOPS = 32
# One connection's share of a turn of the loop: this many parts of what has come, or seconds, whatever comes
# first. A part ends after an empty line, which may end a head, and has at most so many bytes.
SHARE_PARTS = 32
SHARE_S = 0.002
PART_BYTES = 16_384
# Bytes of a request that are neither its head nor a body that somebody reads: heads of chunks, trailers, a
# body that comes after its answer.
MAX_IDLE_BYTES = 65_536
# For so long a client that has closed its side may still be answered.
HALF_CLOSED_S = 0.1
_BLANK_LINE = b"\r\n\r\n"


class Flow(FlowControl):
    """uvicorn's, which reads while the application wants more; not while what was read waits here.

    Attributes:
        is_held: whether nothing is read, whatever the application wants.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__(transport)
        self.is_held = False

    def hold(self) -> None:
        """Reads nothing for now."""
        self.is_held = True
        self._transport.pause_reading()

    def release(self) -> None:
        """Reads again, if the application wants that."""
        if self.is_held:
            self.is_held = False
            if not self.read_paused and not self._transport.is_closing():
                self._transport.resume_reading()

    def resume_reading(self) -> None:
        """The application wants more."""
        if self.is_held:
            self.read_paused = False
        else:
            super().resume_reading()


class BoundedHttp(HttpToolsProtocol):
    """One HTTP connection.

    Attributes:
        body_timeout_s: how long a body may come too slowly, or a client send on after its answer.
        unread_timeout_s: how long an answer may be read too slowly.
        neighbours: the processes to which a request may have to be handed over, with its connection; None for
            a process that serves alone.
        stays: whether the next request is answered here, whatever it asks for.
        hops: how often the connection was handed over in a row while requests waited in it.
    """

    neighbours: ClassVar[Neighbours | None] = None
    body_timeout_s: ClassVar[float] = 15.0
    unread_timeout_s: ClassVar[float] = 10.0
    flow: Flow

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._answered: RequestResponseCycle | None = None  # the request whose answer is made, or was last
        self._held = bytearray()
        self._turn: asyncio.Handle | None = None  # while what is held waits for its next share
        self._fed = b""  # the end of what the parser was fed, where a head may have to be handed over
        self._leaving: tuple[int, bytes] | None = None  # for which process, and the head of the request
        self.stays = False
        self.hops = 0
        self._is_last = False  # whether the server stops before the first request is here
        self._is_upgraded = False  # the connection is a WebSocket's, and none of ours any more
        self._in_body = False  # after a head, and before the end of what belongs to it
        self._idle_bytes = 0
        self._body_bytes = 0
        self._idle_until_s = 0.0
        self._body_alarm: Patience | None = None
        self._unread_alarm: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = Flow(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        for alarm in (self._body_alarm, self._unread_alarm, self._turn):
            if alarm is not None:
                alarm.cancel()
        if self._answered is not None:
            self._answered.disconnected = True  # uvicorn tells the last request of a pipeline, and no other
            self._answered.message_event.set()
        self.pipeline.clear()
        self._held.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._leaving is not None or self._held:
            self._hold(data)
        elif self.neighbours is not None or len(data) > PART_BYTES or data.count(_BLANK_LINE) > 1:
            self._hold(data)
            self._parse_held()
        else:
            self._parse(data)

    def shutdown(self) -> None:
        """Ends the connection after the answers that it waits for, that to the first request included."""
        self._is_last = self.cycle is None
        if not self._is_last:
            super().shutdown()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whether the connection stays open: for the moment in which most answers are made."""
        answered = self._answered
        if answered is None or answered.response_started or answered.disconnected or self.scheme == "https":
            return False
        self.cycle.keep_alive = False
        self.loop.call_later(HALF_CLOSED_S, self._close)
        return True

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_unread()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread_alarm is not None and not self.transport.is_closing():
            self._unread_alarm.cancel()
            self._unread_alarm = None
        if self._leaving is not None:
            self.loop.call_soon(self._leave)  # asyncio's transport is not done yet

    # The parser's callbacks

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_body:  # a trailer is nothing that the application has asked for
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._is_for_another():
            return
        self._in_body, self._idle_bytes, self._body_bytes = True, 0, 0
        super().on_headers_complete()
        if self._is_last and not self._is_upgraded:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        if not self.cycle.response_complete:
            # Twice: chunks of one byte each are odd, but nobody's fault.
            self._idle_bytes -= 2 * len(body)
            self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._leaving is not None:
            return
        self._in_body = False
        if self._body_alarm is not None:
            self._body_alarm.cancel()
            self._body_alarm = None
        super().on_message_complete()

    # What uvicorn does with a request

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._watch_unread()
            return
        self._idle_until_s = self.loop.time() + self.timeout_keep_alive
        if self._leaving is not None:
            self._leave()
        elif self._held:
            self._parse_soon()

    def timeout_keep_alive_handler(self) -> None:
        self._wait_for_next(self.loop.time())  # the next request may have come: the loop reads once

    def _should_upgrade(self) -> bool:
        """Whether a WebSocket may take over the connection: not while an answer is on its way there."""
        is_free = self._answered is None or self._answered.response_complete
        return is_free and self._leaving is None and super()._should_upgrade()

    def handle_websocket_upgrade(self) -> None:
        """Hands the connection over with the head as it came; uvicorn's own makes any version 1.1."""
        self._is_upgraded = True
        self._held.clear()  # a client may not send frames before we have answered
        self.flow.release()
        self.connections.discard(self)
        websocket = self.ws_protocol_class(  # type: ignore[call-arg, misc]
            config=self.config, server_state=self.server_state, app_state=self.app_state
        )
        websocket.connection_made(self.transport)
        websocket.data_received(self._head())
        self.transport.set_protocol(websocket)

    def _unsupported_upgrade_warning(self) -> None:
        """Any client can ask for one, such as h2c, as often as it likes: it is answered as if it had not."""

    # Requests for other processes

    def _is_for_another(self) -> bool:
        """Whether a request, whose head is whole, is for another process; the parser is then fed no more."""
        if self.neighbours is None or self.stays or self.hops >= MAX_HOPS:
            self.stays = False
            return False
        method: bytes = self.parser.get_method()
        mark = target_of(method, self.url, self.neighbours)
        if mark is None:
            return False
        self._leaving = mark, self._head()
        return True

    def _head(self) -> bytes:
        """The head of the request in hand."""
        version = self.parser.get_http_version().encode()
        lines = [self.parser.get_method() + b" " + self.url + b" HTTP/" + version]
        lines += [name + b": " + value for name, value in self.headers]
        return b"\r\n".join(lines) + _BLANK_LINE

    def _leave(self) -> None:
        """Hands the connection over, once all answers to the requests before have gone."""
        assert self._leaving is not None
        assert self.neighbours is not None
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return  # it has left
        self.flow.pause_reading()
        if self.cycle is not None and not self.cycle.response_complete:
            return
        if self.transport.get_write_buffer_size():
            self.transport.set_write_buffer_limits(high=0, low=0)  # `resume_writing` tells when it is empty
            return
        (mark, head), connections = self._leaving, self.connections
        hops = self.hops + 1 if self._held else 0
        if not hand_over(self.transport, self.neighbours, mark, head + bytes(self._held), connections, hops):
            self._close()  # the client asks again
            return
        self._unset_keepalive_if_required()
        self.connection_lost(ConnectionAbortedError())

    # Limits

    def _hold(self, data: bytes) -> None:
        self._held += data
        if len(self._held) > MAX_HELD_BYTES:
            self.transport.abort()

    def _parse_held(self) -> None:
        """Hands what is held to the parser, part by part, while few requests wait for their answers.

        Others have their turn in between: a body of nothing but empty lines would hold them up for seconds.
        """
        self._turn = None
        parts, began_s = 0, monotonic()
        while self._held and self._leaving is None and not self.transport.is_closing():
            if len(self.pipeline) >= MAX_WAITING:
                self.flow.hold()
                return
            if parts == SHARE_PARTS or (parts and monotonic() - began_s > SHARE_S):
                self.flow.hold()
                self._parse_soon()
                return
            self._parse(self._cut_held())
            parts += 1
        if self._leaving is None:
            self.hops = 0
            self.flow.release()

    def _parse_soon(self) -> None:
        if self._turn is None:
            self._turn = self.loop.call_soon(self._parse_held)

    def _cut_held(self) -> bytes:
        """Takes off a part.

        It goes up to the end of a blank line, which may have begun in what was fed before.
        """
        straddling = (self._fed + self._held[: len(_BLANK_LINE) - 1]).find(_BLANK_LINE)
        end = straddling - len(self._fed) if straddling >= 0 else self._held.find(_BLANK_LINE, 0, PART_BYTES)
        end = PART_BYTES if straddling < 0 and end < 0 else end + len(_BLANK_LINE)
        data = bytes(self._held[:end])
        del self._held[:end]
        if self.neighbours is not None:
            self._fed = (self._fed + data)[1 - len(_BLANK_LINE) :]
        return data

    def _parse(self, data: bytes) -> None:
        self._idle_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing() or self._is_upgraded:
            return
        if self._leaving is not None:
            self._leave()
        elif self._in_body:
            if self._idle_bytes > MAX_IDLE_BYTES:
                self._cut(400)
            elif self._body_alarm is None:
                self._watch_body()
        elif self.cycle is not None and self.cycle.response_complete and self.timeout_keep_alive_task is None:
            # An empty line between two requests is allowed, and no reason to wait longer for the second one.
            self._wait_for_next(self._idle_until_s)

    def _wait_for_next(self, until_s: float) -> None:
        """Closes the connection if no request comes until then."""
        patience = Patience(self.loop, until_s, self._close)
        self.timeout_keep_alive_task = cast(asyncio.TimerHandle, patience)  # for uvicorn, which cancels it

    def _watch_body(self) -> None:
        until_s = self.loop.time() + self.body_timeout_s
        self._body_alarm = Patience(self.loop, until_s, self._look_at_body, self._body_bytes)

    def _look_at_body(self, seen_bytes: int) -> None:
        """Cuts off who sends a body too slowly; not if the application doesn't read it."""
        came_bytes = self._body_bytes - seen_bytes
        is_over = self.cycle.response_complete
        waits_for_us = self.flow.read_paused or self.flow.is_held
        if not is_over and (waits_for_us or came_bytes >= LEAST_BYTES_PER_S * self.body_timeout_s):
            self._watch_body()
        else:
            self._cut(408)

    def _watch_unread(self) -> None:
        """Looks after a while whether the client reads what is written to it."""
        if self._unread_alarm is None and self.transport.get_write_buffer_size():
            self._unread_alarm = self.loop.call_later(
                self.unread_timeout_s, self._look_at_unread, unread_bytes(self.transport)
            )

    def _look_at_unread(self, before_bytes: int) -> None:
        self._unread_alarm = None
        taken_bytes = before_bytes - unread_bytes(self.transport)
        if taken_bytes < LEAST_BYTES_PER_S * self.unread_timeout_s:
            self.transport.abort()
        else:
            self._watch_unread()

    def _cut(self, status: int) -> None:
        """Ends the connection, with an answer where none was begun."""
        AT_THE_DOOR.add(Refusal.HTTP)
        cycle = self._answered
        if cycle is not None and cycle is self.cycle and not cycle.response_started:
            self.transport.write(bare_answer(status))
            cycle.disconnected = True  # the application has nothing more to say
            cycle.message_event.set()
        self._close()

    def _close(self) -> None:
        """Closes the connection once the client has read what was written, or has had the time to."""
        if not self.transport.is_closing():
            self.transport.close()
        self._watch_unread()


def bare_answer(status: int) -> bytes:
    """An answer that is nothing but this status, and after which the connection ends."""
    return STATUS_LINE[status] + b"connection: close\r\ncontent-length: 0\r\n\r\n"
