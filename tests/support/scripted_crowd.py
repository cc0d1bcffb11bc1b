"""A crowd of scripted visitors who come, reload, break off, return, move and hide, and the tally of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from support.scripted_tabs import Row, Tab, Tally, ask_counts, settle
from support.servers import Server

PEOPLE = 120
ANONYMOUS = 10
LATE_S = 0.3  # so long after the end of the grace somebody returns who is too late
CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


@dataclass(eq=False)
class Seat:
    """One tab of somebody, with its rows in the tally by page."""

    tab: Tab
    transport: str
    rows: dict[str, Row] = field(default_factory=dict)


class Person:
    """Somebody with tabs, who does one thing after the other.

    Args:
        crowd: whom they belong to.
        name: the visitor's id, or None.
        chance: decides what they do.
    """

    def __init__(self, crowd: Crowd, name: str | None, chance: random.Random) -> None:
        self._crowd = crowd
        self.name = name
        self._chance = chance
        self.seats: list[Seat] = []

    async def arrive(self) -> None:
        """Opens up to three tabs."""
        for _ in range(self._chance.choice((1, 1, 1, 2, 2, 3))):
            await self.open()

    async def act(self) -> None:
        """Does one thing."""
        if not self.seats:
            await self.open()
            return
        moves = (
            *(self.open, self.close, self.drop, self.reload, self.return_in_time, self.come_back_late),
            *(
                self.return_late,
                self.move,
                self.move,
                self.add_page,
                self.look,
                self.look,
                self.watch,
                self.rest,
            ),
        )
        await self._chance.choice(moves)()

    async def open(self) -> None:
        """Opens a tab in the foreground or behind it."""
        transport = self._chance.choice(("websocket", "websocket", "polling"))
        await self._sit(transport, {self._chance.choice(self._crowd.pages): self._chance.random() < 0.7})

    async def close(self) -> None:
        """Closes a tab."""
        await self._leave(self._pick(), lost=False)

    async def drop(self) -> None:
        """Loses a tab's link for good."""
        if seat := self._pick_websocket():
            await self._leave(seat, lost=True)

    async def reload(self) -> None:
        """Closes a tab and is back at once."""
        await self._return(self._pick(), lost=False)

    async def return_in_time(self) -> None:
        """Loses a tab's link and is back at once."""
        if seat := self._pick_websocket():
            await self._return(seat, lost=True)

    async def come_back_late(self) -> None:
        """Closes a tab, and is back when nobody counts on it any more."""
        await self._return(self._pick(), lost=False, after_s=self._crowd.tally.grace_s + LATE_S)

    async def return_late(self) -> None:
        """Loses a tab's link for longer than is waited for."""
        if seat := self._pick_websocket():
            await self._return(seat, lost=True, after_s=self._crowd.tally.grace_lost_s + LATE_S)

    async def move(self) -> None:
        """Goes to another page, on the same session."""
        seat = self._pick()
        old = self._chance.choice(list(seat.rows))
        new = self._other_page(seat)
        row = seat.rows.pop(old)
        self._crowd.tally.leave(row, lost=False)
        await seat.tab.leave(old)
        await self._join(seat, new, row.visible)

    async def add_page(self) -> None:
        """Is on a second page with the same session."""
        seat = self._pick()
        if len(seat.rows) < 4:  # more are refused
            await self._join(seat, self._other_page(seat), True)

    async def look(self) -> None:
        """Brings a tab to the front, or puts it behind."""
        seat = self._pick()
        page = self._chance.choice(list(seat.rows))
        row = seat.rows[page]
        await seat.tab.show(page, not row.visible)
        row.visible = not row.visible

    async def watch(self) -> None:
        """Looks at the number of a page that they are not on."""
        seat = self._pick()
        await seat.tab.join(self._other_page(seat), visitor=self.name, observe=True)

    async def rest(self) -> None:
        """Does nothing."""

    async def leave(self) -> None:
        """Leaves with all tabs, in one way or the other."""
        for seat in list(self.seats):
            await self._leave(seat, lost=seat.transport == "websocket" and self._chance.random() < 0.5)

    async def lose_polls(self) -> None:
        """Loses the links of tabs that poll.

        The server hears of that at once only if it has no answer under way to them, so nothing else may
        happen meanwhile: without an id, whose leave is told at once, nobody does it.
        """
        for seat in [seat for seat in self.seats if seat.transport == "polling" and self.name is not None]:
            if self._chance.random() < 0.3:
                await self._leave(seat, lost=True)

    async def flicker(self) -> None:
        """Does what nobody else may notice: every tab goes and comes, all at once or one by one."""
        if self.name is None:
            return
        seats, together = list(self.seats), self._chance.random() < 0.5
        if not together:
            for seat in seats:
                await self._chance.choice((self._close_and_return, self._lose_and_return, self._rejoin))(seat)
            return
        for seat in seats:
            await self._leave(seat, lost=self._chance.random() < 0.5)
        for seat in seats:
            await self._sit(seat.transport, {page: row.visible for page, row in seat.rows.items()})

    async def _close_and_return(self, seat: Seat) -> None:
        await self._return(seat, lost=False)

    async def _lose_and_return(self, seat: Seat) -> None:
        await self._return(seat, lost=True)

    async def _rejoin(self, seat: Seat) -> None:
        """Leaves its pages and joins them again, on the same session."""
        for page, row in list(seat.rows.items()):
            self._crowd.tally.leave(row, lost=False)
            await seat.tab.leave(page)
            await self._join(seat, page, row.visible)

    def _pick(self) -> Seat:
        return self._chance.choice(self.seats)

    def _pick_websocket(self) -> Seat | None:
        seats = [seat for seat in self.seats if seat.transport == "websocket"]
        return self._chance.choice(seats) if seats else None

    def _other_page(self, seat: Seat) -> str:
        return self._chance.choice([page for page in self._crowd.pages if page not in seat.tab.pages])

    async def _sit(self, transport: str, pages: dict[str, bool]) -> None:
        seat = Seat(await Tab(self._crowd.server, transport).open(), transport)
        self.seats.append(seat)
        for page, visible in pages.items():
            await self._join(seat, page, visible)

    async def _join(self, seat: Seat, page: str, visible: bool) -> None:
        visitor = {} if self.name is None else {"visitor": self.name}
        await seat.tab.join(page, visible=visible, **visitor)
        seat.rows[page] = self._crowd.tally.join(page, self.name, visible)

    async def _leave(self, seat: Seat, *, lost: bool) -> None:
        self.seats.remove(seat)
        for row in seat.rows.values():
            # A GET that breaks off may be a closed tab as well: the server can't tell, and takes it for one.
            self._crowd.tally.leave(row, lost=lost and seat.transport == "websocket")
        await (seat.tab.drop() if lost else seat.tab.close())

    async def _return(self, seat: Seat, *, lost: bool, after_s: float = 0.0) -> None:
        await self._leave(seat, lost=lost)
        if after_s:
            await asyncio.sleep(after_s)  # this is what the visitor does
        await self._sit(seat.transport, {page: row.visible for page, row in seat.rows.items()})


