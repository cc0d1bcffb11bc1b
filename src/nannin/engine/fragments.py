"""Puts the fragments of a WebSocket message together.

Source: RFC 6455, 5.4.
"""

from __future__ import annotations

from websockets.frames import Frame, Opcode

# How many empty fragments one message may have. Those with something in them are bounded by the limit on the
# message's size, which is checked where frames are read.
MAX_EMPTY = 1_000


class TooManyFragments(Exception):
    """The client sends empty fragments without end."""


class Fragments:
    """The beginning of a message whose end hasn't arrived.

    Args:
        frame: the first of its frames.

    Attributes:
        is_text: whether it is a text, by its first frame.
        data: what has arrived.
    """

    __slots__ = ("_empty", "data", "is_text")

    def __init__(self, frame: Frame) -> None:
        self.is_text = frame.opcode is Opcode.TEXT
        self.data = bytearray(frame.data)
        self._empty = 0

    def add(self, frame: Frame) -> None:
        """The next fragment arrived.

        Raises:
            TooManyFragments: there were too many empty ones.
        """
        if frame.data:
            self.data += frame.data
            return
        self._empty += 1
        if self._empty > MAX_EMPTY:
            raise TooManyFragments
