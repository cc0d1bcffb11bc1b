"""Two hundred scripted visitors come, reload, break off, return, move, hide: each number is their tally."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest

from support.scripted_crowd import ANONYMOUS, Crowd, Person
from support.scripted_tabs import Numbers, Tally
from support.servers import Server, Way, served

GRACE_S, GRACE_LOST_S = 0.4, 0.9
LONG_S = 600.0
PHASES = 2


# One crowd over direct writes, another over plain ASGI; TLS has no part in who is counted.
each_crowd = pytest.mark.parametrize(
    ("way", "seed"),
    [(Way.DIRECT, 1), (Way.PLAIN, 3)],
    indirect=["way"],
    scope="module",
    ids=lambda value: value.name.lower() if isinstance(value, Way) else value,
)


@pytest.fixture(scope="module", params=[Way.DIRECT, Way.PLAIN], ids=lambda way: way.name.lower())
def way(request: pytest.FixtureRequest) -> Way:
    """How the servers are run."""
    assert isinstance(request.param, Way)
    return request.param


@pytest.fixture(scope="module")
def brief_server(way: Way) -> Iterator[Server]:
    """One whose graces end while a test waits; no test is ever so slow that a heartbeat is missed."""
    with served(way, None, *settings(GRACE_S, GRACE_LOST_S)) as server:
        yield server


@pytest.fixture(scope="module")
def patient_server(way: Way) -> Iterator[Server]:
    """One whose graces end after every test: whoever returns is in time, however slow the machine is."""
    # A link over polls that breaks while a ping is under way to it is not missed before its heartbeat is.
    with served(way, None, *settings(LONG_S, LONG_S, ping_interval_s=LONG_S)) as server:
        yield server


def settings(grace_s: float, grace_lost_s: float, ping_interval_s: float = 3.0) -> tuple[str, ...]:
    values = {
        "--grace": grace_s,
        "--grace-lost": grace_lost_s,
        "--ping-interval": ping_interval_s,
        "--ping-timeout": 15,
        "--connect-timeout": 60,
    }
    return tuple(str(part) for pair in values.items() for part in pair)


def crowd_test(main: Callable[[Crowd], Awaitable[None]], crowd: Callable[[], Crowd]) -> None:
    async def run() -> None:
        everyone = crowd()
        try:
            await everyone.begin()
            await main(everyone)
        finally:
            await everyone.end()

    asyncio.run(run())


@each_crowd
def test_every_number_that_settles_is_that_of_the_visitors_own_tally(brief_server: Server, seed: int) -> None:
    async def main(crowd: Crowd) -> None:
        await crowd.settle()
        for _ in range(PHASES):
            await crowd.all(Person.act)
            await crowd.settle()
        await crowd.all(Person.lose_polls)
        await crowd.settle()
        await crowd.all(Person.leave)
        await crowd.settle()
        assert set(crowd.witness.told.values()) == {Numbers()}

    crowd_test(main, lambda: Crowd(brief_server, Tally(GRACE_S, GRACE_LOST_S), seed, "tally"))


@each_crowd
def test_nobody_sees_a_number_change_while_all_reload_or_lose_their_link_briefly(
    patient_server: Server, seed: int
) -> None:
    async def main(crowd: Crowd) -> None:
        await crowd.settle()
        before = {page: crowd.tally.count(page) for page in crowd.pages}
        for tab in crowd.tabs():
            tab.history.clear()
        for _ in range(2):
            await crowd.all(Person.flicker)
        await crowd.settle(through_graces=False)
        assert {page: crowd.tally.count(page) for page in crowd.pages} == before
        assert crowd.witness.history == []
        for person in crowd.people:
            for seat in person.seats:
                if person.name is not None:
                    told = {(page, before[page]) for page in seat.rows}
                    assert set(seat.tab.history) <= told, "right behind CONNECT, and nothing else since"

    crowd_test(main, lambda: Crowd(patient_server, Tally(LONG_S, LONG_S), seed, "flicker"))


def test_whoever_has_left_still_counts_to_the_end_of_the_grace(patient_server: Server) -> None:
    async def main(crowd: Crowd) -> None:
        await crowd.settle()
        before = {page: crowd.tally.count(page) for page in crowd.pages}
        await crowd.all(Person.leave)
        await crowd.settle(through_graces=False)
        after = {page: crowd.tally.count(page) for page in crowd.pages}
        assert sum(row.visitor is None for row in crowd.tally.rows) >= ANONYMOUS
        assert sum(count.connections for count in before.values()) - sum(
            count.connections for count in after.values()
        ) == sum(row.visitor is None for row in crowd.tally.rows), "only those without an id are gone"

    crowd_test(main, lambda: Crowd(patient_server, Tally(LONG_S, LONG_S), 4, "leave"))
