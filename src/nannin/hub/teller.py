"""Tells each page's audience its count: paced, in slices, and each form of it encoded once for all."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Protocol

from nannin.access.connect import Format
from nannin.audience.pace import Pace
from nannin.audience.roster import Change, Count, Roster
from nannin.clock import Alarm, Clock
from nannin.hub.encoding import encode_update
from nannin.hub.reasons import SocketState
from nannin.hub.sockets import Socket
from nannin.wire.outgoing import Outgoing

logger = logging.getLogger("nannin.telling")

# A slice of a fan-out ends after so many recipients or seconds, and the loop turns.
SLICE_RECIPIENTS = 1_000
SLICE_S = 0.01
_LOOK_AT_THE_CLOCK_EVERY = 100

# Looked up once for each recipient: an attribute of an Enum class costs as much as the rest of the look.
_CLASSIC, _NONE, _JOINED = Format.CLASSIC, Format.NONE, SocketState.JOINED

_NOTHING_YET = Count(-1, -1, -1)


class Watcher(Protocol):
    """One who is told of a page's count without being a client of it."""

    def told(self, page: str, count: Count) -> None:
        """The page's audience is being told this count. It must not block."""


class _Page:
    """What a page's audience has heard."""

    __slots__ = ("early", "key", "listeners", "mixed", "observers", "told", "watched")

    def __init__(self, key: str) -> None:
        self.key = key
        self.told = Count()
        self.watched = Count()  # what the watchers were told last, while the count is no other
        self.observers: dict[Socket, None] = {}  # clients that are told, but not counted
        self.mixed = False  # the last fan-out was overtaken: not all have heard the same
        self.early: dict[Socket, Count] = {}  # who joined since then, and what it was told at once
        self.listeners = 0  # connections that are told anything at all


class _FanOut:
    """One telling of a page's count to all that were on it when it began."""

    __slots__ = (
        "at",
        "audience",
        "classic",
        "count",
        "early",
        "head",
        "mixed",
        "page",
        "recipients",
        "tail",
        "took_s",
        "whole",
    )

    def __init__(self, page: _Page, recipients: list[Socket], *, whole: bool) -> None:
        self.page = page
        self.whole = whole  # else it goes to those only who heard another count than the rest
        self.recipients = recipients
        self.early, page.early = page.early, {}
        self.mixed = False
        self.at = 0
        # Whoever stands before the head or behind the tail may have heard something else than the rest.
        self.head = len(page.observers) if whole else len(recipients)
        self.tail = len(recipients) - len(self.early)
        self.took_s = 0.0
        self.count = _NOTHING_YET
        self.audience: Outgoing | None = None
        self.classic: Outgoing | None = None

    def renew(self, count: Count) -> None:
        """From here on, tells this count."""
        self.mixed = self.at > 0 or not (self.whole or count == self.page.told)
        self.count = count
        self.audience = self.classic = None

    def encode(self, form: Format, joined: bool) -> Outgoing:
        """The update in one form, for the first recipient that needs it and all behind it."""
        update = encode_update(form, self.page.key, self.count, joined=joined)
        if form is Format.CLASSIC:
            self.classic = update
        else:
            self.audience = update
        return update

    def needs(self, socket: Socket) -> bool:
        """Whether a socket that may have heard this count already has to be told; it is then, in its form."""
        heard = self.early.get(socket)
        if heard is None:
            if self.page.mixed:
                return True
            heard = self.page.told
        if socket.form is Format.CLASSIC:
            return heard.visitors != self.count.visitors
        return heard != self.count


