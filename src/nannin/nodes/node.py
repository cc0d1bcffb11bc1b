"""One node among several: it tells the census of its own clients, and its hub what the census says."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, Protocol

from nannin.audience.census_calls import (
    Answer,
    Beaten,
    Emit,
    Exited,
    Gone,
    Message,
    Registered,
    Returned,
    Told,
    Total,
    What,
)
from nannin.audience.heard import Heard
from nannin.audience.roster import VisitorName
from nannin.audience.share import Share
from nannin.clock import Alarm, Clock
from nannin.nodes.backplane import Backplane, Connect

__all__ = ["BEAT_EVERY_S", "Listener", "Node"]

logger = logging.getLogger("nannin.nodes")

# Seconds between two signs of life.
BEAT_EVERY_S: Final = 5.0
# Seconds for which the census may be away before counts and the log say so: a restart takes less.
PATIENCE_S: Final = 1.0
# Seconds after which is asked again whether all nodes have said what was lost.
SETTLE_AGAIN_S: Final = 0.5
# How many seconds before its end a node may have found something of which it told nobody any more.
LAST_WORDS_S: Final = 0.5
# For how many beats a node goes by what it heard of the others last.
_BEATS_KNOWN: Final = 2.5


class Listener(Protocol):
    """Who has to know what the census says."""

    def change(self, page: str) -> None:
        """The page's count, or whether it is sure, may have changed."""

    def change_all(self) -> None:
        """Whether counts are sure has changed: of all pages, those too that nobody is on."""

    def entered(self, page: str, visitor: VisitorName) -> None:
        """A visitor is new on a page, over all nodes."""

    def exited(self, page: str, visitor: VisitorName) -> None:
        """A visitor has gone from a page, on all nodes."""

    def returned(self, page: str, visitor: VisitorName) -> None:
        """A visitor of this node has come to the page through another, and is not in grace here any more."""

    def message(self, number: int, page: str, message: bytes) -> None:
        """Another node, of this number, has sent a message about a page."""

    def refused(self) -> None:
        """Another program has sent something on the channels of the nodes."""

    def unknown(self, calls: int) -> None:
        """The census has refused so many calls, of nodes that it doesn't know; one node is told."""

    def live(self, nodes: Collection[int]) -> None:
        """These nodes are there now, this one among them: after each beat, and when one has gone."""


