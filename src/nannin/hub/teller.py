"""Tells each page's audience its count: paced, in slices, and each variant of it encoded once for all."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from nannin.audience.pace import Pace
from nannin.audience.roster import Count, Counts
from nannin.clock import Alarm, Clock
from nannin.hub.connection import Connection
from nannin.hub.crowds import Crowds, Slices
from nannin.hub.encoding import encode_words
from nannin.hub.fan_out import NOTHING_YET, FanOut, Heard, Part
from nannin.hub.figures import Figures
from nannin.hub.rota import Rota
from nannin.mistakes import Mistakes
from nannin.wire.engine_packet import Encoded
from nannin.wire.outgoing import Outgoing

logger = logging.getLogger("nannin.telling")

# How many pages that are due are begun between two looks at the clock.
_BEGUN_AT_ONCE = 32


class Watcher(Protocol):
    """One who hears a page's count without being a client of it."""

    def hear(self, page: str, count: Count) -> None:
        """The page's audience is being told this count. It must not block."""


class Teller:
    """Tells counts.

    Args:
        counts: how many are on each page, on this node or on all.
        crowds: the connections of this node, by page and form.
        pace: when a page may be told.
        clock: time and turns of the loop.
        slices: how much is told at once.
        mistakes: tells the log what watchers raise; None for its own.
        figures: counts what is told; None for its own.

    Attributes:
        on_observe: called with a page, and whether some client observes it from now on, or none any more.
    """

    def __init__(
        self,
        counts: Counts,
        crowds: Crowds,
        pace: Pace,
        clock: Clock,
        slices: Slices = Slices(),  # noqa: B008 - it never changes
        mistakes: Mistakes | None = None,
        figures: Figures | None = None,
    ) -> None:
        self._counts = counts
        self._crowds = crowds
        self._pace = pace
        self._clock = clock
        self._slices = slices
        self._mistakes = mistakes or Mistakes(lambda: clock.now())
        self._figures = figures or Figures()
        self._pages: dict[str, Heard] = {}
        self._rota = Rota()
        self._watchers: dict[str | None, tuple[Watcher] | dict[Watcher, None]] = {}
        self._turning = False
        self._alarm = Alarm(clock, self._wake)
        self.on_observe: Callable[[str, bool], None] | None = None

    def __len__(self) -> int:
        """How many pages somebody is told of, or about to be."""
        return len(self._pages)

    def __contains__(self, page: str) -> bool:
        return page in self._pages

    def join(self, connection: Connection) -> Encoded | None:
        """A connection has joined its page, which becomes due.

        Returns:
            The joiner's own first update, to send at once; None where it wants none.
        """
        heard, count = self._listen(connection)
        self._make_due(heard, count)
        return _first_update(connection, count)

    def leave(self, connection: Connection) -> None:
        """A connection has left its page, which becomes due."""
        self._listen_no_more(connection)
        self.change(connection.key)

    def change(self, page: str) -> None:
        """The count of a page has changed, here or on another node: it becomes due."""
        heard = self._pages.get(page)
        if heard is None:
            if not self._watchers or not self._is_watched(page):
                return  # nobody here listens
            heard = self._pages[page] = Heard(page)
            heard.by_watchers = NOTHING_YET
        count = self._counts.count(page)
        if heard.observers or self._is_watched(page) or self._counts.is_held(page):
            self._make_due(heard, count)
        else:
            self._forget(page)

    def change_all(self) -> None:
        """Whether the counts are sure has changed: each page that somebody here is told of becomes due."""
        named = [page for page in self._watchers if page is not None]
        every = self._counts.pages() if None in self._watchers else ()
        for page in dict.fromkeys([*self._pages, *named, *every]):
            self.change(page)

    def observe(self, connection: Connection) -> Encoded | None:
        """A connection is told of its page from now on, but not counted. Returns its first update."""
        heard, count = self._listen(connection)
        if not heard.observers and heard.page not in self._watchers:
            self._counts.listen(heard.page, True)
        if not heard.observers and self.on_observe is not None:
            self.on_observe(connection.key, True)
        heard.observers[connection] = None
        self._figures.observers += 1
        return _first_update(connection, count)

    def observe_no_more(self, connection: Connection) -> None:
        """A connection that observed has left."""
        heard = self._pages[connection.key]
        del heard.observers[connection]
        self._figures.observers -= 1
        if not heard.observers and heard.page not in self._watchers:
            self._counts.listen(heard.page, False)
        if not heard.observers and self.on_observe is not None:
            self.on_observe(connection.key, False)
        self._listen_no_more(connection)
        self._forget_if_empty(heard)

    def observers(self, page: str) -> Collection[Connection]:
        """The connections that observe a page."""
        heard = self._pages.get(page)
        return heard.observers.keys() if heard is not None else ()

    def watch(self, watcher: Watcher, page: str | None) -> None:
        """Tells a watcher of each update of a page from now on, or of every page (None)."""
        others = self._watchers.get(page)
        if others is None:
            if not self._has_observers(page):
                self._counts.listen(page, True)
            self._watchers[page] = (watcher,)  # most pages have no other, and a table takes 230 bytes
        elif isinstance(others, tuple):
            self._watchers[page] = dict.fromkeys([*others, watcher])
        else:
            others[watcher] = None

    def unwatch(self, watcher: Watcher, page: str | None) -> None:
        """Takes that back."""
        watchers = self._watchers.get(page)
        if isinstance(watchers, dict):
            watchers.pop(watcher, None)
        if watchers is not None and (watchers == (watcher,) or not watchers):
            del self._watchers[page]
            if not self._has_observers(page):
                self._counts.listen(page, False)
            for heard in [*self._pages.values()] if page is None else filter(None, [self._pages.get(page)]):
                self._forget_if_empty(heard)

    def _has_observers(self, page: str | None) -> bool:
        heard = self._pages.get(page) if page is not None else None
        return heard is not None and bool(heard.observers)

    def _listen(self, connection: Connection) -> tuple[Heard, Count]:
        page = connection.key
        heard, count = self._pages.get(page), self._counts.count(page)
        if heard is None:
            heard = self._pages[page] = Heard(page)
        heard.at_join[connection] = count
        self._crowds.join(connection)
        if connection.variant is not None:
            heard.listeners += 1
        return heard, count

    def _listen_no_more(self, connection: Connection) -> None:
        heard = self._pages[connection.key]
        heard.at_join.pop(connection, None)
        self._crowds.leave(connection)
        if connection.variant is not None:
            heard.listeners -= 1
        connection.session.forget_newest(connection.key)

    def _is_watched(self, page: str) -> bool:
        return bool(self._watchers) and (page in self._watchers or None in self._watchers)

    def _tell_watchers(self, heard: Heard, count: Count) -> bool:
        """Returns whether there was somebody to tell."""
        told = self._is_watched(heard.page) and count != heard.by_watchers
        if told:
            for watcher in [*self._watchers.get(heard.page, ()), *self._watchers.get(None, ())]:
                try:
                    watcher.hear(heard.page, count)
                except Exception as error:  # noqa: BLE001 - the edge: one watcher must hurt no other
                    self._mistakes.tell(logger, "a watcher of page %s raised", heard.page, error=error)
        heard.by_watchers = count
        return told

    def _forget_if_empty(self, heard: Heard) -> None:
        """Keeps nothing of a page that nobody is on or listens to, once its last number is told."""
        page = heard.page
        if heard.observers or self._counts.is_held(page):
            return
        # A watcher may have asked for a count that has changed back since, and must hear that it has.
        if not self._is_watched(page) or self._counts.count(page) == heard.by_watchers == Count():
            self._forget(page)

    def _forget(self, page: str) -> None:
        del self._pages[page]
        self._pace.forget(page)
        if not self._pages:
            self._alarm.cancel()

    def _make_due(self, heard: Heard, count: Count) -> None:
        if count != heard.by_watchers:
            # A watcher that asks for the count sees it now, even if it changes back before it is told.
            heard.by_watchers = NOTHING_YET
        if self._pace.change(heard.page) and not self._turning:
            self._set_alarm()

    def _set_alarm(self) -> None:
        """Turns at the end of this turn of the loop where something is due, else when it will be."""
        now = self._clock.now()
        when = self._pace.next_deadline()
        if self._rota or when <= now:
            self._turning = True
            self._clock.call_soon(self._turn)
        else:
            self._alarm.set(when)

    def _wake(self) -> None:
        if not self._turning:
            self._set_alarm()

    def _turn(self) -> None:
        """Begins what is due, and tells one slice, of which each rank of fan-outs gets its share."""
        now, left = self._clock.now(), self._slices.recipients
        until = now + self._slices.seconds
        try:
            self._begin_due(now + self._slices.seconds / 2)
            ranks = self._rota.ranks()
            for waiting, rank in zip(range(len(ranks), 0, -1), ranks, strict=True):
                now = self._clock.now()
                left -= self._tell_rank(rank, left // waiting, now + (until - now) / waiting)
        finally:
            self._turning = False
            self._set_alarm()

    def _begin_due(self, until: float) -> None:
        """Begins with the pages that are due, those that have waited longest first, for so long."""
        while pages := self._pace.due(self._clock.now(), _BEGUN_AT_ONCE):
            for page in pages:
                self._begin(self._pages[page])
            if self._clock.now() >= until:
                return

    def _tell_rank(self, rank: deque[FanOut], most: int, until: float) -> int:
        """Tells some recipients of a rank's fan-outs, of which each gets its turn; returns how many."""
        told = 0
        while rank and told < most:
            fan_out = rank.popleft()
            told += max(1, self._tell_slice(fan_out, most - told, until))
            if fan_out.parts:
                self._rota.add(fan_out)
            else:
                self._finish(fan_out)
            if self._clock.now() >= until:
                break
        return told

    def _begin(self, heard: Heard) -> None:
        page, count = heard.page, self._counts.count(heard.page)
        crowds = self._crowds.of(page)
        if heard.listeners and not heard.all_heard(count, sum(map(len, crowds.values()))):
            self._rota.add(FanOut(heard, crowds, self._clock.now()))
            return
        heard.at_join = {}
        for crowd in crowds.values():
            crowd.settle()
        heard.settle(count)
        if self._tell_watchers(heard, count):
            self._pace.finished(page, 0.0, self._clock.now())
        else:
            self._pace.skipped(page)
        self._forget_if_empty(heard)

    def _tell_slice(self, fan_out: FanOut, most: int, until: float) -> int:
        """Tells the next recipients the newest count; returns how many were looked at."""
        started = self._clock.now()
        count = self._counts.count(fan_out.heard.page)
        if count != fan_out.count:
            fan_out.renew(count)
            self._tell_watchers(fan_out.heard, count)
        left, part, fit = most, None, 0
        while left > 0 and fan_out.parts:
            before = self._clock.now()
            if part is not fan_out.parts[0]:  # others may take longer
                part, fit = fan_out.parts[0], self._slices.look_every
            told = self._tell_some(fan_out, part, left, fit, until - before)
            left -= told
            now = self._clock.now()
            if now >= until:
                break
            if now > before:
                # As many as there is time for: few long calls cost less than many short ones.
                fit = max(fit, int(told * (until - now) / (now - before)))
        fan_out.took_s += self._clock.now() - started
        return most - left

    def _tell_some(self, fan_out: FanOut, part: Part, most: int, most_asked: int, seconds: float) -> int:
        """Tells the next of one part; returns how many were looked at.

        Args:
            fan_out: whose part it is.
            part: whose recipients are told.
            most: the most of them.
            most_asked: the most of them that are looked at one by one.
            seconds: after so long it ends.
        """
        start, variant = part.at, part.variant
        if start >= part.settled:
            stop = min(start + min(most, most_asked), part.end)
            members = part.crowd.members[start:stop]
            to_tell = [one for one in members if one is not None and fan_out.needs(one, variant)]
            for connection in to_tell:
                connection.session.send_newest(fan_out.heard.page, connection.spell(fan_out.update(variant)))
            self._figures.deliveries += len(to_tell)
        elif fan_out.settled_need(variant):
            stop = min(start + most, part.settled)
            update = fan_out.update(variant)
            unsent, stop = self._crowds.send_some(
                part.crowd, start, stop, update, seconds=seconds, most_left=most_asked
            )
            if unsent:
                self._tell_others(fan_out.heard.page, unsent, update)
            left = part.crowd.members[start:stop].count(None) if part.crowd.empty else 0
            self._figures.deliveries += stop - start - left
        else:
            fan_out.advance(part.settled)
            return 0
        fan_out.advance(stop)
        return stop - start

    @staticmethod
    def _tell_others(page: str, unsent: Iterable[tuple[Connection, int]], update: Outgoing) -> None:
        """Tells those who can't be sent to at once, each in its way."""
        for connection, taken_bytes in unsent:
            session = connection.session
            if taken_bytes:
                session.send_outgoing(update.rest(taken_bytes))
            elif session.link is not None and connection.namespace is connection.key:
                # What `session.send_newest` does, without its call: over TLS all recipients come here.
                session.link.write_newest(page, update)
            else:
                session.send_newest(page, connection.spell(update))

    def _finish(self, fan_out: FanOut) -> None:
        heard, now = fan_out.heard, self._clock.now()
        fan_out.finish()
        figures = self._figures
        figures.updates += 1
        figures.busy_s += fan_out.took_s
        figures.fan_outs.add(now - fan_out.began_s)
        if self._pages.get(heard.page) is not heard:  # it was forgotten meanwhile, and may be back
            self._pace.finished(heard.page, fan_out.took_s, now)
            return
        heard.settle(fan_out.count, was_overtaken=fan_out.was_overtaken)
        if fan_out.was_overtaken:
            self._pace.change(heard.page)
        self._pace.finished(heard.page, fan_out.took_s, now)
        self._forget_if_empty(heard)


def _first_update(connection: Connection, count: Count) -> Encoded | None:
    """What a connection is told with its CONNECT."""
    if connection.variant is None:
        return None
    return encode_words(connection.variant, connection.key, count, joined=True)
