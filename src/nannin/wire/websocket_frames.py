"""A client's WebSocket frames, read one at a time, and the control frames with which a server answers.

The reader takes no more than it is asked for, so that whoever reads decides how much of one client is enough
for now. A frame that breaks a rule, or is too large, is refused from its head: its payload isn't waited for.

Source: RFC 6455, 5 and 7.
"""

from __future__ import annotations

from typing import Final

from nannin.errors import FrameError

try:
    from websockets.speedups import apply_mask
except ImportError:  # `websockets` was installed without its C extension
    from websockets.utils import apply_mask

# What a frame was. A PART is a fragment that doesn't end its message: there is nothing in it for the reader.
PART: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

_FINAL, _RESERVED, _OPCODE = 0x80, 0x70, 0x0F
_MASKED = 0x80
# The size in a head that says that two bytes with the real one follow; after 127, eight do.
_TWO_MORE = 126
# The least size that has eight bytes: what fits into fewer has fewer. Source: RFC 6455, 5.2.
_EIGHT_MORE = 65_536
_MASK_BYTES = 4
_MOST_CONTROL_BYTES = 125

# The least and the most bytes of a short text's frame: its size fits into one byte, and isn't 0.
LEAST_SHORT: Final = 2 + _MASK_BYTES + 1
MOST_SHORT: Final = 2 + _MASK_BYTES + _TWO_MORE - 1

# Fragments of fewer bytes cost more to read than they carry; how many of them one message may have.
SMALL_BYTES: Final = 64
MAX_SMALL: Final = 1_000

# Source: RFC 6455, 7.4.1.
_PROTOCOL_ERROR, _NO_STATUS, _INVALID_DATA = 1002, 1005, 1007
TOO_BIG: Final = 1009
# What a close frame may say. Source: RFC 6455, 7.4, and IANA's registry.
_CLOSE_CODES = frozenset((*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)))


class FrameReader:
    """Reads what one client sends once its WebSocket is open. Between two messages a client needs none.

    Args:
        data: what arrived, from the beginning of a frame on.
    """

    __slots__ = ("_at", "_data", "_is_text", "_message", "_small")

    def __init__(self, data: bytes = b"") -> None:
        self._data: bytes | bytearray = data
        self._at = 0  # what is before has been read
        self._message: bytearray | None = None  # the fragments of a message whose end hasn't arrived
        self._is_text = False  # whether that is a text
        self._small = 0  # how many of its fragments were small

    @property
    def is_empty(self) -> bool:
        """Whether all that has arrived is read."""
        return self._at == len(self._data)

    @property
    def is_idle(self) -> bool:
        """Whether the client is between two messages."""
        return self._message is None and self._at == len(self._data)

    def feed(self, data: bytes) -> None:
        """Bytes arrived."""
        if self.is_empty:
            self._data, self._at = data, 0
            return
        if isinstance(self._data, bytes):
            self._data = bytearray(self._data)
        del self._data[: self._at]
        self._at = 0
        self._data += data

    def read(self, max_bytes: int) -> tuple[int, str | bytes] | None:
        """Reads the next frame.

        Args:
            max_bytes: the maximum size of a message.

        Returns:
            What it was, and what came with it: the whole message of a TEXT or BINARY, the payload of a
            control frame, nothing of a PART. None if no frame has arrived whole.

        Raises:
            FrameError: it breaks a rule, or the message is too large. Nothing may be read after it.
        """
        data, at = self._data, self._at
        if len(data) - at < 2:
            return None
        first, size, start = data[at], data[at + 1] - _MASKED, at + 2
        opcode = first & _OPCODE
        if size < 0 or first & _RESERVED or opcode > BINARY:
            _check(first, opcode, size)
        if size >= _TWO_MORE:
            head_end, least = (start + 2, _TWO_MORE) if size == _TWO_MORE else (start + 8, _EIGHT_MORE)
            if head_end > len(data):
                return None
            size, start = int.from_bytes(data[start:head_end], "big"), head_end
            if size < least:
                raise FrameError(_PROTOCOL_ERROR, "expected the size of a frame in as few bytes as it needs")
        if opcode <= BINARY:
            self._check_data(opcode, size, max_bytes)
        masked = start + _MASK_BYTES
        end = masked + size
        if end > len(data):
            return None
        payload = apply_mask(data[masked:end], data[start:masked]) if size else b""
        self._at = end
        if end == len(data):
            self._data, self._at = b"", 0
        if opcode > BINARY:
            return opcode, bytes(payload)
        if self._message is None and first & _FINAL:
            return _message(opcode == TEXT, payload)
        return self._add_fragment(opcode, payload, is_last=bool(first & _FINAL))

    def _check_data(self, opcode: int, size: int, max_bytes: int) -> None:
        if self._message is None:
            if opcode == PART:
                raise FrameError(_PROTOCOL_ERROR, "expected the beginning of a message")
        elif opcode != PART:
            raise FrameError(_PROTOCOL_ERROR, "expected the rest of a message")
        else:
            size += len(self._message)
        if size > max_bytes:
            raise FrameError(TOO_BIG, "the message is too large")

    def _add_fragment(self, opcode: int, payload: bytes, *, is_last: bool) -> tuple[int, str | bytes]:
        if self._message is None:
            self._message, self._is_text, self._small = bytearray(), opcode == TEXT, 0
        self._message += payload
        if is_last:
            message, self._message = self._message, None
            return _message(self._is_text, message)
        if len(payload) < SMALL_BYTES:
            self._small += 1
            if self._small > MAX_SMALL:
                raise FrameError(TOO_BIG, "the message has too many small fragments")
        return PART, b""


