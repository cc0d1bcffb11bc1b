"""What is recorded equals what an outside tally of the same changes says, whatever happens to the node."""

from __future__ import annotations

import asyncio
import logging

import pytest

from nannin.audience.rollup import Bounds
from nannin.audience.roster import Roster
from nannin.audience.tally_rows import MINUTE_MS, RECORDER, Period, Row
from nannin.errors import HistoryAway
from nannin.history import recorder as recorder_module
from nannin.history import writer as writer_module
from nannin.history.recorder import History
from support.fake_clock import FakeClock
from support.fake_history import FakeLead, FakeStore, covered_ms, merged, until
from support.naive_tally import START_MS, Change, naive_row

HOUR_S = 3600


def bounds(start_s: int) -> Bounds:
    hour_s, day_s = start_s - start_s % HOUR_S, start_s - start_s % 86_400
    return Bounds(hour_s, hour_s + HOUR_S, day_s, day_s + 86_400)


class World:
    """Nodes with one store, one time, and an outside tally of all changes."""

    def __init__(self, *, nodes: int = 1, most_pages: int = 1_000) -> None:
        self.clock = FakeClock()
        self.ahead_s = START_MS / 1000 - self.clock.now()
        self.store = FakeStore()
        self.changes: list[Change] = []
        self.rosters: list[Roster[str]] = [Roster() for _ in range(nodes)]
        self.total: Roster[str] = Roster()
        self.nodes = [
            History(
                self.clock,
                self.unix_s,
                lambda: self.total,
                self.store.open,
                lambda: FakeLead(self.store),
                "memory",
                bounds,
                most_pages=most_pages,
                is_shared=nodes > 1,
            )
            for _ in range(nodes)
        ]

    def unix_s(self) -> float:
        return self.clock.now() + self.ahead_s

    @property
    def now_ms(self) -> int:
        return int(self.unix_s() * 1000)

    async def open(self) -> None:
        """The first node leads."""
        for node in self.nodes:
            node.open()
            if node is self.nodes[0]:
                await until(lambda: self.nodes[0].is_leader)
            if len(self.nodes) > 1:
                node.know(True)

    def set(self, page: str, connections: int, visitors: int, joins: int = 0, node: int = 0) -> None:
        """A page's count is this from now on, on all nodes."""
        self.changes.append(Change(self.now_ms, page, connections, visitors, joins))
        if len(self.nodes) == 1:
            self.nodes[0].count(page, connections, visitors, joins)
            return
        self.nodes[node].join(page, 0, 0, joins)
        for number in range(connections):
            if number >= self.total.count(page).connections:
                self.total.join(page, f"{page} {number}", f"{min(number, visitors - 1)}")
        for number in range(self.total.count(page).connections, connections, -1):
            self.total.leave(page, f"{page} {number - 1}", now=0.0)
        assert self.total.count(page)[:2] == (connections, visitors)
        for one in self.nodes:
            one.hear(page)

    async def pass_s(self, seconds: float) -> None:
        """Time passes, and what was handed over by then is written."""
        self.clock.advance(seconds)
        self.clock.settle()
        for node in self.nodes:
            await node.flush()

    async def close(self) -> None:
        for node in self.nodes:
            node.close()
        for node in self.nodes:
            await node.wait_closed()

    def check(self, page: str, period: Period) -> list[Row]:
        """The rows of a page are those of the outside tally. Returns them."""
        rows = self.store.of(page, period)
        for row in rows:
            expected = naive_row(self.changes, page, period, row.start_s, row.since_ms, row.until_ms)
            assert row == expected._replace(joins=row.joins if len(self.nodes) > 1 else expected.joins)
        return rows


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(writer_module, "CLOSE_S", 10.0)


async def test_minutes_hours_and_days_are_exact() -> None:
    world = World()
    await world.open()
    await world.pass_s(0.25)
    world.set("/", 1, 1, 1)
    await world.pass_s(30)
    world.set("/", 3, 2, 2)
    world.set("/", 2, 2)
    await world.pass_s(45)
    world.set("/news", 1, 1, 1)
    world.set("/", 0, 0)
    await world.pass_s(HOUR_S)
    world.set("/", 5, 5, 5)
    await world.pass_s(61.5)
    await world.close()
    minutes, hours, days = (world.check("/", period) for period in Period)
    assert [row.joins for row in minutes] == [3, 0, 5, 0]
    assert sum(row.joins for row in hours) == sum(row.joins for row in days) == 8
    assert max(row.connections.greatest for row in days) == 5
    assert len(world.check("/news", Period.MINUTE)) == 62
    for period in Period:
        seen = world.store.of(RECORDER, period)
        assert (seen[0].since_ms, covered_ms(merged(seen))) == (START_MS, world.now_ms - START_MS)
        assert {row.joins for row in seen} == {0}


