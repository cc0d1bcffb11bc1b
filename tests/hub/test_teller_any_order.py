"""Telling counts, whatever happens in whatever order: nobody hears backwards, and all hear the last count."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from nannin.audience.roster import Count
from nannin.wire.engine_limits import Limits
from support.fakes import Client, FakeLink, House
from support.many_clients import SMALL_SLICES
from support.socket_links import SocketLink

# Time passes in steps that a float holds exactly, so that each end of a grace falls on one of them.
STEP_S = 1 / 128
GRACE_S, GRACE_LOST_S = 0.5, 1.0
PAGES = ["/a", "/b"]
INDEXES = st.integers(0, 1_000)


class Guest:
    """A client on one page, counted or observing."""

    def __init__(self, client: Client, page: str, form: str, observes: bool) -> None:
        self.client, self.page, self.form, self.observes = client, page, form, observes

    def link(self) -> Any:
        assert self.client.link is not None
        return self.client.link

    def heard(self) -> list[Any]:
        """What it was told: whole counts, or visitors only."""
        return [
            Count(arg["connections"], arg["visitors"], arg["visible"]) if event == "audience" else arg
            for event, arg in self.client.events(self.page)
        ]

    def words(self, count: Count) -> Any:
        """How it is told of a count."""
        return count if self.form == "audience" else count.visitors


class Ear:
    """A watcher of a page that asks for its count at first, and now and then."""

    def __init__(self, count: Count) -> None:
        self.known = [count]

    def hear(self, page: str, count: Count) -> None:
        self.known.append(count)


class Telling(RuleBasedStateMachine):
    """Clients of all formats, observers and watchers come, look away, go, return and stop reading."""

    def __init__(self) -> None:
        super().__init__()
        self.house = House(
            limits=Limits(drain_timeout_s=1_000),
            slices=SMALL_SLICES,
            min_interval=0.05,
            max_interval=0.2,
            grace=GRACE_S,
            grace_lost=GRACE_LOST_S,
        )
        self.guests: list[Guest] = []
        self.ears: list[tuple[Ear, str]] = []
        # What each page's count has been, in order: nobody may hear it backwards.
        self.counts: dict[str, list[Count]] = {page: [Count()] for page in PAGES}

    def note(self) -> None:
        for page in PAGES:
            count = self.house.count(page)
            if count != self.counts[page][-1]:
                self.counts[page].append(count)

    def pick(self, index: int) -> Guest | None:
        return self.guests[index % len(self.guests)] if self.guests else None

    # Who is told

    @rule(
        page=st.sampled_from(["/a", "/a", "/b"]),
        form=st.sampled_from(["classic", "audience", "none"]),
        visitor=st.sampled_from([None, None, "ann", "bob"]),
        visible=st.booleans(),
        observes=st.sampled_from([False, False, False, True]),
        link=st.sampled_from([SocketLink, FakeLink]),
    )
    def join(
        self,
        page: str,
        form: str,
        visitor: str | None,
        visible: bool,
        observes: bool,
        link: type[FakeLink] = SocketLink,
    ) -> None:
        client = self.house.client(link=link)
        client.connect(page, updates=form, visitor=visitor, visible=visible, observe=observes)
        self.guests.append(Guest(client, page, form, observes))
        self.note()

    @rule(count=st.integers(1, 4), page=st.sampled_from(PAGES))
    def join_together(self, count: int, page: str) -> None:
        for form in ("classic", "audience") * count:
            self.join(page, form, None, True, False)

    @rule(index=INDEXES, count=st.integers(1, 6), how=st.sampled_from(["leave", "close", "lose"]))
    def leave(self, index: int, count: int, how: str) -> None:
        for _ in range(min(count, len(self.guests))):
            guest = self.guests.pop(index % len(self.guests))
            match how:
                case "leave":
                    guest.client.leave(guest.page)
                    guest.client.close()
                case "close":
                    guest.client.lose(clean=True)
                case _:
                    guest.client.lose()
            self.note()

    @rule(index=INDEXES, form=st.sampled_from(["classic", "audience"]))
    def change_places(self, index: int, form: str) -> None:
        if self.guests:
            self.join(self.guests[index % len(self.guests)].page, form, None, True, False)
            self.leave(index % (len(self.guests) - 1), 1, "leave")

    @rule(index=INDEXES, visible=st.booleans())
    def look(self, index: int, visible: bool) -> None:
        if (guest := self.pick(index)) is not None:
            guest.client.emit("nannin:visible", visible, page=guest.page)
            self.note()

    @rule(index=INDEXES)
    def stop_reading(self, index: int) -> None:
        if (guest := self.pick(index)) is not None:
            guest.client.stop_reading()

    @rule(index=INDEXES)
    def read_again(self, index: int) -> None:
        if (guest := self.pick(index)) is not None:
            guest.client.read_on()

    @rule(page=st.sampled_from(PAGES))
    def watch(self, page: str) -> None:
        ear = Ear(self.house.count(page))
        self.house.hub.teller.watch(ear, page)
        self.ears.append((ear, page))

    @rule(index=INDEXES)
    def ask_while_watching(self, index: int) -> None:
        if self.ears:
            ear, page = self.ears[index % len(self.ears)]
            ear.known.append(self.house.count(page))

    @rule(page=st.sampled_from(PAGES))
    def see_somebody_who_goes_untold(self, page: str) -> None:
        """Whoever asks in the moment between two changes must not be left with what was so in between."""
        self.join(page, "none", None, True, False)
        self.watch(page)
        self.leave(len(self.guests) - 1, 1, "leave")

    @rule(index=INDEXES)
    def watch_no_more(self, index: int) -> None:
        if self.ears:
            self.house.hub.teller.unwatch(*self.ears.pop(index % len(self.ears)))

    # Time

    @rule()
    def turn(self) -> None:
        self.house.clock.turn()
        self.note()

    @rule(steps=st.sampled_from([1, 5, 20, 64, 128]))
    def advance(self, steps: int) -> None:
        for _ in range(steps):
            self.house.clock.advance(STEP_S)
            self.note()

    @rule()
    def come_to_rest(self) -> None:
        for guest in self.guests:
            guest.client.read_on()
        self.advance(256)
        for guest in self.guests:
            if guest.form == "none":
                assert guest.heard() == []
            else:
                assert guest.heard()[-1] == guest.words(self.house.count(guest.page))
        for ear, page in self.ears:
            assert ear.known[-1] == self.house.count(page)

    # What is always true

    @invariant()
    def nobody_hears_an_older_count_after_a_newer(self) -> None:
        def is_in_order(heard: Iterable[Any], said: Iterable[Any]) -> bool:
            rest = iter(said)
            # An overtaken fan-out is told again to all: some may hear the same count twice.
            return all(count in rest for count, _ in groupby(heard))

        for guest in self.guests:
            assert is_in_order(guest.heard(), map(guest.words, self.counts[guest.page]))
        for ear, page in self.ears:
            assert is_in_order(ear.known, self.counts[page])

    @invariant()
    def one_timer_is_enough(self) -> None:
        assert self.house.clock.pending <= 4, (
            "a turn, an alarm, that of the graces and that of the heartbeats"
        )

    def teardown(self) -> None:
        for ear, page in self.ears:
            self.house.hub.teller.unwatch(ear, page)
        for guest in self.guests:
            guest.client.lose()
        self.house.clock.advance(60)
        self.house.assert_empty()
        assert not any(self.house.hub.teller.observers(page) for page in PAGES)


TestTelling = Telling.TestCase
TestTelling.settings = settings(deadline=None, max_examples=75, stateful_step_count=30, database=None)