class Teller:
    """Tells counts.

    Args:
        roster: who is on which page.
        pace: when a page may be told.
        clock: time and turns of the loop.
    """

    def __init__(self, roster: Roster[Socket], pace: Pace, clock: Clock) -> None:
        self._roster = roster
        self._pace = pace
        self._clock = clock
        self._pages: dict[str, _Page] = {}
        self._fan_outs: list[_FanOut] = []
        self._watchers: dict[str | None, dict[Watcher, None]] = {}
        self._turning = False
        self._alarm = Alarm(clock, self._wake)

    def join(self, socket: Socket, change: Change) -> Outgoing | None:
        """A socket joined: the page becomes due. Returns the joiner's own first update, to send at once."""
        update = self._hear(socket, change.page, change.after)
        self._make_due(change)
        return update

    def leave(self, socket: Socket, change: Change) -> None:
        """A socket left: the page becomes due."""
        self._hear_no_more(socket, change.page)
        self.change(change)

    def change(self, change: Change) -> None:
        """The count of a page changed that somebody is or was on: it becomes due."""
        page = self._pages[change.page]
        if change.after.connections or page.observers or self._is_watched(change.page):
            self._make_due(change)
        else:
            self._forget(change.page)

    def observe(self, socket: Socket) -> Outgoing | None:
        """A socket is told of its page from now on, but not counted. Returns its first update."""
        update = self._hear(socket, socket.key, self._roster.count(socket.key))
        self._pages[socket.key].observers[socket] = None
        return update

    def observe_no_more(self, socket: Socket) -> None:
        """A socket that observed has left."""
        page = self._pages[socket.key]
        del page.observers[socket]
        self._hear_no_more(socket, socket.key)
        self._forget_if_empty(page)

    def observers(self, page: str) -> Collection[Socket]:
        """The sockets that observe a page."""
        known = self._pages.get(page)
        return known.observers.keys() if known is not None else ()

    def watch(self, watcher: Watcher, page: str | None) -> None:
        """Tells a watcher of each update of a page from now on, or of every page (None)."""
        self._watchers.setdefault(page, {})[watcher] = None

    def unwatch(self, watcher: Watcher, page: str | None) -> None:
        """Takes that back."""
        watchers = self._watchers.get(page, {})
        watchers.pop(watcher, None)
        if not watchers:
            self._watchers.pop(page, None)

    def _hear(self, socket: Socket, key: str, count: Count) -> Outgoing | None:
        page = self._pages.get(key)
        if page is None:
            page = self._pages[key] = _Page(key)
        page.early[socket] = count
        if socket.form is Format.NONE:
            return None
        page.listeners += 1
        return encode_update(socket.form, key, count, joined=True)

    def _hear_no_more(self, socket: Socket, key: str) -> None:
        page = self._pages[key]
        page.early.pop(socket, None)
        page.listeners -= socket.form is not Format.NONE
        socket.session.forget_newest(key)

    def _is_watched(self, key: str) -> bool:
        return bool(self._watchers) and (key in self._watchers or None in self._watchers)

    def _tell_watchers(self, page: _Page, count: Count) -> None:
        if self._watchers and count != page.watched:
            for watcher in [*self._watchers.get(page.key, ()), *self._watchers.get(None, ())]:
                try:
                    watcher.told(page.key, count)
                except Exception:
                    logger.exception("a watcher of page %s raised", page.key)
        page.watched = count

    def _forget_if_empty(self, page: _Page) -> None:
        """Keeps nothing of a page that nobody is on or listens to, once its last number is told."""
        if not page.observers and page.told == self._roster.count(page.key) == Count():
            self._forget(page.key)

    def _forget(self, key: str) -> None:
        del self._pages[key]
        self._pace.forget(key)
        if not self._pages:
            self._alarm.cancel()

    def _make_due(self, change: Change) -> None:
        page = self._pages[change.page]
        if change.after != page.watched:
            page.watched = _NOTHING_YET  # who asks for the count now sees it, even if it is taken back untold
        self._pace.change(change.page)
        if not self._turning:
            self._set_alarm()

    def _set_alarm(self) -> None:
        """Turns at the end of this turn of the loop where something is due, else when it will be."""
        now = self._clock.now()
        when = self._pace.next_deadline()
        if self._fan_outs or when <= now:
            self._turning = True
            self._clock.call_soon(self._turn)
        else:
            self._alarm.set(when)

    def _wake(self) -> None:
        if not self._turning:
            self._set_alarm()

    def _turn(self) -> None:
        """Begins what is due, and gives the eldest fan-out one slice."""
        try:
            for name in self._pace.due(self._clock.now()):
                self._begin(name)
            if self._fan_outs:
                fan_out = self._fan_outs.pop(0)
                if self._tell_slice(fan_out):
                    self._fan_outs.append(fan_out)
                else:
                    self._finish(fan_out)
        finally:
            self._turning = False
            self._set_alarm()

    def _begin(self, key: str) -> None:
        page, count = self._pages[key], self._roster.count(key)
        same = count == page.told and not page.mixed
        if not page.listeners or (same and all(heard == count for heard in page.early.values())):
            page.told, page.mixed, page.early = count, False, {}
            self._tell_watchers(page, count)
            self._pace.told(key, 0.0, self._clock.now())
            self._forget_if_empty(page)
            return
        # Where the count is what was told last, only those who joined since then can have heard another.
        recipients = list(page.early) if same else [*page.observers, *self._roster.audience(key)]
        self._fan_outs.append(_FanOut(page, recipients, whole=not same))

    def _tell_slice(self, fan_out: _FanOut) -> bool:
        """Tells the next recipients the newest count; returns whether some are left."""
        started = self._clock.now()
        count = self._roster.count(fan_out.page.key)
        if count != fan_out.count:
            fan_out.renew(count)
            self._tell_watchers(fan_out.page, count)
        end = min(fan_out.at + SLICE_RECIPIENTS, len(fan_out.recipients))
        while fan_out.at < end:
            stop = min(fan_out.at + _LOOK_AT_THE_CLOCK_EVERY, end)
            self._tell_some(fan_out, fan_out.recipients[fan_out.at : stop])
            fan_out.at = stop
            if self._clock.now() - started >= SLICE_S:
                break
        fan_out.took_s += self._clock.now() - started
        return fan_out.at < len(fan_out.recipients)

    def _tell_some(self, fan_out: _FanOut, sockets: list[Socket]) -> None:
        key, told, count = fan_out.page.key, fan_out.page.told, fan_out.count
        # Those who heard early joined last, and so stand last; nobody before them needs a second look where
        # both numbers differ from what all heard.
        within = fan_out.head <= fan_out.at and fan_out.at + len(sockets) <= fan_out.tail
        plain = within and told.visitors != count.visitors
        joined = count.visitors > told.visitors
        # This loop is what telling costs beside the kernel: it runs once for each recipient of each update.
        for socket in sockets:
            form = socket.form
            if form is _NONE or socket.state is not _JOINED or not (plain or fan_out.needs(socket)):
                continue
            update = fan_out.classic if form is _CLASSIC else fan_out.audience
            if update is None:
                update = fan_out.encode(form, joined)
            link = socket.session.link
            if link is not None:
                link.write_newest(key, update)
            else:
                socket.session.send_newest(key, update)

    def _finish(self, fan_out: _FanOut) -> None:
        page = fan_out.page
        if self._pages.get(page.key) is page:
            page.told, page.mixed = fan_out.count, fan_out.mixed
            if fan_out.mixed:
                self._pace.change(page.key)
            self._pace.told(page.key, fan_out.took_s, self._clock.now())
            self._forget_if_empty(page)
        else:
            self._pace.told(page.key, fan_out.took_s, self._clock.now())
