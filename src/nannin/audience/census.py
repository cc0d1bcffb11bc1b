"""The census: merges the nodes' parts of every page into one count.

One machine's supervisor serves it to its workers. The scripts that Redis runs are held to it by tests.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

from nannin.audience.census_calls import (
    Answer,
    Applied,
    Apply,
    Beat,
    Beaten,
    Call,
    Emit,
    Exited,
    Former,
    Gap,
    Leave,
    Message,
    Read,
    Reap,
    Reaped,
    Register,
    Registered,
    Returned,
    Told,
    Top,
    Total,
    Totals,
    Unknown,
    Watch,
    Watching,
    What,
)
from nannin.audience.roster import Part


class Tell(NamedTuple):
    """Something that nodes must be told, without being asked."""

    nodes: list[int]
    what: What


class Reply(NamedTuple):
    """What a call did: the answer to who called, and what other nodes must be told."""

    answer: Answer
    tells: list[Tell]


class _Node:
    """One node that is registered."""

    __slots__ = ("beat", "epoch", "everything", "pages", "reaping", "write")

    def __init__(self, epoch: str, write: int, everything: bool) -> None:
        self.epoch = epoch
        self.everything = everything
        self.write = write  # the last, or the registration
        self.beat = 0
        self.reaping = False  # its parts are being removed, and it can write nothing any more
        self.pages: dict[str, None] = {}  # those with a part of this node

    def value(self) -> str:
        """What stands still once the node is gone."""
        return f"{self.epoch}:-" if self.reaping else f"{self.epoch}:{self.write}:{self.beat}"


class _Page:
    """One page's parts, and its visitors, each with its places.

    A place is one number: twice the node's, and one more where the visitor sees the page there. Most visitors
    are with one node, and a tuple of one number takes a quarter of what a dict would.
    """

    __slots__ = ("parts", "seeing", "version", "visitors")

    def __init__(self, version: int) -> None:
        self.version = version
        self.parts: dict[int, Part] = {}
        self.visitors: dict[str, tuple[int, ...]] = {}
        self.seeing = 0  # visitors with an id who see the page somewhere

    def place(self, visitor: str, number: int, visible: bool | None) -> tuple[bool, list[int]]:
        """A visitor is with this node and sees the page or not, or is not with it (None).

        Returns:
            Whether the visitor came to the page by that, or has left it; and of one who has come to this
            node, those that the visitor is with already.
        """
        before = self.visitors.get(visitor, ())
        after = tuple([place for place in before if place >> 1 != number])
        if visible is not None:
            after = (*after, number << 1 | visible)
        self.seeing += any(place & 1 for place in after) - any(place & 1 for place in before)
        if after:
            self.visitors[visitor] = after
        elif before:
            del self.visitors[visitor]
        was_here = any(place >> 1 == number for place in before)
        others = [] if was_here or visible is None else [place >> 1 for place in before]
        return bool(after) is not bool(before), others

    def without(self, visitor: str, number: int) -> list[int]:
        """The other nodes that a visitor is with."""
        return [place >> 1 for place in self.visitors.get(visitor, ()) if place >> 1 != number]

    def of(self, number: int) -> list[str]:
        """The visitors who are with a node."""
        return [name for name, places in self.visitors.items() if any(at >> 1 == number for at in places)]

    def total(self, page: str) -> Total:
        connections, visitors, visible = 0, len(self.visitors), self.seeing
        for part in self.parts.values():
            connections += part.connections
            visitors += part.anonymous
            visible += part.anonymous_visible
        return Total(page, self.version, connections, visitors, visible)


class Census:
    """Every page's count over all nodes.

    Nodes hold the truth about their own clients; the census holds a copy that any node can make again. It
    knows no time: who has stood still for too long is for the nodes to see.

    Args:
        id: a random name for what this census holds.
    """

    def __init__(self, id: str) -> None:
        self.id = id
        self._nodes: dict[int, _Node] = {}
        self._pages: dict[str, _Page] = {}
        self._everywhere: dict[int, None] = {}  # the nodes that are told of every page
        self._version = 0
        self._next = 0
        self._refused = 0

    def receive(self, call: Call) -> Reply:
        """Does what a node calls for."""
        match call:
            case Apply():
                return self.apply(call)
            case Emit():
                return self.emit(call)
            case Beat():
                return Reply(self.beat(call), [])
            case Read():
                return Reply(self.read(call), [])
            case Top():
                return Reply(self.top(call), [])
            case Register():
                return Reply(self.register(call), [])
            case Leave():
                return self.leave(call)
            case Watch():
                return Reply(self.watch(call), [])
            case _:
                return self.reap(call)

    def register(self, call: Register) -> Registered | Former:
        """Gives a node a number, unless its process still has others."""
        former = {number: node.value() for number, node in self._nodes.items() if node.epoch == call.epoch}
        if former:
            return Former(call.call, former)
        self._next += 1
        self._nodes[self._next] = _Node(call.epoch, call.call, call.everything)
        if not call.everything:
            return Registered(call.call, self._next, self.id)
        self._everywhere[self._next] = None
        return Registered(call.call, self._next, self.id, self._totals(), self._version)

    def apply(self, call: Apply) -> Reply:
        """Puts a node's part of a page in the place of what it was, and tells the others the new total."""
        node = self._known(call.number, call.epoch)
        if node is None:
            return Reply(self._refuse(call), [])
        if node.write == call.previous:
            node.write = call.call
            return self._apply(node, call)
        if node.write == call.call:  # it comes again
            return Reply(Applied(call.call, self.total(call.page)), [])
        return Reply(Gap(call.call, node.write), [])

    def beat(self, call: Beat) -> Beaten | Unknown:
        """Notes that a node lives."""
        node = self._known(call.number, call.epoch)
        if node is None:
            return self._refuse(call)
        node.beat = max(node.beat, call.call)  # a late one is no sign of life
        values = {number: node.value() for number, node in self._nodes.items()}
        return Beaten(call.call, self.id, values, self._refused)

    def leave(self, call: Leave) -> Reply:
        """Removes a node that leaves in good order."""
        node = self._known(call.number, call.epoch)
        if node is None:
            return Reply(self._refuse(call), [])
        if node.write != call.previous:
            return Reply(Gap(call.call, node.write), [])
        return Reply(*self._reap(call.call, call.number, call.most))

    def reap(self, call: Reap) -> Reply:
        """Removes parts of a node, if its value is still the one that was seen."""
        node = self._nodes.get(call.number)
        if node is None or node.value() != call.seen:
            return Reply(Reaped(call.call, ""), [])
        return Reply(*self._reap(call.call, call.number, call.most))

    def end(self, number: int) -> list[Tell]:
        """Removes a node that is known to be gone, at once and whole; returns what others must be told."""
        if number not in self._nodes:
            return []
        answer, tells = self._reap(0, number, len(self._pages))
        for exited in answer.exited:
            nodes = self._listeners(exited.page, number)
            tells += [Tell(nodes[:1], exited)] if nodes else []
        return tells

    def read(self, call: Read) -> Totals:
        """The totals of some pages."""
        return Totals(call.call, [self.total(page) for page in call.pages])

    def top(self, call: Top) -> Totals:
        """The pages with the most visitors, without those that nobody is on."""
        largest = heapq.nlargest(call.most, self._totals(), key=lambda total: (total.visitors, total.page))
        return Totals(call.call, largest)

    def watch(self, call: Watch) -> Watching | Unknown:
        """Tells a node of every page from now on, or no more."""
        if self._known(call.number, call.epoch) is None:
            return self._refuse(call)
        if not call.watches:
            self._everywhere.pop(call.number, None)
            return Watching(call.call, [])
        self._everywhere[call.number] = None
        return Watching(call.call, self._totals(), self._version)

    def emit(self, call: Emit) -> Reply:
        """Sends a message on to nodes; the answer says to which."""
        page = self._pages.get(call.page)
        nodes = call.nodes if call.nodes is not None else page.parts if page is not None else ()
        told = [number for number in nodes if number in self._nodes and number != call.number]
        message = Message(call.number, call.page, call.message)
        return Reply(Told(call.call, told), [Tell(told, message)] if told else [])

    def total(self, page: str) -> Total:
        """A page's total; zeros for a page that nobody is on."""
        held = self._pages.get(page)
        return held.total(page) if held is not None else Total(page, self._version, 0, 0, 0)

    def _totals(self) -> list[Total]:
        """Those of all pages that somebody is on."""
        totals = (page.total(key) for key, page in self._pages.items())
        return [total for total in totals if total.connections]

    def _known(self, number: int, epoch: str) -> _Node | None:
        node = self._nodes.get(number)
        return node if node is not None and node.epoch == epoch and not node.reaping else None

    def _refuse(self, call: Apply | Beat | Leave | Watch) -> Unknown:
        """The node is not known. It counts once there are nodes at all."""
        self._refused += self._next > 0
        return Unknown(call.call)

    def _apply(self, node: _Node, call: Apply) -> Reply:
        page, number = self._pages.get(call.page), call.number
        if page is None:
            page = self._pages[call.page] = _Page(self._version)
        before = page.total(call.page)
        if call.connections or call.stays:
            page.parts[number] = Part(call.connections, call.anonymous, call.anonymous_visible)
            node.pages[call.page] = None
        else:
            page.parts.pop(number, None)
            node.pages.pop(call.page, None)
        entered, exited, returned = list[str](), list[str](), dict[int, list[str]]()
        for visitors, visible in ((call.visible, True), (call.hidden, False)):
            for visitor in visitors:
                is_new, others = page.place(visitor, number, visible)
                entered += [visitor] if is_new else []
                for other in others:
                    returned.setdefault(other, []).append(visitor)
        exited = [visitor for visitor in call.absent if page.place(visitor, number, None)[0]]
        for visitor in call.joined:
            for other in page.without(visitor, number):
                returned.setdefault(other, []).append(visitor)
        total, tells = self._changed(call.page, page, before, number)
        tells += [Tell([other], Returned(call.page, names)) for other, names in returned.items()]
        return Reply(Applied(call.call, total, entered, exited), tells)

    def _reap(self, call: int, number: int, most: int) -> tuple[Reaped, list[Tell]]:
        node, tells, all_exited = self._nodes[number], list[Tell](), list[Exited]()
        node.reaping = True
        self._everywhere.pop(number, None)
        for key in sorted(node.pages)[:most]:
            del node.pages[key]
            page = self._pages[key]
            before = page.total(key)
            del page.parts[number]
            exited = [visitor for visitor in page.of(number) if page.place(visitor, number, None)[0]]
            all_exited += [Exited(key, exited)] if exited else []
            tells += self._changed(key, page, before, number)[1]
        if not node.pages:
            del self._nodes[number]
        return Reaped(call, node.value() if node.pages else "", all_exited), tells

    def _changed(self, key: str, page: _Page, before: Total, by: int) -> tuple[Total, list[Tell]]:
        """Numbers a change and says who must be told; forgets a page that is empty."""
        total, nodes = page.total(key), list[int]()
        if total != before:
            self._version += 1
            page.version = self._version
            total, nodes = page.total(key), self._listeners(key, by)
        if not page.parts:
            del self._pages[key]
            total = self.total(key)
        return total, [Tell(nodes, total)] if nodes else []

    def _listeners(self, page: str, but: int) -> list[int]:
        """The nodes that are told of a page, without one of them."""
        held = self._pages.get(page)
        nodes = [*held.parts, *self._everywhere] if held is not None else self._everywhere
        return [number for number in dict.fromkeys(nodes) if number != but]
