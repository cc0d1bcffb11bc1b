"""One node's side of the census: what it has to say of its own clients, and what it knows of all.

It is pure: `take` gives the calls to send, `answer` and `told` take what came, and time is an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from nannin.audience.census_calls import (
    Answer,
    Applied,
    Beat,
    Beaten,
    Call,
    Exited,
    Former,
    Gap,
    Leave,
    Reaped,
    Register,
    Registered,
    Returned,
    Total,
    Totals,
    Unknown,
    Watching,
)
from nannin.audience.heard import Heard
from nannin.audience.known_counts import KnownCounts
from nannin.audience.known_pages import KnownPage, KnownPages
from nannin.audience.leases import Leases
from nannin.audience.reads import Reads
from nannin.audience.reaping import Reaping
from nannin.audience.resettling import Resettling
from nannin.audience.roster import Roster, VisitorName
from nannin.audience.unsaid import Unsaid
from nannin.audience.watch_of_all import WatchOfAll
from nannin.audience.writes import Then, Writes


class Share(KnownCounts):
    """One node's share of all counts. It is a `Counts`, and stands where the roster of a single node would.

    What it shows are `KnownCounts`, and what it says of its own clients is what is `Unsaid`. Besides, it
    registers with the census, gives signs of life, sees to nodes that are gone, and leaves.

    Args:
        roster: this node's own clients.
        epoch: a name for this process that no other has, without a colon.
        everything: whether to be told of every page, by one stream on which all comes in order.
        leases: sees which other nodes are gone, so that this node reaps them; without it, it reaps none.
        remember_s: the seconds for which a write is remembered, in case that the census loses it.
        remember_most: how many writes are remembered at most.
        resettle_s: the seconds within which all nodes notice that the census has lost its data: those from
            one beat to the next, and those of the longest pause before a lost link is looked for again.

    Attributes:
        left: whether a `leave` is done.
        on_listen: called when `take` has something to send because of `listen`.
    """

    def __init__(
        self,
        roster: Roster[Any],
        epoch: str,
        *,
        everything: bool = False,
        leases: Leases | None = None,
        remember_s: float = 30.0,
        remember_most: int = 100_000,
        resettle_s: float = 8.0,
    ) -> None:
        super().__init__(roster, KnownPages())
        self.left = False
        self.on_listen: Callable[[], None] | None = None
        self._epoch = epoch
        self._watch = WatchOfAll(everything)
        self._leases = leases
        self._is_leaving = False
        self._is_checking = False  # whether the census still has what it acknowledged
        self._calls = 0
        self._writes = Writes(remember_s, remember_most)
        self._resettling = Resettling(resettle_s)
        self._unsaid = Unsaid(roster, self._pages, epoch, self.next_call, self._writes, self._resettling)
        self._reads = Reads(self._pages, self.next_call)
        self._reaping = Reaping(self.next_call)
        self._asked = 0  # the Register or Leave under way
        self._beaten = 0  # the Beat under way
        self._at_beat: int | None = None  # the last write then, if none was under way
        self._former: set[int] = set()  # the nodes that this process was before
        self._has_others = True  # as far as the census said last

    @property
    def settles_at(self) -> float | None:
        """When `settle` is due, as the census has lost data that nodes say again; None where it has not."""
        return self._resettling.until_s

    # What has changed here

    def touch(
        self, page: str, visitor: VisitorName | None, came: bool = False, is_more: bool = False
    ) -> None:
        """Somebody joined a page or left it, or a tab was shown or hidden: the page and visitor are dirty.

        Args:
            page: the page's key.
            visitor: who it was; None without an id.
            came: whether the visitor was not on the page before, nor in grace.
            is_more: whether a visitor who was has one connection more, which took no place in grace here.
        """
        self._unsaid.touch(page, visitor, came, is_more)

    def listen(self, page: str | None, listens: bool) -> None:
        """Is told of a page from now on though nobody is counted on it here, or not any more."""
        if page is None:
            self._watch.want(listens)
        if page is None or self._watch.is_forever:
            self._call_on_listen()
            return
        held = self._pages.of(page)
        if held.listens is not listens:
            held.listens = listens
            self._unsaid.touch_page(page)
            self._call_on_listen()

    def watch_all(self) -> None:
        """Is told of every page from its registration on, whether or not somebody listens to all of them."""
        self._watch.is_kept = True
        self._watch.want(True)

    def hear(self, page: str, hears: bool) -> None:
        """Gets what is emitted to a page from now on though nobody is counted on it here, or not any more."""
        held = self._pages.of(page)
        if held.hears is not hears:
            held.hears = hears
            self._unsaid.touch_page(page)

    def knows(self, page: str | None) -> bool:
        """Whether the count of the page, or of every page (None), is known without asking the census."""
        if page is None or self._watch.knows_all:
            return self._watch.knows_all
        held = self._pages.find(page)
        return held is not None and held.total is not None

    def when_counted(self, page: str | None, then: Then) -> None:
        """Calls back once every change of the page so far is in its count: at once while it is stale."""
        if page is None:
            waits = not self.is_apart() and self._watch.wait(then)
        else:
            held = self._pages.find(page)
            waits = held is not None and not self.is_stale(page) and held.wait(then)
        if not waits:
            then()

    # What is to be sent

    def take(self, now: float) -> list[Call]:
        """The calls to send now: a write of each dirty page that has none under way, and what else is due."""
        if not self.is_linked or self.left:
            return []
        if self.number is None or self._is_leaving:
            if self._reaping or self._asked:
                return self._reaping.take()
            self._asked = self.next_call()
            if self.number is None:
                return [Register(self._asked, self._epoch, self._watch.register())]
            return [Leave(self._asked, self.number, self._epoch, self._writes.last)]
        if self._is_checking:
            beat = None if self._beaten else self.beat()
            return [beat] if beat is not None else []
        writes = self._unsaid.take(self.number, now)
        watch = self._watch.take(self.next_call, self.number, self._epoch)
        return [*writes, *watch, *self._reads.take(), *self._reaping.take()]

    def beat(self) -> Beat | None:
        """The sign of life that is due every few seconds; None while there is no number."""
        if self.number is None or not self.is_linked or self._is_leaving:
            return None
        if self._leases is not None:
            self._unsaid.refresh_some()
        self._beaten = self.next_call()
        self._at_beat = None if self._writes else self._writes.last
        return Beat(self._beaten, self.number, self._epoch)

    def next_call(self) -> int:
        """A number for a call, also for one that somebody else makes and whose answer is theirs."""
        self._calls += 1
        return self._calls

    def bury(self, epochs: Iterable[str]) -> None:
        """The processes with these epochs have ended: they are reaped with the next sign of life."""
        if self._leases is not None:
            self._leases.bury(epochs)

    def leave(self) -> None:
        """From now on `take` gives only what removes this node from the census, until it has `left`."""
        self._is_leaving = True
        self.left = self.number is None

    # What comes

    def found(self) -> Heard:
        """The census can be reached, for the first time or again: what was heard before may be old."""
        heard = self.lost()
        self.is_linked = self._is_checking = True
        self._watch.renew()
        self._doubt(heard)
        return heard

    def lost(self) -> Heard:
        """The census can't be reached, or what was called will not be answered."""
        heard = Heard()
        self.is_linked = False
        self._void(heard)
        return heard

    def settle(self, now: float) -> Heard:
        """Ends the time in which other nodes say again what they have, if it is over."""
        heard = Heard()
        if self._unsaid.settle(now):
            heard.pages |= dict.fromkeys(self._pages)
            self._reads.want(page for page, held in self._pages.all() if held.unsure)
        return heard

    def told(self, what: Total | Exited | Returned) -> Heard:
        """Takes what the census tells unasked."""
        heard = Heard()
        if isinstance(what, Exited):
            heard.exit(what)
        elif isinstance(what, Returned):
            heard.come_back(what)
        elif self.is_linked:
            held = self._pages.find(what.page)
            if held is None and self._watch.is_wanted and self._pages.is_new(what):
                if any(what.count):
                    held = self._pages.of(what.page)
                else:
                    self._pages.note_gone(what)
            if held is not None:
                self._hear(what.page, held, what, heard, settles=False)
        return heard

    def answer(self, answer: Answer, now: float) -> Heard:
        """Takes the answer to a call. One that is not waited for any more is ignored."""
        heard = Heard()
        match answer:
            case Applied():
                self._receive_applied(answer, heard, now)
            case Gap() if answer.call in self._writes or answer.call == self._asked:
                self._asked = 0
                self._receive_gap(answer.call, answer.last, heard, now)
            case Unknown() if answer.call in self._writes or answer.call in self._single_calls():
                self._unregister(heard, now)
            case Registered() if answer.call == self._asked:
                self._receive_registered(answer, heard)
            case Former() if answer.call == self._asked:
                self._asked, self._former = 0, set(answer.nodes)
                self._reaping.add(answer.nodes)
            case Reaped() if answer.call == self._asked:
                self._asked, self.left = 0, not answer.seen
                self._reaping.add({self.number or 0: answer.seen} if answer.seen else {})
            case Reaped():
                self._receive_reaped(answer, heard)
            case Totals() if answer.call in self._reads:
                self._reads.answer(answer.call)
                for total in answer.totals:
                    held = self._pages.find(total.page)
                    if held is not None and not held.is_writing():
                        self._look_for_loss(held, total, heard, now)
                        self._hear(total.page, held, total, heard, settles=True)
            case Watching() if answer.call == self._watch.call:
                self._watch.answer(heard)
                if self._watch.knows_all:
                    self._receive_all(answer.totals, answer.version, heard)
                for page, held in self._pages.all():
                    self._forget_if_empty(page, held)
            case Beaten() if answer.call == self._beaten:
                self._receive_beaten(answer, heard, now)
        return heard

    def _receive_registered(self, answer: Registered, heard: Heard) -> None:
        """A new number has no part of any page: everything that is here must be said."""
        self.number, self._asked = answer.number, 0
        self._writes.begin(answer.call)
        self._is_checking = False
        self._former.clear()
        for page in self._roster.pages():
            self._unsaid.refresh(page)
        for page in [page for page, held in self._pages.all() if held.stays]:
            self._unsaid.touch_page(page)
        # Totals may have been told before this answer came, over another connection, and be newer than it.
        self._pages.doubt_parts()
        heard.pages |= dict.fromkeys(self._pages)
        self._reads.clear()
        self._watch.answer(heard)
        self._receive_all(answer.totals, answer.version, heard)

    def _receive_all(self, totals: Sequence[Total], version: int, heard: Heard) -> None:
        """These are the totals of all pages, where this node watches them. Its own are said by its writes."""
        by_page = {total.page: total for total in totals}
        for page, total in by_page.items():
            if self._pages.is_new(total):  # else it was told meanwhile that nobody is on it any more
                self._pages.of(page)
        for page, held in self._pages.all():
            total = by_page.get(page) or Total(page, version, 0, 0, 0)
            self._hear(page, held, total, heard, settles=not held.is_writing())

    def _receive_applied(self, answer: Applied, heard: Heard, now: float) -> None:
        write = self._unsaid.answer(answer, heard)
        if write is None:
            return
        held = self._pages.of(write.page)
        if answer.total.version < write.version:
            self._lose(heard, now)
        self._look_for_loss(held, answer.total, heard, now)
        self._hear(write.page, held, answer.total, heard, settles=True)

    def _receive_gap(self, call: int, last: int, heard: Heard, now: float) -> None:
        """The census misses writes: what they named is dirty again, and the next one follows its last."""
        answered = self._writes.answered
        if not self._unsaid.go_back(last, call):
            self._unregister(heard, now)
            return
        if last < answered:
            self._lose(heard, now)

    def _receive_reaped(self, answer: Reaped, heard: Heard) -> None:
        number = self._reaping.answer(answer)
        if number is not None and number == self.number:
            self.left = not answer.seen
        elif number is not None and number not in self._former:
            for exited in answer.exited:
                heard.exit(exited)

    def _receive_beaten(self, answer: Beaten, heard: Heard, now: float) -> None:
        self._beaten = 0
        self._is_checking = False
        others = dict(answer.nodes)
        value = others.pop(self.number or 0, "")
        last = int(value.split(":")[1])
        if last != self._writes.last == self._at_beat and not self._writes:
            self._receive_gap(answer.call, last, heard, now)
        if not self._pages.waits:
            self._has_others = bool(others)
        if self._leases is not None:
            self._reaping.add(self._leases.look(others, now))

    def _unregister(self, heard: Heard, now: float) -> None:
        """This node's number is not good any more."""
        self._void(heard)
        if self._is_leaving and self.number is not None:  # the answer was lost to one that had begun it
            self._reaping.add({self.number: f"{self._epoch}:-"})
            return
        self.number = None
        self._lose(heard, now, again=self._roster.pages())

    def _look_for_loss(self, held: KnownPage, total: Total, heard: Heard, now: float) -> None:
        """A total from after a link was lost is older than one from before: the census has lost something."""
        if held.unsure and held.total is not None and total.version < held.total.version:
            self._lose(heard, now)

    def _lose(self, heard: Heard, now: float, again: Collection[str] = ()) -> None:
        """The census has lost what it had told. Of the pages `again`, this node has to say everything."""
        self._unsaid.lose(now, again, has_others=self._has_others)
        self._doubt(heard)

    def _void(self, heard: Heard) -> None:
        """Nothing that is under way will be answered, and nobody waits for a count any more."""
        self._unsaid.give_up()
        self._reads.clear()
        self._reaping.clear()
        self._former.clear()
        self._asked = self._beaten = 0
        heard.thens += self._watch.void()
        for page, held in self._pages.all():
            heard.pages[page] = None
            heard.thens += held.thens
            held.thens.clear()

    def _doubt(self, heard: Heard) -> None:
        """All totals may be old, and are read again."""
        self._pages.doubt()
        heard.pages |= dict.fromkeys(self._pages)
        self._reads.clear()
        self._reads.want(self._pages)

    def _single_calls(self) -> tuple[int, ...]:
        """The calls under way of which there is only one at a time."""
        return self._asked, self._beaten, self._watch.call

    def _call_on_listen(self) -> None:
        if self.on_listen is not None:
            self.on_listen()

    def _hear(self, page: str, held: KnownPage, total: Total, heard: Heard, *, settles: bool) -> None:
        """Takes a total, which has this node's part for certain if it settles."""
        take = self._pages.settle if settles else self._pages.hear
        if take(held, total):
            heard.pages[page] = None
        self._forget_if_empty(page, held)

    def _forget_if_empty(self, page: str, held: KnownPage) -> None:
        """Keeps nothing of a page that this node has no part of, and is not told of or that nobody is on."""
        if held.is_writing() or held.stays or held.unsure or self._roster.is_held(page):
            return
        if not self._watch.is_wanted or held.total is None or not any(held.total.count):
            self._pages.forget(page)
            self._reads.forget(page)
