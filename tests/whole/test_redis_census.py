"""The census in Redis and in Valkey does what the one in memory does: its own tests, and in any disorder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
import redis

from audience import test_census
from audience.test_share_any_order import PAGES, VISITORS, AnyOrder
from nannin.audience.roster import Count
from support.census_city import City, Node
from support.redis_census import Both, Kept, RedisCensus
from support.redis_servers import KINDS, RedisServer, serving

TESTS = {
    name: test for name, test in vars(test_census).items() if name.startswith("test_") and callable(test)
}


# What happens to a node or to the census, beside changes and the network's disorder.
RARE = ["crash", "lose", "find", "beat", "remember", "restore", "listen"]


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with serving(request.param) as server:
        yield server


@pytest.fixture
def client(server: RedisServer) -> Iterator[redis.Redis]:
    with server.client() as client:
        yield client


@pytest.mark.parametrize("test", TESTS.values(), ids=list(TESTS))
def test_it_does_what_the_census_in_memory_does(
    test: Callable[[], None], client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[RedisCensus] = []

    def census(id: str) -> RedisCensus:
        made.append(RedisCensus(client, id))
        return made[-1]

    monkeypatch.setattr(test_census, "Census", census)
    test()
    for each in made:
        each.close()


@pytest.mark.parametrize("seed", range(6))
def test_in_any_disorder_both_say_the_same_and_nodes_come_to_the_right_numbers(
    seed: int, client: redis.Redis
) -> None:
    machine, random = AnyOrder(), Random(seed)
    try:
        world: Any = machine.world
        world.restore(Kept(both := Both(client, "first"), both.memory, {}))
        for _ in range(200):
            node = random.choice(world.nodes)
            match random.choice(["change"] * 6 + ["disturb"] * 8 + RARE):
                case "change":
                    world.change(random, PAGES, VISITORS, 5)
                case "disturb":
                    world.disturb(random, random.choice([10, 60]))
                case "restore" if world.past:
                    world.restore(random.choice(world.past))
                case "listen":
                    node.share.listen(random.choice(["/", None]), random.random() < 0.5)
                case "beat":
                    world.beat()
                case "remember" | "restore":
                    world.remember()
                case rare:
                    getattr(world, rare)(node)
        machine.settle()
        both.redis.close()
    finally:
        machine.patch.undo()


def test_nothing_is_left_of_pages_and_nodes_that_are_gone(client: redis.Redis) -> None:
    census = RedisCensus(client, "name")
    one, two = test_census.Node(census, "one"), test_census.Node(census, "two")  # type: ignore[arg-type]
    for node in (one, two):
        node.apply("/", 2, 1, 1, visible="cann")
        node.apply("/news", 1, hidden="cann", stays=True)
    one.apply("/", 0, absent="cann")
    for node in (one, two):
        census.end(node.number)
    assert client.keys() == [b"test:{0}:nodes"]
    assert client.hkeys("test:{0}:nodes") == [b"@next", b"@id", b"@version"]
    census.close()


def test_a_join_is_so_many_commands_and_one_message_for_each_other_node(client: redis.Redis) -> None:
    census = RedisCensus(client, "name")
    nodes = [test_census.Node(census, str(n)) for n in range(10)]  # type: ignore[arg-type]
    for node in nodes:
        node.apply("/", 1, visible=f"c{node.epoch}")
    client.config_resetstat()
    nodes[0].apply("/", 2, visible="cann")
    stats = client.info("commandstats")
    calls = {name.removeprefix("cmdstat_"): stats[name]["calls"] for name in stats}
    within = {name: calls[name] for name in calls if name not in ("config|resetstat", "ping", "evalsha")}
    assert (calls["evalsha"], within.pop("publish"), sum(within.values())) == (1, 9, 11)
    census.close()


def test_a_page_with_many_visitors_is_reaped_in_slices_that_all_hear_of(client: redis.Redis) -> None:
    census = RedisCensus(client, "name")
    one, two = test_census.Node(census, "one"), test_census.Node(census, "two")  # type: ignore[arg-type]
    for start in range(0, 5_000, 1_000):
        names = " ".join(f"c{n}" for n in range(start, start + 1_000))
        one.apply("/", start + 1_000, visible=names)
    two.apply("/", 1, visible="c7")
    answer, tells = two.reap(one.number, one.value())
    assert len(tells) > 3
    assert one.total("/") == (1, 1, 1)
    assert len(answer.exited[0].visitors) == 4_999  # type: ignore[union-attr]
    census.close()


def test_once_the_register_of_the_nodes_is_deleted_nothing_is_left_of_their_former_numbers(
    client: redis.Redis,
) -> None:
    city, one, two, dead = City(), Node("one"), Node("two"), Node("dead")
    census = RedisCensus(client, "name")
    city.census, city.nodes = census, (one, two, dead)  # type: ignore[assignment]
    client.set("test:{0}:other", "is not nannin's")
    for node, visitor in ((one, "ann"), (two, "bob"), (dead, "eve")):
        node.hear(node.share.found())
        city.carry()
        node.roster.join("/", "tab", visitor)
    city.carry()
    assert city.counts() == [Count(3, 3, 3)] * 3
    city.nodes = (one, two)
    assert client.delete("test:{0}:nodes") == 1
    two.hear(two.share.answer(census.receive(two.beat()).answer, 0.0))
    assert two.share.stale
    city.carry()
    city.find_out(one)
    assert (two.share.number, one.share.number) == (1, 2)
    city.settle()
    assert city.counts() == [Count(2, 2, 2)] * 2
    assert [node.share.stale for node in city.nodes] == [False, False]
    one.roster.leave("/", "tab", now=0.0)
    two.roster.leave("/", "tab", now=0.0)
    city.carry()
    assert city.counts() == [Count(0, 0, 0)] * 2
    assert sorted(client.keys()) == [b"test:{0}:nodes", b"test:{0}:other"]
    census.close()
