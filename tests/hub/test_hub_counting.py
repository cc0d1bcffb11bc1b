"""Counting that is right: whatever sessions do, in whatever order, the count is that of those who are there
and of those who may be back in a moment."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from nannin import ConnectionRefused, Socket
from nannin.audience.roster import Count
from nannin.engine.link import RequestRefused
from nannin.hub.sockets import socket_of
from support.fakes import Client, House
from support.naive_people import MAX_OBSERVED, MAX_PAGES, Person, Stay, visitors

CONNECT_TIMEOUT_S = 10.0
GRACE_S, GRACE_LOST_S = 2.0, 10.0
PAGES = ["/", "/plain", "/refusing", "/breaking", "/kicking", "/ending", "/thinking"]
BAD_VISITOR = "x" * 65

INDEXES = st.integers(0, 1_000)


class Counting(RuleBasedStateMachine):
    """Sessions over both transports join, leave, upgrade, fall silent, break, are refused and are ended."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.house = House(
            connect_timeout=CONNECT_TIMEOUT_S,
            max_namespaces=MAX_PAGES,
            max_observed=MAX_OBSERVED,
            max_joins=0,
            grace=GRACE_S,
            grace_lost=GRACE_LOST_S,
        )
        self.people: list[Person] = []
        self.in_grace: dict[str, list[Stay]] = {page: [] for page in PAGES}  # the first to leave first
        self.doors: list[asyncio.Future[None]] = []
        self.parted: list[str] = []
        for page in PAGES:
            self.house.on("disconnect", lambda _, reason: self.parted.append(reason), page)
        self.joins = 0
        self.house.on("connect", self.refuse, "/refusing")
        self.house.on("connect", self.break_down, "/breaking")
        self.house.on("connect", lambda socket: socket.disconnect(), "/kicking")
        self.house.on("connect", lambda socket: socket.disconnect(close=True), "/ending")
        self.house.on("connect", self.think, "/thinking")

    # The application

    def refuse(self, socket: Socket) -> None:
        socket.emit("never", "told")
        raise ConnectionRefused("no")

    def break_down(self, socket: Socket) -> None:
        raise ConnectionRefusedError("no")

    async def think(self, socket: Socket) -> None:
        self.doors.append(self.loop.create_future())
        await self.doors[-1]

    # The machine's own

    def do(self, action: Callable[[], object]) -> None:
        """Does something in the loop, and lets it come to rest."""

        async def run() -> None:
            with contextlib.suppress(RequestRefused):
                action()
            for _ in range(5):
                await asyncio.sleep(0)
                self.house.clock.settle()

        self.loop.run_until_complete(run())

    def pick(self, index: int, which: Callable[[Person], bool] = lambda person: True) -> Person | None:
        people = [person for person in self.people if which(person)]
        return people[index % len(people)] if people else None

    def joins_page(self, person: Person, page: str, stay: Stay) -> None:
        """The model's own join: whoever returns takes the place of the first of its visitor to leave."""
        person.pages[page] = stay
        person.has_joined, self.joins = True, self.joins + 1
        if not stay.observes and stay.visitor is not None:
            theirs = [gone for gone in self.in_grace[page] if gone.visitor == stay.visitor]
            for first in theirs[:1]:
                self.in_grace[page].remove(first)

    def leaves_page(self, person: Person, page: str, grace_s: float) -> None:
        """The model's own leave."""
        stay = person.pages.pop(page)
        if not stay.observes and grace_s and person.may_count_on(stay.visitor):
            stay.until_s = self.house.clock.now() + grace_s
            self.in_grace[page].append(stay)

    def is_gone(self, person: Person, grace_s: float = 0.0) -> None:
        """The model's own end of a session."""
        assert person.client.session.ended
        self.people.remove(person)
        for page in list(person.pages):
            self.leaves_page(person, page, grace_s)

    # Coming

    @initialize(polling=st.lists(st.booleans(), min_size=4, max_size=8))
    def begin(self, polling: list[bool]) -> None:
        """Some are there from the beginning, half of them on a page."""
        for index, over_polls in enumerate(polling):
            self.open(over_polls)
            if index % 2:
                self.connect(-1, "/", None, True, False)

    @rule(polling=st.booleans())
    def open(self, polling: bool) -> None:
        self.do(
            lambda: self.people.append(
                Person(Client(self.house, polling=polling), self.house.clock.now()),
            )
        )

    @rule(
        index=INDEXES,
        page=st.sampled_from(PAGES),
        visitor=st.sampled_from([None, "ann", "bob", BAD_VISITOR]),
        visible=st.booleans(),
        observes=st.sampled_from([False, False, False, True]),
    )
    def connect(self, index: int, page: str, visitor: str | None, visible: bool, observes: bool) -> None:
        person = self.pick(index)
        if person is None:
            return
        auth: dict[str, Any] = {} if visitor is None else {"visitor": visitor}
        auth |= {} if visible else {"visible": False}
        auth |= {"observe": True} if observes else {}
        is_on = page in person.pages
        if is_on:  # it has heard the answer, and shows so; else its second CONNECT would replace the first
            seen = person.pages[page].visible
            self.do(lambda: person.client.emit("nannin:visible", seen, page=page))
        was_full, doors = person.is_full(observes, page), len(self.doors)
        self.do(lambda: person.client.connect(page, **auth))
        if is_on or was_full or visitor == BAD_VISITOR:
            return
        stay = Stay(visitor, visible, observes)
        match page:
            case "/" | "/plain":
                self.joins_page(person, page, stay)
            case "/kicking" | "/ending":
                self.joins_page(person, page, stay)
                self.leaves_page(person, page, 0.0)
                if page == "/ending":
                    self.is_gone(person)
            case "/thinking":
                assert len(self.doors) == doors + 1
                person.thinking = self.doors[-1], stay

    @rule(index=INDEXES, visitor=st.sampled_from([None, "ann"]))
    def ask_one_who_thinks(self, index: int, visitor: str | None) -> None:
        self.connect(index, "/thinking", visitor, True, False)

    @rule(index=INDEXES, visitor=st.sampled_from(["ann", "bob"]), polling=st.booleans())
    def reload(self, index: int, visitor: str, polling: bool) -> None:
        """A visitor goes, and is back on another session."""
        person = self.pick(index, lambda person: person.client.link is not None and "/" in person.pages)
        if person is not None:
            self.end_by_client(self.people.index(person), "close the websocket")
            self.open(polling)
            self.connect(-1, "/", visitor, True, False)

    @rule(index=INDEXES, accept=st.booleans())
    def decide(self, index: int, accept: bool) -> None:
        person = self.pick(index, lambda person: person.thinking is not None)
        if person is None or person.thinking is None:
            return
        (door, stay), person.thinking = person.thinking, None
        if accept:
            self.do(lambda: door.set_result(None))
            self.joins_page(person, "/thinking", stay)
        else:
            self.do(lambda: door.set_exception(ConnectionRefused("no")))

    @rule(index=INDEXES, nth=INDEXES, visible=st.sampled_from([True, False, "junk"]))
    def look(self, index: int, nth: int, visible: Any) -> None:
        person = self.pick(index, lambda person: bool(person.pages))
        if person is not None:
            page = list(person.pages)[nth % len(person.pages)]
            self.do(lambda: person.client.emit("nannin:visible", visible, page=page))
            if visible != "junk":
                person.pages[page].visible = visible

    # Upgrading, which neither joins nor leaves

    @rule(index=INDEXES)
    def begin_upgrade(self, index: int) -> None:
        person = self.pick(index, lambda p: p.client.link is None and p.client.candidate is None)
        if person is not None:
            self.do(person.client.open_candidate)

    @rule(index=INDEXES)
    def probe(self, index: int) -> None:
        person = self.pick(index, lambda p: p.client.candidate is not None and not p.client.idle)
        if person is not None:
            self.do(person.client.probe)

    @rule(index=INDEXES)
    def finish_upgrade(self, index: int) -> None:
        person = self.pick(index, lambda p: p.client.candidate is not None and p.client.idle)
        if person is not None:
            self.do(person.client.switch)

    @rule(index=INDEXES, how=st.sampled_from(["stray", "lose", "without a probe", "post"]))
    def disturb_upgrade(self, index: int, how: str) -> None:
        person = self.pick(index, lambda p: p.client.candidate is not None)
        if person is None or person.client.candidate is None:
            return
        client, candidate = person.client, person.client.candidate
        match how:
            case "stray":
                self.do(lambda: client.session.receive(candidate, "4"))
            case "without a probe" if not client.idle:
                self.do(client.switch)
            case "lose":
                self.do(client.lose_candidate)
            case _:
                self.do(lambda: client.send("6"))

    @rule(index=INDEXES)
    def try_a_second_websocket(self, index: int) -> None:
        person = self.pick(index, lambda p: p.client.link is not None)
        if person is not None:
            self.do(person.client.open_candidate)
            assert person.client.candidate is None

    # Leaving

    @rule(index=INDEXES, nth=INDEXES)
    def leave(self, index: int, nth: int) -> None:
        person = self.pick(index, lambda person: bool(person.pages))
        if person is not None:
            page = list(person.pages)[nth % len(person.pages)]
            self.do(lambda: person.client.leave(page))
            self.leaves_page(person, page, GRACE_S)

    @rule(index=INDEXES)
    def leave_while_it_thinks(self, index: int) -> None:
        person = self.pick(index, lambda person: person.thinking is not None)
        if person is not None:
            self.do(lambda: person.client.leave("/thinking"))
            person.thinking = None

    @rule(
        index=INDEXES,
        how=st.sampled_from(
            ["close", "close the websocket", "lose", "junk", "bad packet", "second poll", "post lost"]
        ),
    )
    def end_by_client(self, index: int, how: str) -> None:
        person = self.pick(index)
        if person is None:
            return
        client = person.client
        actions: dict[str, Callable[[], object]] = {
            "close": client.close,
            "close the websocket": lambda: client.lose(clean=True),
            "lose": lambda: client.lose(),
            "junk": lambda: client.send("4junk"),
            "bad packet": lambda: client.send("9"),
            "second poll": lambda: client.session.receive_poll(client.poll or self.no_poll()),
            "post lost": lambda: client.session.receive_post_lost(),
        }
        over_websocket = client.link is not None
        if (how in ("second poll", "post lost") and over_websocket) or (
            how in ("second poll", "lose", "close the websocket")
            and not over_websocket
            and client.poll is None
        ):
            return
        self.do(actions[how])
        if how in ("junk", "bad packet"):
            self.is_gone(person)
        elif how in ("second poll", "post lost") or (how == "lose" and over_websocket):
            self.is_gone(person, GRACE_LOST_S)
        else:
            self.is_gone(person, GRACE_S)

    def no_poll(self) -> Any:
        raise AssertionError("it has no poll in hand")

    @rule(index=INDEXES, close=st.booleans())
    def disconnect_by_server(self, index: int, close: bool) -> None:
        person = self.pick(index, lambda person: bool(person.pages))
        if person is None:
            return
        page = next(iter(person.pages))
        for socket in [
            *self.house.page(page).sockets,
            *map(socket_of, self.house.hub.teller.observers(page)),
        ]:
            if socket.session is person.client.session:
                self.do(lambda socket=socket: socket.disconnect(close=close))  # type: ignore[misc]
        self.leaves_page(person, page, 0.0)
        if close:
            self.is_gone(person)

    @rule(index=INDEXES)
    def end_by_server(self, index: int) -> None:
        person = self.pick(index)
        if person is not None:
            self.do(person.client.session.close)
            self.is_gone(person)

    @precondition(lambda self: len(self.people) > 8)
    @rule()
    def shut_down(self) -> None:
        """Whoever is told to come back to the next server counts for as long as one who lost its link."""
        self.do(self.house.engine.shut_down)
        for person in list(self.people):
            self.is_gone(person, GRACE_LOST_S)

    # Time

    @rule(index=INDEXES)
    def fall_silent(self, index: int) -> None:
        person = self.pick(index, lambda person: person.silent_s is None)
        if person is not None:
            person.client.silent, person.silent_s = True, self.house.clock.now()

    @rule(seconds=st.sampled_from([0.01, 1.0, 5.0, 9.0, 12.0, 25.0, 45.0]))
    def pass_time(self, seconds: float) -> None:
        self.do(lambda: self.house.clock.advance(seconds))
        now = self.house.clock.now()
        for page, stays in self.in_grace.items():
            self.in_grace[page] = [stay for stay in stays if stay.until_s > now]
        for person in list(self.people):
            never_came = not person.has_joined and now >= person.opened_s + CONNECT_TIMEOUT_S
            # A silent one is gone between one timeout, and one interval and one timeout, after its last pong.
            silent_s = 0.0 if person.silent_s is None else now - person.silent_s
            if never_came or silent_s >= 45 or (silent_s >= 20 and person.client.session.ended):
                self.is_gone(person)

    # What is always true

    @invariant()
    def the_count_is_that_of_those_who_are_there_or_in_grace(self) -> None:
        for page in PAGES:
            stays = [person.pages[page] for person in self.people if page in person.pages]
            counted = [stay for stay in stays if not stay.observes] + self.in_grace[page]
            seen = [stay for stay in counted if stay.visible]
            assert self.house.count(page) == Count(len(counted), visitors(counted), visitors(seen)), page
            assert len(self.house.hub.teller.observers(page)) == sum(stay.observes for stay in stays)
            assert self.house.hub.roster.in_grace(page) == len(self.in_grace[page])

    @invariant()
    def nobody_else_has_ended(self) -> None:
        assert not any(person.client.session.ended for person in self.people)

    @invariant()
    def each_join_has_at_most_one_leave(self) -> None:
        assert len(self.parted) == self.joins - sum(len(person.pages) for person in self.people)

    def teardown(self) -> None:
        """Whoever is left goes; then nothing is left."""
        for person in self.people:
            self.do(person.client.close)
        thinking = [door for door in self.doors if not door.done()]
        for door in thinking:
            self.do(lambda door=door: door.set_result(None))  # type: ignore[misc]
        self.do(lambda: self.house.clock.advance(60))
        self.house.assert_empty()
        # Those too are told to have left of whom a handler still thought when they did.
        assert len(self.parted) == self.joins + len(thinking)
        self.loop.close()


TestCounting = Counting.TestCase
# What fails is shown as it was found: to make it smaller takes longer than a test may, which would hide it.
TestCounting.settings = settings(
    deadline=None,
    max_examples=150,
    stateful_step_count=50,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)
