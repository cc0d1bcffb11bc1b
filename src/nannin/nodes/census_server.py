"""Serves the census of one machine: the supervisor's side of what its workers ask and are told."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from nannin.audience.census import Census, Tell
from nannin.audience.census_calls import Answer, Call, Gone, Message, Registered, Total, What
from nannin.nodes.channel import MAX_MESSAGE_BYTES, Channel, Heard

__all__ = ["CensusServer", "Line"]

# Bytes that a message of another node counts for besides its own, where they are summed up.
_OVERHEAD_BYTES: Final = 100


class Line:
    """What is to be sent to one worker.

    Args:
        channel: leads to it.
        flush_soon: called when there is something to be sent at the end of this turn of the loop.
    """

    def __init__(self, channel: Channel, flush_soon: Callable[[Line], None]) -> None:
        self.channel = channel
        self.numbers: dict[int, list[int]] = {}  # its nodes, by space
        self._flush_soon = flush_soon
        self._waiting: dict[int, list[Answer | What]] = {}
        self._totals: dict[tuple[int, str], int] = {}  # where the total of a page waits
        self._bytes = 0  # of messages that wait
        self._encode = msgspec.msgpack.Encoder().encode

    def add(self, space: int, message: Answer | What) -> None:
        """Sends this soon. Of a page's totals that wait, the newest takes the place of the others."""
        if not self._waiting:
            self._flush_soon(self)
        waiting = self._waiting.setdefault(space, [])
        if isinstance(message, Total):
            at = self._totals.setdefault((space, message.page), len(waiting))
            if at < len(waiting):
                waiting[at] = message
                return
        elif isinstance(message, Message):
            self._bytes += len(message.message) + _OVERHEAD_BYTES
            if self._bytes > MAX_MESSAGE_BYTES // 2:
                self.channel.close()  # it has read nothing for long
                return
        waiting.append(message)

    def flush(self) -> None:
        """Sends what waits, unless the worker reads slowly: then it waits until it has read."""
        if self.channel.is_full or not self._waiting:
            return
        waiting, self._waiting = self._waiting, {}
        self._totals.clear()
        self._bytes = 0
        for space, messages in waiting.items():
            self.channel.send(self._encode(Heard(space, messages)))


class CensusServer:
    """The census of each space, and the nodes that are known to it.

    Args:
        call_soon: calls back at the end of this turn of the loop.
    """

    def __init__(self, call_soon: Callable[[Callable[[], None]], object]) -> None:
        self._call_soon = call_soon
        self._censuses: dict[int, Census] = {}
        self._lines: dict[int, dict[int, Line]] = {}  # by space, then by the node's number
        self._to_flush: list[Line] = []

    def line(self, channel: Channel) -> Line:
        """A worker that can be told something from now on."""
        return Line(channel, self._flush_soon)

    def receive(self, line: Line, space: int, calls: Iterable[Call]) -> None:
        """A worker calls."""
        census = self._censuses.get(space)
        if census is None:
            census = self._censuses[space] = Census(secrets.token_hex(8))
            self._lines[space] = {}
        for call in calls:
            answer, tells = census.receive(call)
            if isinstance(answer, Registered):
                self._lines[space][answer.number] = line
                line.numbers.setdefault(space, []).append(answer.number)
            line.add(space, answer)
            self._tell(space, tells)

    def lost(self, line: Line) -> None:
        """A worker has gone, and everybody who was with it; the others are told."""
        for space, numbers in line.numbers.items():
            for number in numbers:
                del self._lines[space][number]
                for other in self._lines[space].values():
                    other.add(space, Gone(number))
                self._tell(space, self._censuses[space].end(number))

    def _tell(self, space: int, tells: Iterable[Tell]) -> None:
        lines = self._lines[space]
        for nodes, what in tells:
            for number in nodes:
                if (line := lines.get(number)) is not None:
                    line.add(space, what)

    def _flush_soon(self, line: Line) -> None:
        if not self._to_flush:
            self._call_soon(self._flush)
        self._to_flush.append(line)

    def _flush(self) -> None:
        lines, self._to_flush = self._to_flush, []
        for line in lines:
            line.flush()