class Node:
    """Drives a `Share` over a backplane: what changes in one turn of the loop is sent with one write.

    Args:
        share: what this node knows.
        clock: time and turns of the loop.
        connect: opens the backplane.

    Attributes:
        share, clock: as above.
        others: the numbers of the other nodes, as the census said with the last sign of life.
        on_count: called with each page whose count may have changed, with what the census says of it at once.
        on_known: called with whether the count of every page is known and sure, each time that was looked at.
        on_nodes: called with the numbers of all nodes and their values, after each beat.
        elder_s: when the census last named a node that is older than this one, in monotonic seconds, or half
            a second before the last of them went, where the census has seen that.
        beaten_s: when the census last answered a sign of life, and named the others, in monotonic seconds.
    """

    def __init__(self, share: Share, clock: Clock, connect: Connect) -> None:
        self.share = share
        share.on_listen = self._flush_soon
        self.clock = clock
        self._connect = connect
        self._backplane: Backplane | None = None
        self._closing: Backplane | None = None
        self._listener: Listener | None = None
        self._is_to_flush = False
        self._is_found = False
        self._alarm = Alarm(clock, self._beat)
        self._patience = Alarm(clock, self._look)
        self._settling = Alarm(clock, self._settle)
        self._told: dict[int, Callable[[Sequence[int] | None], None]] = {}
        self._emits: list[Emit] = []  # of this turn
        self._stale_since_s: float | None = None
        self.others: frozenset[int] = frozenset()
        self.on_count: Callable[[str], None] | None = None
        self.on_known: Callable[[bool], None] | None = None
        self.on_nodes: Callable[[Mapping[int, str]], None] | None = None
        self.elder_s = -math.inf
        self.beaten_s = -math.inf
        self._on_settled: list[Callable[[], None]] = []
        self._refused: int | None = None  # calls that the census had refused at the last look

    @property
    def is_eldest(self) -> bool:
        """Whether no other node is older, as far as the census said a moment ago.

        Numbers are given out in order. So this is true of one node at a time, and stays true of it until it
        leaves; only while the census takes a dead node for alive is it true of none.
        """
        number = self.share.number
        is_known = self.clock.now() - self.beaten_s <= _BEATS_KNOWN * BEAT_EVERY_S
        return number is not None and is_known and number < min(self.others, default=number + 1)

    def open(self, listener: Listener) -> None:
        """Looks for the census, and is a node of it until `close`. A second call does nothing."""
        if self._backplane is None:
            self._listener = listener
            self._stale_since_s = self.clock.now()
            self._backplane = self._connect(self)
            self._alarm.set(self.clock.now() + BEAT_EVERY_S)

    def close(self) -> None:
        """Leaves the census."""
        if self._backplane is not None:
            self.share.leave()
            self._flush()
            self._backplane.close()
            self._closing, self._backplane = self._backplane, None
        self._alarm.cancel()
        self._patience.cancel()
        self._settling.cancel()

    async def wait_closed(self) -> None:
        """After `close`: returns once the census knows that this node has left, or after some seconds."""
        if self._closing is not None:
            await self._closing.wait_closed()

    def when_settled(self, then: Callable[[], None]) -> None:
        """Calls back once the census knows this node."""
        self._on_settled.append(then)
        self._look()

    def touch(
        self, page: str, visitor: VisitorName | None, came: bool = False, is_more: bool = False
    ) -> None:
        """Somebody joined a page here or left it, or a tab was shown or hidden; see `Share.touch`."""
        self.share.touch(page, visitor, came, is_more)
        self._flush_soon()

    def bury(self, epochs: Sequence[str]) -> None:
        """Processes have ended that were nodes with these epochs: what they had is removed now."""
        self.share.bury(epochs)
        self._say_alive()

    def hear(self, page: str, hears: bool) -> None:
        """Whether what is emitted to a page has to come here though nobody is counted on it here."""
        self.share.hear(page, hears)
        self._flush_soon()

    def emit(
        self,
        page: str,
        message: bytes,
        nodes: list[int] | None = None,
        on_told: Callable[[Sequence[int] | None], None] | None = None,
    ) -> None:
        """Sends a message to other nodes, at the end of this turn of the loop.

        Args:
            page: the page that it is about.
            message: what is sent.
            nodes: who gets it; None: all that are told of the page.
            on_told: called with the nodes that it was sent to; with None if the census is away.
        """
        if self._backplane is None or not self._is_found or self.share.number is None:
            if on_told is not None:
                on_told(None)
            return
        call = Emit(self.share.next_call(), self.share.number, page, message, nodes)
        if on_told is not None:
            self._told[call.call] = on_told
        self._emits.append(call)
        self._flush_soon()

    # The backplane's ears

    def found(self) -> None:
        """The census can be reached."""
        self._is_found = True
        self._hear(self.share.found())

    def lost(self) -> None:
        """The census can't be reached."""
        self._is_found = False
        told, self._told = self._told, {}
        for tell in told.values():
            tell(None)
        self._emits.clear()
        self._hear(self.share.lost())

    def refused(self) -> None:
        """Something came that is not nannin's."""
        if self._listener is not None:
            self._listener.refused()

    def heard(self, messages: Sequence[Answer | What]) -> None:
        """The census answers, or tells something."""
        now = self.clock.now()
        for message in messages:
            if isinstance(message, (Total, Exited, Returned)):
                self._hear(self.share.told(message))
            elif isinstance(message, Message):
                assert self._listener is not None
                self._listener.message(message.number, message.page, message.message)
            elif isinstance(message, Gone):
                self._lose(message.number)
            elif isinstance(message, Told):
                if (tell := self._told.pop(message.call, None)) is not None:
                    tell(message.nodes)
            else:
                if isinstance(message, Beaten) and self.share.number is not None:
                    self.others = frozenset(message.nodes) - {self.share.number}
                    self.beaten_s = now
                    if min(self.others, default=self.share.number) < self.share.number:
                        self.elder_s = now
                if isinstance(message, Beaten):
                    self._look_for_refused(message.refused)
                self._hear(self.share.answer(message, now))
                if isinstance(message, Registered):
                    self._say_alive()  # the answer says who else there is
                if isinstance(message, Beaten) and self._listener is not None:
                    self._listener.live(message.nodes)
                    if self.on_nodes is not None:
                        self.on_nodes(message.nodes)

    def _lose(self, number: int) -> None:
        """Another node has gone. The next beat would say so, but after the counts without its clients."""
        own = self.share.number
        if number in self.others and own is not None and self._listener is not None:
            self.others -= {number}
            if number < own:
                self.elder_s = max(self.elder_s, self.clock.now() - LAST_WORDS_S)
            self._listener.live([*self.others, own])

    def _look_for_refused(self, refused: int) -> None:
        """Tells of calls that were refused since the last look, if no older node does.

        After a loss every node's number is not known any more, so that is no news then.
        """
        before, self._refused = self._refused, refused
        is_news = before is not None and before < refused and self.share.settles_at is None
        if is_news and before is not None and self.is_eldest and self._listener is not None:
            self._listener.unknown(refused - before)

    def _hear(self, heard: Heard) -> None:
        """Tells what has changed. Who left comes before whose count is complete, and who came after that."""
        listener = self._listener
        if listener is None:
            return
        for page, visitor in heard.exited:
            listener.exited(page, visitor)
        for page in heard.pages:
            listener.change(page)
            if self.on_count is not None:
                self.on_count(page)
        for page, visitor in heard.returned:
            listener.returned(page, visitor)
        for then in heard.thens:
            then()
        for page, visitor in heard.entered:
            listener.entered(page, visitor)
        if self.share.settles_at is not None:
            # Once that time has passed, it is over when the rest is said.
            self._settling.set(max(self.share.settles_at, self.clock.now() + SETTLE_AGAIN_S))
        self._look()
        self._flush_soon()

    def _look(self) -> None:
        """Tells the log once that the counts may be old, and once that they are exact again."""
        now = self.clock.now()
        if self.share.stale:
            if self._stale_since_s is None:
                self._stale_since_s = now
            if now < (due_s := self._stale_since_s + PATIENCE_S):
                self._patience.set(due_s)
            elif not self.share.shows_stale:
                self._show_stale(True)
                if self.share.settles_at is None:
                    logger.warning("the other nodes can't be reached: counts are marked stale until they are")
                else:
                    logger.warning(
                        "what the nodes share was lost: counts are marked stale until all nodes have said "
                        "again what they have"
                    )
                if self.on_known is not None:
                    self.on_known(False)
            return
        if self.share.shows_stale and self._stale_since_s is not None:
            self._show_stale(False)
            away_s = now - self._stale_since_s
            logger.warning("the other nodes are back after %.1f s: counts are exact again", away_s)
        self._stale_since_s = None
        if self.on_known is not None:
            self.on_known(self.share.knows(None))
        waiting, self._on_settled = self._on_settled, []
        for then in waiting:
            then()

    def _show_stale(self, shown: bool) -> None:
        """From now on counts say that they may be old, or say so no more: everybody is told."""
        self.share.shows_stale = shown
        assert self._listener is not None
        self._listener.change_all()

    def _settle(self) -> None:
        self._hear(self.share.settle(self.clock.now()))

    def _beat(self) -> None:
        self._say_alive()
        self._alarm.set(self.clock.now() + BEAT_EVERY_S)

    def _say_alive(self) -> None:
        beat = self.share.beat()
        if beat is not None and self._backplane is not None:
            self._backplane.send([beat])

    def _flush_soon(self) -> None:
        # Before `open` there may be no loop yet; once the census is found, all that is dirty is sent.
        if not self._is_to_flush and self._backplane is not None:
            self._is_to_flush = True
            self.clock.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_to_flush = False
        emits, self._emits = self._emits, []
        if self._backplane is not None and (calls := [*emits, *self.share.take(self.clock.now())]):
            self._backplane.send(calls)
