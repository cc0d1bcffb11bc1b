"""Answers to the questions of other nodes: which connections there are here, and what they acknowledge."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from nannin.audience.roster import Given
from nannin.clock import Cancellable, Clock
from nannin.hub.connection import Connection
from nannin.hub.node_messages import Acked, Reply, Seen, encode_data, pack_answer
from nannin.hub.reasons import SocketState

# How many connections one reply names, and the seconds between two: hundreds of thousands take their time,
# which the node that answers has for its clients, and the one that asked to read.
SEEN_AT_ONCE: Final = 500
SEEN_EVERY_S: Final = 0.005
# Seconds for which a node waits for acks beyond those of the node that asks.
_LONGER_S: Final = 1.0
# Maximum seconds: a day.
_LONGEST_S: Final = 86_400.0


class Answering:
    """A question of another node, until it has been answered in full: which connections, and their acks.

    Args:
        call: the question's number.
        connections: those it is about.
        reply: sends a part of the answer.
        clock: time and turns of the loop.
        acks: what will hold each connection's ack; None where none is wanted.
        within_s: how long the node that asks waits for them, in seconds.
    """

    def __init__(
        self,
        call: int,
        connections: list[Connection],
        reply: Callable[[Reply], None],
        clock: Clock,
        acks: Mapping[Connection, asyncio.Future[Any]] | None = None,
        within_s: float = 0.0,
    ) -> None:
        self._call = call
        self._connections = connections
        self._reply = reply
        self._clock = clock
        self._wants_acks = acks is not None
        self._waiting = dict(acks or {})
        self._at = 0
        self._answers: list[Acked] = []
        self._is_to_flush = False
        self._end: Cancellable | None = None
        for connection, ack in self._waiting.items():
            ack.add_done_callback(partial(self._receive, connection))
        self._tell()
        if self._waiting:
            self._end = clock.call_later(min(within_s, _LONGEST_S) + _LONGER_S, self._give_up)

    def _tell(self) -> None:
        """Names the next connections."""
        some = self._connections[self._at : self._at + SEEN_AT_ONCE]
        self._at += len(some)
        seen = [see(one) for one in some if self._wants_acks or one.state is not SocketState.LEFT]
        if self._at < len(self._connections):
            self._clock.call_later(SEEN_EVERY_S, self._tell)
        self._send(seen)

    def _receive(self, connection: Connection, ack: asyncio.Future[Any]) -> None:
        """A client has acknowledged, or has left."""
        if self._waiting.pop(connection, None) is None:
            return
        if not ack.cancelled() and ack.exception() is None:
            self._answers.append(pack_answer(connection.id, ack.result()))
        if not self._is_to_flush:
            self._is_to_flush = True
            self._clock.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_to_flush = False
        self._send([])

    def _send(self, seen: list[Seen]) -> None:
        is_last = self._at == len(self._connections) and not self._waiting and not self._is_to_flush
        answers, self._answers = self._answers, []
        if seen or answers or is_last:
            self._reply(Reply(self._call, len(seen), seen, answers, is_last))
        if is_last and self._end is not None:
            self._end.cancel()

    def _give_up(self) -> None:
        """Nobody waits for the other acks any more."""
        waiting, self._waiting = self._waiting, {}
        for ack in waiting.values():
            ack.cancel()
        self._send([])


def see(connection: Connection) -> Seen:
    """What another node is told of a connection."""
    visitor = connection.visitor
    name = visitor.id if isinstance(visitor, Given) else visitor
    return Seen(connection.id, name, connection.rooms, encode_data(connection.data or {}))