class Crowd:
    """All of them, the tally of them, and those who watch: an observer, and crawlers that nobody counts.

    Args:
        server: where they go.
        tally: who should be counted.
        seed: decides everything that they do.
        name: keeps this crowd's pages apart from other tests'.
        people: how many they are; some of them have no id.
    """

    def __init__(self, server: Server, tally: Tally, seed: int, name: str, people: int = PEOPLE) -> None:
        self.server = server
        self.tally = tally
        self.pages = [f"/{name}/{seed}/{number}" for number in range(11)] + [f"/{name}/{seed}/何人"]
        chance = random.Random(seed)
        names = [f"v{number}" for number in range(people - ANONYMOUS)] + [None] * ANONYMOUS
        self.people = [Person(self, each, random.Random(chance.random())) for each in names]
        self.witness = Tab(server)
        self.crawlers = [Tab(server, transport, User_Agent=CRAWLER) for transport in ("websocket", "polling")]

    def tabs(self) -> list[Tab]:
        """Every tab that is open."""
        people = (seat.tab for person in self.people for seat in person.seats)
        return [self.witness, *self.crawlers, *people]

    async def begin(self) -> None:
        """Those who watch take their places, and everybody arrives."""
        await self.witness.open()
        for page in self.pages:
            await self.witness.join(page, observe=True)
        for crawler in self.crawlers:
            await crawler.open()
            await crawler.join(self.pages[0], visitor="crawler")
        await self.all(Person.arrive)

    async def all(self, do: Callable[[Person], Awaitable[None]]) -> None:
        """Everybody does something, a few dozen at a time."""
        places = asyncio.Semaphore(40)

        async def take_part(person: Person) -> None:
            async with places:
                await do(person)

        await asyncio.gather(*map(take_part, self.people))

    async def settle(self, *, through_graces: bool = True) -> None:
        """Returns once everybody is told the tally, and whoever asks over HTTP is answered with it."""
        if through_graces:
            await asyncio.sleep(self.tally.settles_in_s())
        await settle(self._find_differences)

    async def _find_differences(self) -> list[str]:
        expected = {page: self.tally.count(page) for page in self.pages}
        found = [
            f"tab {number} was told {told} on {page}, not {expected[page]}"
            for number, tab in enumerate(self.tabs())
            for page, told in tab.told.items()
            if told != expected[page]
        ]
        if found:
            return found
        asked = await ask_counts(self.server, self.pages)
        return [
            f"HTTP says {asked[page]} on {page}, not {expected[page]}"
            for page in asked
            if asked[page] != expected[page]
        ]

    async def end(self) -> None:
        """All tabs that are left are gone."""
        await asyncio.gather(*(tab.drop() for tab in self.tabs()), return_exceptions=True)