async def test_a_restart_is_a_gap_of_its_length() -> None:
    world = World()
    await world.open()
    world.set("/", 2, 2, 2)
    await world.pass_s(10)
    await world.close()
    world.clock.spend(1.5)
    with pytest.raises(HistoryAway, match="the server stops"):
        await world.nodes[0].ask(lambda store: store)
    world.changes.clear()
    world.set("/", 0, 0)
    await world.open()
    world.set("/", 1, 1, 1)
    await world.pass_s(70)
    await world.close()
    spans = [
        (row.since_ms - START_MS, row.until_ms - START_MS) for row in world.store.of(RECORDER, Period.MINUTE)
    ]
    assert spans == [(0, 10_000), (11_500, 60_000), (60_000, 81_500)]
    hours = world.store.of("/", Period.HOUR)
    assert covered_ms(merged(hours)) == 80_000
    assert sum(row.joins for row in hours) == 3


async def test_what_is_killed_has_lost_the_minute_that_ran() -> None:
    world = World()
    await world.open()
    world.set("/", 2, 2, 2)
    await world.pass_s(59)
    assert world.store.rows == {}
    await world.pass_s(30)
    assert world.store.of(RECORDER, Period.DAY)[0].until_ms == START_MS + MINUTE_MS
    world.check("/", Period.DAY)
    await world.close()


async def test_the_busiest_pages_have_minutes_and_all_have_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "PAGES_A_TURN", 2)
    world = World(most_pages=3)
    await world.open()
    for number in range(7):
        world.set(f"/{number}", number + 1, 1, 1)
    await world.pass_s(60)
    assert {row.page for row in world.store.rows.values() if row.period is Period.MINUTE} == {
        "/4",
        "/5",
        "/6",
        RECORDER,
    }
    assert [row.joins for period in Period for row in world.store.of(RECORDER, period)] == [4, 0, 0]
    assert all(world.check(f"/{number}", Period.HOUR) for number in range(7))
    await world.close()


async def test_a_page_too_many_is_noted_as_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "MOST_PAGES", 2)
    world = World()
    await world.open()
    for number in range(3):
        world.set(f"/{number}", 1, 1, 1)
    await world.pass_s(60)
    assert [row.joins for period in Period for row in world.store.of(RECORDER, period)] == [0, 1, 1]
    await world.close()


