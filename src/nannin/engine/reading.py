"""Reads a WebSocket's frames, a share of them in each turn of the loop, so that all clients have their turn.

A loop hands over as much as a client has sent, up to 256 KiB and 32 times in a row. That may be 1.4 million
frames, and many seconds in which nobody else is served. Here a client is read until it has had its share.
Then the loop reads no more of it until the others have had their turn.
"""

from __future__ import annotations

import abc
import asyncio
import enum
import math
from time import monotonic
from typing import ClassVar, cast

from nannin.errors import FrameError
from nannin.wire.websocket_frames import (
    BINARY,
    CLOSE,
    LEAST_SHORT,
    MOST_SHORT,
    PART,
    PING,
    TEXT,
    FrameReader,
    close_frame,
    pong_frame,
    read_close,
    read_short_text,
)

# One client's share of a turn: this many frames, seconds or bytes, whatever comes first.
SHARE_FRAMES = 32
SHARE_S = 0.002
SHARE_BYTES = 65_536
# How many bytes a client may still send after our close frame, before its connection is cut. It is more than
# what can be on its way from a client that hasn't heard of the end yet, but for one that is very fast.
MAX_LATE_BYTES = 1_048_576


class Phase(enum.Enum):
    """How far a WebSocket is on its way to its end."""

    OPEN = "both sides may send"
    CLOSING = "we have sent a close frame, and wait for the client's"
    CLEAN = "the client has sent a close frame"
    BROKEN = "the client broke a rule of the protocol: nothing that it sends is read any more"
    LOST = "the connection is gone, without a close frame of the client"


# Until Python 3.12, to look a member up in its class takes as long as a call and more, and this is done for
# each message.
_OPEN, _CLOSING, _CLEAN, _BROKEN, _LOST = Phase


