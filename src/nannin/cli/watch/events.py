"""The counts in a server's stream: bytes in, counts out; no sockets, no clock.

Source: WHATWG HTML, "Server-sent events", "Interpreting an event stream".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final

import msgspec

from nannin.cli.remote import escape
from nannin.errors import RemoteError

__all__ = ["EventParser", "Update"]

_MAX_EVENT_BYTES: Final = 1_048_576  # a count has at most 400
_BOM: Final = b"\xef\xbb\xbf"
_Number = Annotated[int, msgspec.Meta(ge=0)]


class Update(msgspec.Struct, frozen=True):
    """A page's count as the server told it; `text` is its JSON on one line.

    Attributes:
        stale: whether it may be old.
        group: whether it is that of a group of pages.
    """

    page: str
    connections: _Number
    visitors: _Number
    visible: _Number
    text: str = ""
    stale: bool = False
    group: bool = False

    @property
    def label(self) -> str:
        """The page's key as a terminal shows it."""
        return escape(self.page) + (" (group)" if self.group else "")


_DECODER = msgspec.json.Decoder(Update)


class EventParser:
    """Takes an event stream in pieces of any size and gives the counts in it; other events are skipped."""

    def __init__(self) -> None:
        self._rest = b""
        self._event = b""
        self._lines: list[bytes] = []
        self._is_first = True

    def feed(self, chunk: bytes) -> Iterator[Update]:
        """The counts that are complete with this piece.

        Raises:
            RemoteError: it is not a stream of counts.
        """
        lines = (self._rest + chunk).splitlines(keepends=True)
        # A \r at the end may be the first half of a \r\n.
        self._rest = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        if len(self._rest) > _MAX_EVENT_BYTES:
            raise RemoteError(f"a line has over {_MAX_EVENT_BYTES:,} bytes")
        for line in lines:
            if self._is_first:
                self._is_first, line = False, line.removeprefix(_BOM)
            if update := self._receive_line(line.rstrip(b"\r\n")):
                yield update

    def _receive_line(self, line: bytes) -> Update | None:
        if not line:
            event, lines, self._event, self._lines = self._event, self._lines, b"", []
            return read_update(b" ".join(lines)) if lines and event == b"audience" else None
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            self._event = value
        elif name == b"data":
            self._lines.append(value)
            if sum(map(len, self._lines)) > _MAX_EVENT_BYTES or len(self._lines) > 1000:
                raise RemoteError(f"an event has over {_MAX_EVENT_BYTES:,} bytes or 1,000 lines")
        return None


def read_update(json: bytes) -> Update:
    """A count from its JSON.

    Raises:
        RemoteError: it is not a count.
    """
    try:
        update = _DECODER.decode(json)
        text = json.decode()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RemoteError(f"an event is not a count: {escape(str(error))}") from None
    return msgspec.structs.replace(update, text=escape(text))
