"""The pages that a node knows of, with their totals over all nodes, and which of these may be old."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from nannin.audience.census_calls import Total
from nannin.audience.roster import Count, VisitorName
from nannin.audience.writes import AGAIN, Then, Write

# How many pages that nobody is on any more are known by their versions.
_GONE = 1_000


class KnownPage:
    """A page that this node has a part of, listens to, or was told of.

    Attributes:
        total: what the page has, as it is shown; None before anything was heard.
        acknowledged: this node's part of that.
        said: this node's part as the census has it by now.
        unsure: whether the census was away meanwhile, so that this may be old.
        newer: what was heard while unsure. This node's part may be missing from it.
        listens: whether the node is told of the page though nobody is on it here.
        hears: whether it gets what is emitted to the page though nobody is on it here.
        dirty: whether this node's part has to be said.
        visitors, joined: those that must be named then, as in `Write`.
        write: waits for its answer.
        thens: wait for the next write's answer.
    """

    __slots__ = (
        "acknowledged",
        "dirty",
        "hears",
        "joined",
        "listens",
        "newer",
        "said",
        "thens",
        "total",
        "unsure",
        "visitors",
        "write",
    )

    def __init__(self) -> None:
        self.total: Total | None = None
        self.acknowledged = self.said = Count()
        self.unsure = False
        self.newer: Total | None = None
        self.listens = False
        self.hears = False
        self.dirty = False
        self.visitors: dict[VisitorName, int] | None = None
        self.joined: list[VisitorName] | None = None
        self.write: Write | None = None
        self.thens: list[Then] = []

    @property
    def stays(self) -> bool:
        """Whether the node has a part of the page though nobody may be on it here."""
        return self.listens or self.hears

    def is_writing(self) -> bool:
        """Whether the answer to a write will say the total."""
        return self.dirty or self.write is not None

    def wait(self, then: Then) -> bool:
        """Calls back once all that this node has is in the total; False where it is, so that nobody waits."""
        if self.dirty:
            self.thens.append(then)
        elif self.write is not None:
            self.write.thens.append(then)
        return self.is_writing()

    def touch(self, visitors: Iterable[VisitorName], fresh: int) -> None:
        """It must be said anew, and name these visitors. What was noted of one before has not been said."""
        self.dirty = True
        for visitor in visitors:
            if self.visitors is None:
                self.visitors = {}
            self.visitors[visitor] = self.visitors.get(visitor) or fresh

    def note_joined(self, visitors: Iterable[VisitorName]) -> None:
        """These have joined, and take a place in grace on another node if they have one there."""
        self.dirty = True
        self.joined = [*(self.joined or ()), *visitors]

    def touch_again(self, visitors: dict[VisitorName, int]) -> None:
        """It must name these visitors again, of whom all that was noted since is newer."""
        self.touch((), AGAIN)
        self.visitors = {
            **(self.visitors or {}),
            **{name: fresh for name, fresh in visitors.items() if fresh},
        }
        self.touch(visitors, AGAIN)

    def take_visitors(self, most: int) -> dict[VisitorName, int]:
        """Some of those that must be named. The page is dirty no more if these were all."""
        taken: dict[VisitorName, int] = {}
        if self.visitors is not None and len(self.visitors) > most:
            for _ in range(most):
                visitor, is_fresh = self.visitors.popitem()
                taken[visitor] = is_fresh
            return taken
        taken, self.visitors, self.dirty = self.visitors or {}, None, False
        return taken

    def take_joined(self, most: int) -> Sequence[VisitorName]:
        """Some of those that have joined. The page stays dirty if there are more."""
        if self.joined is None:
            return ()
        taken, left = self.joined[:most], self.joined[most:]
        self.joined = left or None
        self.dirty = self.dirty or bool(left)
        return taken


class KnownPages:
    """All of them.

    Attributes:
        unsure: how many may be old.
        waits: whether they stay so, since every total may lack parts of other nodes.
    """

    def __init__(self) -> None:
        self.unsure = 0
        self.waits = False
        self._pages: dict[str, KnownPage] = {}
        self._gone: dict[str, int] = {}  # the last that nobody was on, with the versions of that

    def __iter__(self) -> Iterator[str]:
        return iter(self._pages)

    def find(self, page: str) -> KnownPage | None:
        """What is known of a page; None where that is nothing."""
        return self._pages.get(page)

    def of(self, page: str) -> KnownPage:
        """What is known of a page, from now on something."""
        held = self._pages.get(page)
        if held is None:
            held = self._pages[page] = KnownPage()
        return held

    def names(self, page: str, visitor: VisitorName) -> bool:
        """Whether a visitor must be named with the next write of a page."""
        held = self._pages.get(page)
        return held is not None and held.visitors is not None and visitor in held.visitors

    def all(self) -> list[tuple[str, KnownPage]]:
        """The pages, and what is known of each."""
        return list(self._pages.items())

    def forget(self, page: str) -> None:
        """Nothing is known of it any more, but for the version of a total that may come late.

        It may not be unsure.
        """
        total = self._pages.pop(page).total
        if total is not None:
            self.note_gone(total)

    def note_gone(self, total: Total) -> None:
        """Of a page of which nothing is known, a total with a smaller version is no news any more."""
        self._gone.pop(total.page, None)
        self._gone[total.page] = total.version
        if len(self._gone) > _GONE:
            del self._gone[next(iter(self._gone))]

    def is_new(self, total: Total) -> bool:
        """Whether a total of a page of which nothing is known comes after all that was known of it."""
        return total.version > self._gone.get(total.page, -1)

    def doubt(self) -> None:
        """All totals may be old, and have versions of a past that the census has lost."""
        self.unsure = len(self._pages)
        self._gone.clear()
        for held in self._pages.values():
            held.unsure, held.newer = True, None

    def wait(self) -> None:
        """The census has lost what it told: no total is sure until `waits` is no more."""
        self.waits = True
        self.doubt()
        for held in self._pages.values():
            if held.total is not None:
                held.total = msgspec.structs.replace(held.total, version=0)

    def doubt_parts(self) -> None:
        """This node's part may be missing from every total. What was told since the last doubt is not old."""
        self.unsure = len(self._pages)
        for held in self._pages.values():
            if not held.unsure:
                held.unsure, held.newer = True, held.total

    def hear(self, held: KnownPage, total: Total) -> bool:
        """Takes a total that may come late; returns whether the page's count is another by it."""
        if held.unsure:
            held.newer = _newer(held.newer, total)
            return False
        before, held.total = held.total, _newer(held.total, total)
        return held.total is not before

    def settle(self, held: KnownPage, total: Total) -> bool:
        """Takes a total that has this node's part; returns whether the page's count is another by it."""
        if held.unsure and self.waits and held.total is not None:
            return self.hear(held, total)
        held.acknowledged = held.said
        if not held.unsure:
            return self.hear(held, total)
        held.total, held.newer, held.unsure = _newer(held.newer, total), None, False
        self.unsure -= 1
        return True


def _newer(one: Total | None, other: Total) -> Total:
    """The one with the greater version; of two with the same, the first."""
    return other if one is None or other.version > one.version else one