class Reading(asyncio.Protocol, abc.ABC):
    """The reading half of a WebSocket whose opening handshake is over.

    Args:
        max_bytes: the maximum size of a message.

    Attributes:
        close_timeout_s: how long a peer has to answer a close frame before its connection is cut.
    """

    __slots__ = (
        "_close_alarm",
        "_held",
        "_late_bytes",
        "_max_bytes",
        "_phase",
        "_reader",
        "_transport",
        "_turn",
    )

    close_timeout_s: ClassVar[float] = 5.0
    _transport: asyncio.Transport  # from the connection's first moment on

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._phase = _OPEN
        self._reader: FrameReader | None = None  # None between two messages
        self._turn: asyncio.Handle | None = None  # while the client waits for its next share
        self._held = False  # while whoever receives the messages wants no more of them
        self._late_bytes = 0
        self._close_alarm: asyncio.TimerHandle | None = None

    # What whoever holds the connection does

    @abc.abstractmethod
    def _receive_message(self, message: str | bytes) -> None:
        """A message arrived."""

    @abc.abstractmethod
    def _receive_others(self, count: int) -> None:
        """So many pings and pongs arrived."""

    @abc.abstractmethod
    def _receive_close(self, code: int) -> None:
        """The client sent a close frame, which was answered; the connection is being closed."""

    @abc.abstractmethod
    def _receive_error(self, error: FrameError) -> None:
        """The client broke a rule and was told so in a close frame; nothing more can be sent to it."""

    @abc.abstractmethod
    def _answer(self, pongs: bytes) -> None:
        """Writes what answers the client's pings."""

    # Reading

    def read_on(self, on: bool) -> None:
        """Goes on reading from the client, or stops: then neither its pongs nor its end are noticed."""
        if self._held is not on or self._transport.is_closing():
            return
        self._held = not on
        if not on:
            self._transport.pause_reading()
        elif self._turn is None and self._reader is None:
            self._transport.resume_reading()
        elif self._turn is None:
            self._wait_turn()  # messages that were read already may wait in the reader

    def _read(self, data: bytes) -> None:
        """Bytes arrived."""
        if self._phase is not _OPEN:
            self._late_bytes += len(data)
            if self._late_bytes > MAX_LATE_BYTES:
                self._transport.abort()
                return
            if self._phase is not _CLOSING:
                return
        reader = self._reader
        if reader is None:
            is_read = self._turn is None and not self._held and self._phase is _OPEN
            if is_read and LEAST_SHORT <= len(data) <= MOST_SHORT:
                text = read_short_text(data, self._max_bytes)
                if text is not None:
                    self._receive_message(text)
                    return
            reader = self._reader = FrameReader(data)
        else:
            reader.feed(data)
        if self._turn is None and not self._held:
            has_more = self._read_share(reader)
            if has_more or len(data) >= SHARE_BYTES:
                self._wait_turn()

    def _read_share(self, reader: FrameReader) -> bool:
        """Reads the client's share of a turn; whether there is more, which waits for its next one."""
        frames = others = 0
        began_s = -math.inf
        pongs, has_more = b"", False
        try:
            while (frame := reader.read(self._max_bytes)) is not None:
                frames += 1
                kind, payload = frame
                if kind in (TEXT, BINARY, CLOSE):
                    if pongs:  # before what the message makes the application send
                        self._answer(pongs)
                        pongs = b""
                    if kind == CLOSE:
                        self._close_too(read_close(cast(bytes, payload)))
                        break
                    if self._phase is _OPEN:
                        self._receive_message(payload)
                elif kind != PART:
                    others += 1
                    if kind == PING and self._phase is _OPEN:
                        pongs += pong_frame(cast(bytes, payload))
                if reader.is_empty or self._held:
                    break
                now_s = monotonic()
                if frames == SHARE_FRAMES or (frames > 1 and now_s - began_s > SHARE_S):
                    has_more = True
                    break
                if frames == 1:
                    began_s = now_s
        except FrameError as error:
            if pongs:
                self._answer(pongs)
            self._break_off(error)
            return False
        if pongs:
            self._answer(pongs)
        if others:
            self._receive_others(others)
        if reader.is_idle:
            self._reader = None
        return has_more

    def _wait_turn(self) -> None:
        """Reads on when the other clients have had their turn."""
        if not self._transport.is_closing():
            self._transport.pause_reading()
            self._turn = asyncio.get_running_loop().call_soon(self._take_turn)

    def _take_turn(self) -> None:
        self._turn = None
        reader = self._reader
        if self._held:
            return
        if reader is not None and self._read_share(reader):
            self._wait_turn()
        elif not self._held and not self._transport.is_closing():
            self._transport.resume_reading()

    # The end

    def _close_too(self, code: int) -> None:
        """The client has sent a close frame: the connection ends once it is answered."""
        was_open, self._phase = self._phase is _OPEN, _CLEAN
        if not self._transport.is_closing():
            if was_open:
                self._transport.write(close_frame(code))
            self._transport.close()
        self._receive_close(code)

    def _break_off(self, error: FrameError) -> None:
        """The client broke a rule: it is told so.

        Its connection isn't closed before it hears that. A socket that is closed while there is something to
        read resets the connection, and the close frame might be lost with it.
        """
        was_open, self._phase = self._phase is _OPEN, _BROKEN
        self._reader = None
        if not self._transport.is_closing():
            if was_open:
                self._transport.write(close_frame(error.close_code, error.reason))
            if self._transport.can_write_eof():
                self._transport.write_eof()
                self._set_close_alarm()
            else:
                self._transport.close()
        self._receive_error(error)

    def _set_close_alarm(self) -> None:
        """The client has so much time to close its side, too."""
        if self._close_alarm is None:
            loop = asyncio.get_running_loop()
            self._close_alarm = loop.call_later(self.close_timeout_s, self._transport.abort)

    def _forget_reading(self) -> None:
        """The connection is gone."""
        if self._phase in (_OPEN, _CLOSING):
            self._phase = _LOST
        self._reader = None
        for handle in (self._turn, self._close_alarm):
            if handle is not None:
                handle.cancel()
        self._turn = self._close_alarm = None