def read_short_text(data: bytes, max_bytes: int) -> str | None:
    """The message, if the data are one whole text in one frame, and valid; None: a reader has to judge them.

    Pongs of Engine.IO, CONNECTs and most events come so, and it costs a third of a reader.

    Args:
        data: LEAST_SHORT to MOST_SHORT bytes, from the beginning of a frame on.
        max_bytes: the maximum size of a message.
    """
    start = 2 + _MASK_BYTES
    size = len(data) - start
    if data[0] != _FINAL | TEXT or data[1] != _MASKED | size or size > max_bytes:
        return None
    try:
        return apply_mask(data[start:], data[2:start]).decode()
    except UnicodeDecodeError:
        return None


def read_close(payload: bytes) -> int:
    """The code of a close frame; 1005 if it has none.

    Raises:
        FrameError: it breaks a rule.
    """
    if not payload:
        return _NO_STATUS
    code = int.from_bytes(payload[:2], "big")
    _decode(payload[2:])
    if len(payload) < 2 or code not in _CLOSE_CODES:
        raise FrameError(_PROTOCOL_ERROR, "invalid close code")
    return code


def close_frame(code: int, reason: str = "") -> bytes:
    """A close frame. 1005 is one without a code."""
    payload = b"" if code == _NO_STATUS else code.to_bytes(2, "big") + reason.encode()
    return bytes((_FINAL | CLOSE, len(payload))) + payload


def pong_frame(payload: bytes) -> bytes:
    """The answer to a ping."""
    return bytes((_FINAL | PONG, len(payload))) + payload


def _check(first: int, opcode: int, size: int) -> None:
    """Checks the beginning of a head that isn't that of a masked data frame.

    Raises:
        FrameError: it breaks a rule.
    """
    if size < 0:
        raise FrameError(_PROTOCOL_ERROR, "expected a masked frame")
    if first & _RESERVED:
        # The first of them is that of permessage-deflate, which is never negotiated.
        raise FrameError(_PROTOCOL_ERROR, "reserved bits must be 0")
    if opcode not in (CLOSE, PING, PONG):
        raise FrameError(_PROTOCOL_ERROR, "invalid opcode")
    if size > _MOST_CONTROL_BYTES or not first & _FINAL:
        raise FrameError(_PROTOCOL_ERROR, "a control frame is too large or fragmented")


def _message(is_text: bool, payload: bytes | bytearray) -> tuple[int, str | bytes]:
    return (TEXT, _decode(payload)) if is_text else (BINARY, bytes(payload))


def _decode(payload: bytes | bytearray) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise FrameError(_INVALID_DATA, "expected UTF-8") from None
