"""Questions to the hubs of other nodes: what has been answered, and by whom it has not."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Any, Protocol

from nannin.audience.recovery import Aim
from nannin.errors import PacketError
from nannin.hub.node_messages import Ordered, Reply, Seen, unpack_answer
from nannin.wire.outgoing import Outgoing


class Asking:
    """A question of this node, until all other nodes have answered it.

    Args:
        away: how many nodes there are that can't be asked, as far as is known.

    Attributes:
        done: done once all have answered or are gone.
        number: how many connections they have.
        seen: which ones, by id.
        answers: what clients acknowledged, by id.
    """

    def __init__(self, away: int = 0) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.number = 0
        self.seen: dict[str, Seen] = {}
        self.answers: dict[str, Any] = {}
        self._away = away
        self._asked: set[int] | None = None  # not known yet
        self._answered: set[int] = set()
        self._gone: set[int] = set()

    @property
    def silent(self) -> int:
        """How many nodes have not answered: those that are gone or away, and those that say nothing."""
        return len(self._asked - self._answered) if self._asked is not None else self._away

    @property
    def waits(self) -> int:
        """The same without those that are known to be gone, with their clients."""
        return len(self._asked - self._answered - self._gone) if self._asked is not None else self._away

    def told(self, nodes: Sequence[int] | None) -> None:
        """These nodes were asked; None: nobody could be."""
        if nodes is not None:
            self._asked, self._away = set(nodes), 0
        self._look(is_away=nodes is None)

    def receive(self, node: int, reply: Reply) -> None:
        """A node answers."""
        self.number += reply.number
        for seen in reply.sockets:
            self.seen[seen.id] = seen
        for acked in reply.answers:
            try:
                self.answers[acked.id] = unpack_answer(acked)
            except PacketError:
                continue  # its client is one that did not answer
        if reply.is_last:
            self._answered.add(node)
            self._look()

    def live(self, nodes: Collection[int]) -> None:
        """These nodes are there; of another one no answer will come."""
        if self._asked is not None:
            self._gone |= self._asked.difference(nodes)
            self._look()

    def _look(self, *, is_away: bool = False) -> None:
        if (is_away or (self._asked is not None and not self.waits)) and not self.done.done():
            self.done.set_result(None)


class Others(Protocol):
    """The hubs of the other nodes."""

    def order(self, page: str, ordered: Ordered) -> None:
        """Has them do something with their connections."""

    def seek(self, page: str, aim: Aim, *, counts: bool) -> Asking:
        """Asks which of their connections an aim means, or only how many."""

    def call(self, page: str, aim: Aim, event: Outgoing, last: object, within_s: float) -> Asking:
        """Sends an event that wants acks; see `Called`."""

    def tell_returned(self, page: str, pid: str) -> None:
        """A client has come here as a new one that may have been with one of them; see `Returned`."""
