"""Reads the frames that nearly all clients send: short messages, each whole in one masked frame.

A connection whose client sends nothing else needs no reader of its own, with a kilobyte of state: whatever is
not as simple is left for `websockets`, untouched.

Source: RFC 6455, 5.2.
"""

from __future__ import annotations

_TEXT, _BINARY = 0x81, 0x82  # final, and without extensions
_MASKED = 0x80
# The length in the second byte that says that two bytes with the real one follow.
_TWO_MORE = 126
_MASK_BYTES = 4


def read_whole_frames(data: bytes, max_size: int) -> tuple[list[tuple[bool, bytes]], int]:
    """Reads the simple frames at the beginning of what arrived.

    Args:
        data: what arrived, from the beginning of a frame on.
        max_size: maximum bytes of a message.

    Returns:
        The messages, each with whether it is a text, and how many bytes of the data they took. What follows
        is something else, not whole, or too large.
    """
    messages: list[tuple[bool, bytes]] = []
    at, end = 0, len(data)
    while end - at >= 2 + _MASK_BYTES:
        first, size = data[at], data[at + 1] - _MASKED
        if first not in (_TEXT, _BINARY) or not 0 <= size <= _TWO_MORE:
            break
        start = at + 2
        if size == _TWO_MORE:
            size = int.from_bytes(data[start : start + 2], "big")
            start += 2
            if size < _TWO_MORE:  # not in the shortest form
                break
        mask, start = data[start : start + _MASK_BYTES], start + _MASK_BYTES
        stop = start + size
        if stop > end or size > max_size:
            break
        messages.append((first == _TEXT, _unmask(mask, data[start:stop])))
        at = stop
    return messages, at


def _unmask(mask: bytes, payload: bytes) -> bytes:
    size = len(payload)
    repeated = (mask * (size // _MASK_BYTES + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")