@pytest.mark.parametrize("by_s", [-HOUR_S, 2.5, HOUR_S])
async def test_a_changed_clock_begins_a_new_writer(by_s: float, caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    await world.open()
    world.total.join("/", "one")
    world.set("/", 1, 1, 1)
    await world.pass_s(20)
    world.ahead_s += by_s
    await world.pass_s(60)
    await world.close()
    assert "time was changed" in caplog.text
    rows = world.store.of("/", Period.MINUTE)
    assert len({key[3] for key in world.store.rows}) == 2
    assert covered_ms(rows) == 80_000
    assert all(row.visitors.total_ms == row.until_ms - row.since_ms for row in rows)
    assert sorted({row.visitors.least for row in rows}) == [0, 1] or by_s < 0
    assert sum(row.joins for row in rows) == 1


async def test_a_clock_that_never_rests_is_told_once_an_hour(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    await world.open()
    for _ in range(4):
        world.ahead_s += 100
        await world.pass_s(900)
    assert caplog.text.count("time was changed") == 1
    world.ahead_s += 100
    await world.pass_s(60)
    assert caplog.text.count("time was changed") == 2
    await world.close()


async def test_a_clock_that_is_set_by_a_moment_is_no_other() -> None:
    world = World()
    await world.open()
    world.ahead_s += 1.0
    await world.pass_s(60)
    assert len({key[3] for key in world.store.rows}) == 1
    await world.close()


async def test_one_of_several_nodes_writes_and_each_counts_its_joins() -> None:
    world = World(nodes=3)
    await world.open()
    world.set("/", 1, 1, 1, node=0)
    world.set("/", 2, 2, 1, node=1)
    await world.pass_s(30)
    world.set("/", 3, 3, 1, node=2)
    world.set("/", 2, 2, -1, node=1)  # one was a return that another node has seen
    await world.pass_s(35)
    assert [node.is_leader for node in world.nodes] == [True, False, False]
    await world.close()
    for period in Period:
        rows = world.check("/", period)
        assert covered_ms(merged(rows)) == 65_000
        assert world.store.all_joins("/", period) == 2
        assert {row.joins for row in rows} == {0}


async def test_nothing_is_lost_when_the_one_who_leads_is_killed() -> None:
    world = World(nodes=2)
    await world.open()
    one, other = world.nodes
    world.set("/", 2, 2, 2)
    await world.pass_s(130)
    world.set("/", 5, 5, 3)
    world.store.gate.clear()  # it is killed: nothing more comes from it
    world.nodes.remove(one)
    writer = one._writer
    assert writer is not None
    writer._waiting.put = lambda *args, **named: None  # type: ignore[method-assign]
    world.store.gate.set()
    world.store.lock_holder = None
    writer._lead.take = lambda **named: False  # type: ignore[method-assign]
    await until(lambda: other.is_leader)
    await world.pass_s(60)
    await world.close()
    world.nodes.append(one)
    for period in Period:
        rows = merged(world.check("/", period))
        assert covered_ms(rows) == 190_000
        assert sum(row.visitors.total_ms for row in rows) == 130_000 * 2 + 60_000 * 5
        assert covered_ms(merged(world.store.of(RECORDER, period))) == 190_000
    one.close()
    await one.wait_closed()


async def test_the_last_node_writes_what_the_first_could_not() -> None:
    world = World(nodes=2)
    await world.open()
    world.set("/", 1, 1, 1)
    await world.pass_s(70)
    world.nodes[0].close()
    await world.nodes[0].wait_closed()
    world.clock.spend(5)
    world.nodes[1].close()
    await world.nodes[1].wait_closed()
    rows = merged(world.check("/", Period.HOUR))
    assert covered_ms(rows) == 75_000
    assert len({row.since_ms for row in rows}) == len(rows) == 2


async def test_one_that_began_later_and_ends_first_hides_nothing_that_others_have_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        writer_module, "LOOK_EVERY_S", 60.0
    )  # the one who led was killed, and has just begun anew
    world = World(nodes=2)
    old, young = world.nodes
    old.open()
    old.know(True)
    world.set("/", 1, 1, 1)
    world.clock.advance(65)
    young.open()
    young.know(True)
    world.clock.advance(60)
    for node in (young, old):
        node.close()
        await node.wait_closed()
    for page in ("/", RECORDER):
        assert covered_ms(merged(world.store.of(page, Period.MINUTE))) == 125_000
    assert world.store.all_joins("/", Period.MINUTE) == 1


async def test_what_stops_at_once_has_written_all() -> None:
    world = World()
    world.nodes[0].open()
    world.set("/", 1, 1, 1)
    world.clock.advance(90)
    await world.close()
    assert covered_ms(world.check("/", Period.MINUTE)) == 90_000


async def test_a_lead_that_was_lost_leaves_the_writing_to_the_other() -> None:
    world = World(nodes=2)
    await world.open()
    one, other = world.nodes
    world.set("/", 1, 1, 1)
    await world.pass_s(61)
    world.store.lock_holder = None
    await until(lambda: other.is_leader)
    await world.pass_s(60)
    await until(lambda: not one.is_leader)
    await world.pass_s(60)
    await world.close()
    for period in Period:
        assert covered_ms(merged(world.check("/", period))) == 181_000


async def test_while_counts_are_not_known_there_is_a_gap() -> None:
    world = World(nodes=2)
    await world.open()
    world.set("/", 2, 2, 2)
    await world.pass_s(10)
    for node in world.nodes:
        node.know(False)
        node.know(False)
    await world.pass_s(5)
    for node in world.nodes:
        node.hear("/")
        node.know(True)
    await world.pass_s(60)
    await world.close()
    assert covered_ms(merged(world.store.of(RECORDER, Period.DAY))) == 70_000
    rows = merged(world.store.of("/", Period.DAY))
    assert sum(row.visitors.total_ms for row in rows) == 140_000
    assert min(row.visitors.least for row in rows[1:]) == 2
    assert world.store.all_joins("/", Period.DAY) == 2


async def test_a_slow_disk_makes_no_difference_in_the_end(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    await world.open()
    world.store.error = HistoryAway("the disk is full")
    for number in range(1, 4):
        world.set("/", number, number, 1)
        await world.pass_s(60)
    assert world.store.rows == {}
    assert world.nodes[0].lag_s > 0
    assert world.nodes[0].dropped == 0
    world.store.error = None
    await world.pass_s(1)
    await world.close()
    assert len(world.check("/", Period.MINUTE)) == 4
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 2


async def test_whoever_asks_is_answered() -> None:
    world = World()
    assert (world.nodes[0].lag_s, world.nodes[0].dropped) == (0.0, 0)
    await world.nodes[0].flush()
    with pytest.raises(HistoryAway, match="does not run"):
        await world.nodes[0].ask(lambda store: store)
    await world.open()
    assert await world.nodes[0].ask(lambda store: store) is world.store
    await world.close()
    world.nodes[0].close()
    await world.nodes[0].wait_closed()


async def test_what_happens_before_it_opens_and_after_it_closes_is_not_seen() -> None:
    world = World()
    world.nodes[0].know(True)
    world.nodes[0].close()
    world.set("/", 1, 1, 1)
    await world.open()
    await world.close()
    world.set("/", 2, 2, 1)
    world.clock.advance(120)
    assert world.store.of("/", Period.MINUTE) == []


async def test_a_loop_that_ended_without_a_word_does_not_hold_the_writer() -> None:
    world = World()
    history = world.nodes[0]
    await world.open()
    loop = asyncio.new_event_loop()
    loop.close()
    history._loop = loop
    history._on_lead(None)
    await world.close()


async def test_the_numbers_of_now_are_known_while_the_counts_are() -> None:
    world = World(nodes=2)
    node = world.nodes[0]
    assert node.numbers() is None
    await world.open()
    world.set("/", 3, 2)
    world.set("/a", 1, 1)
    found = {(line.page, line.connections, line.visitors) for line in node.numbers() or ()}
    assert found == {("/", 3, 2), ("/a", 1, 1)}
    node.know(False)
    assert node.numbers() is None
    await world.close()
