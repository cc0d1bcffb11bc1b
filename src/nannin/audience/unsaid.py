"""What one node has to say of its own clients: what has changed since, and what the census has lost."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import islice
from typing import Any

from nannin.audience.census_calls import Applied, Apply, from_wire, to_wire
from nannin.audience.heard import Heard, Presence
from nannin.audience.known_pages import KnownPage, KnownPages
from nannin.audience.resettling import Resettling
from nannin.audience.roster import Roster, VisitorName
from nannin.audience.writes import AGAIN, CAME, CHANGED, Write, Writes

# How many writes wait for their answers at most; the rest stays dirty, and is merged meanwhile.
_IN_FLIGHT = 1_000
# How many visitors one write names at most.
_VISITORS = 1_000
# How many visitors are named in one turn of the loop: the others follow with the next answers.
_NAMED = 2_000
# In how many beats all that is here is said again, in case that somebody has removed it: 10 minutes.
_SAID_AGAIN_BEATS = 120


class Unsaid:
    """Which pages and visitors are dirty, that is, have changed since the census was told.

    It knows nothing of visitors that are clean. What it says of a dirty one is what the roster says when it
    is sent. So nothing has to be kept in order, and what was said in vain is dirty again.

    Args:
        roster: this node's own clients.
        pages: those that the node knows of.
        epoch: a name for this process that no other has.
        next_call: gives a number for a call.
        writes: those of this node.
        resettling: what is kept back after the census has lost its data.
    """

    def __init__(
        self,
        roster: Roster[Any],
        pages: KnownPages,
        epoch: str,
        next_call: Callable[[], int],
        writes: Writes,
        resettling: Resettling,
    ) -> None:
        self._roster = roster
        self._pages = pages
        self._epoch = epoch
        self._next_call = next_call
        self._writes = writes
        self._resettling = resettling
        self._ready: dict[str, None] = {}  # the pages that are dirty and have no write under way
        self._to_say_again: list[str] = []
        self._owed = 0  # pages times beats since the last was said

    # What is to be said

    def touch(self, page: str, visitor: VisitorName | None, came: bool, is_more: bool) -> None:
        """The page and the visitor are dirty.

        Args:
            page: the page's key.
            visitor: who it was; None without an id.
            came: whether the visitor was not on the page before, nor in grace.
            is_more: whether a visitor who was has one connection more, which took no place in grace here.
        """
        if visitor is not None and (is_more or (came and self._pages.names(page, visitor))):
            # The census may take it for one who is with this node already.
            self._pages.of(page).note_joined([visitor])
        if visitor is not None and self._pages.waits:
            self._resettling.keep(page, visitor, was_here=not came)
            visitor = None
        self._touch(page, [] if visitor is None else [visitor], fresh=CAME if came else CHANGED)

    def touch_page(self, page: str) -> None:
        """The page is dirty, and none of its visitors."""
        self._touch(page, [], fresh=AGAIN)

    def refresh(self, page: str) -> None:
        """All that is on the page is to be said again."""
        visitors: Iterable[VisitorName] = self._roster.visitors(page)
        if self._pages.waits:
            visitors = [visitor for visitor in visitors if not self._resettling.has_come(page, visitor)]
        self._touch(page, visitors, fresh=AGAIN)

    def refresh_some(self) -> None:
        """Some pages are to be said again, in each beat others. Nobody hears of one that the census has."""
        pages = self._roster.pages()
        self._owed += len(pages)
        while self._owed >= _SAID_AGAIN_BEATS:
            self._owed -= _SAID_AGAIN_BEATS
            self._to_say_again = self._to_say_again or list(pages)
            page = self._to_say_again.pop()
            if self._roster.is_held(page):
                self.refresh(page)

    def _touch(self, page: str, visitors: Iterable[VisitorName], *, fresh: int) -> None:
        held = self._pages.of(page)
        held.touch(visitors, fresh)
        if held.write is None:
            self._ready[page] = None

    # What is said

    def take(self, number: int, now: float) -> list[Apply]:
        """The calls to send now: a write of each dirty page that has none under way."""
        self._writes.forget(now)
        writes: list[Apply] = []
        named = 0
        for page in list(islice(self._ready, max(0, _IN_FLIGHT - len(self._writes)))):
            writes.append(write := self._write(number, page, now))
            named += len(write.visible) + len(write.hidden) + len(write.absent)
            if named >= _NAMED:
                break
        return writes

    def _write(self, number: int, page: str, now: float) -> Apply:
        """The next write of a page, from what the roster says now."""
        held = self._pages.of(page)
        del self._ready[page]
        write = held.write = Write(self._next_call(), page, held.take_visitors(_VISITORS), now)
        write.joined = held.take_joined(_VISITORS)
        write.is_last = not held.dirty
        if write.is_last:
            write.thens, held.thens = held.thens, []
        write.part = self._roster.count(page)
        write.version = held.total.version if held.total is not None and not held.unsure else 0
        visible, hidden, absent = list[str](), list[str](), list[str]()
        places = {True: visible, False: hidden, None: absent}
        for visitor in write.visitors:
            sees = self._roster.sees(page, visitor)
            if sees is None and self._pages.waits and self._resettling.was_here(page, visitor):
                sees = False
            places[sees].append(to_wire(visitor))
        previous, part = self._writes.add(write), self._roster.part(page)
        # Those of a group may have taken their places to another node, and count here all the same.
        stays = held.stays or not write.is_last or (not part.connections and self._roster.is_held(page))
        stays = stays or self._resettling.has_kept(page)
        joined = list(map(to_wire, write.joined))
        named = visible, hidden, absent, joined
        return Apply(write.call, number, self._epoch, previous, page, *part, stays, *named)

    def answer(self, answer: Applied, heard: Heard) -> Write | None:
        """The census has done a write.

        Returns:
            The write, if the page's total has all that this node has said of it; else None, also where
            nobody waits for the answer.
        """
        write = self._writes.answer(answer.call)
        if write is None:
            return None
        held = self._pages.of(write.page)
        held.write = None
        if held.dirty:
            self._ready[write.page] = None
        heard.thens += write.thens
        write.thens = []
        for names, people in ((answer.entered, heard.entered), (answer.exited, heard.exited)):
            visitors = map(from_wire, names)
            people += [Presence(write.page, visitor) for visitor in visitors if write.visitors.get(visitor)]
        if held.unsure and not write.is_last:
            return None
        if write.is_last:
            self._resettling.said(write.page)
        held.said = write.part
        return write

    # What was said in vain

    def go_back(self, last: int, call: int) -> bool:
        """The census refuses a call, since it has no write after `last`: what those named is dirty again.

        Returns:
            Whether these are all remembered.
        """
        missing = self._writes.go_back(last, call)
        if missing is None:
            return False
        for write, was_under_way in missing:
            self._redo(write, fresh=was_under_way)
        return True

    def give_up(self) -> None:
        """No write that is under way will be answered."""
        for write in self._writes.give_up():
            self._redo(write, fresh=True)

    def lose(self, now: float, again: Collection[str], *, has_others: bool) -> None:
        """The census has lost what it had told: totals are small until each node has said its part again.

        Args:
            now: the time, in monotonic seconds.
            again: the pages of which this node has to say everything.
            has_others: whether other nodes have to say theirs.
        """
        for page, held in self._pages.all():
            for visitor, fresh in list((held.visitors or {}).items()):
                if fresh:
                    self._sort_out(page, held, visitor, came=fresh == CAME)
        for page, visitor in self._resettling.were_here():
            self._touch(page, [visitor], fresh=AGAIN)
        self._pages.wait()
        for page in again:
            self.refresh(page)
        pages = [page for page, held in self._pages.all() if held.is_writing()]
        self._resettling.begin(now, pages, has_others=has_others)

    def settle(self, now: float) -> bool:
        """Ends the time in which other nodes say again what they have; returns whether that is over now."""
        changed = self._resettling.end(now)
        if changed is None:
            return False
        self._pages.waits = False
        for page, visitors in changed.items():
            for visitor, was_here in visitors.items():
                self._touch(page, [visitor], fresh=CHANGED if was_here else CAME)
        return True

    def _sort_out(self, page: str, held: KnownPage, visitor: VisitorName, *, came: bool) -> None:
        """A visitor was to be said when it turned out that the census has lost its data."""
        assert held.visitors is not None
        has_left = self._roster.sees(page, visitor) is None
        held.visitors[visitor] = AGAIN
        if came and not has_left:
            del held.visitors[visitor]
        if came is not has_left:
            self._resettling.keep(page, visitor, was_here=not came)

    def _redo(self, write: Write, *, fresh: bool) -> None:
        """What a write named must be said again."""
        held = self._pages.of(write.page)
        if held.write is write:
            held.write = None
        held.thens += write.thens
        write.thens = []
        if write.visitors:
            held.touch_again(write.visitors if fresh else dict.fromkeys(write.visitors, AGAIN))
        if write.joined and fresh:
            held.note_joined(write.joined)
        self._touch(write.page, [], fresh=AGAIN)
