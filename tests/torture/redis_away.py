"""Items 2 to 5 and 14: Redis is killed, cut off, silent, or answers that it can't."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import redis

from torture.campaign import site_item
from torture.site import DOWN_S, Site

PEOPLE = 40
EXACT_S = 8.0 + DOWN_S
"""Within so many seconds numbers are exact once Redis is back: all have noticed, and said what they have."""
NOTICED_S = 10.0
LET_IN_S = 3.0
"""So long a newcomer waits at most, if its worker has not noticed yet that Redis is away."""
HEARD_S = 5.0
PARTITIONED_S = 300.0
"""Twenty leases; what a node remembers of its own writes is over after two."""
LARGE_BYTES = 33_000_000
REFUSED_S = 6.0
MOST_LINKS = 4.0
"""So many connections a node opens a second at most while Redis refuses: it has three, and waits longer."""
FILLERS, LOADED_S = 1_000, 25.0
"""So many keys Redis has to load, and so long it takes."""


def wait_noticed(site: Site) -> float:
    """Returns once every server says that it is not ready."""
    return site.wait(
        lambda: not any(map(site.is_ready, site.servers)), lambda: "not all have noticed", NOTICED_S
    )


def check_local(site: Site) -> None:
    """Each server counts its own clients while Redis is away, and says that others may be missing."""
    for server in site.servers:
        began_s = time.monotonic()
        person = site.people.come_to(server)
        site.wait(person.told, lambda: "a newcomer is told nothing")
        took_s = time.monotonic() - began_s
        assert took_s < LET_IN_S, f"a newcomer waited for {took_s:.1f} s"
        site.wait(person.is_told_of_doubt, lambda: "a newcomer is told of no doubt")
        assert person.told()["connections"] >= 1, person.told()


@site_item(2, "Redis is killed, and back empty")
def killed(site: Site) -> None:
    site.people.come(PEOPLE)
    site.people.wait_exact(DOWN_S)
    worst_s = 0.0
    for _ in range(3):
        site.redis.kill()
        wait_noticed(site)
        check_local(site)
        changes = site.people.churn(5.0)
        site.redis.start()
        worst_s = max(worst_s, site.people.wait_exact(EXACT_S))
    site.note(f"3 times, {changes} changes meanwhile, exact {worst_s:.1f} s after its return")


@site_item(3, "Redis is cut off from one of the servers for minutes, while clients come and go")
def partitioned(site: Site) -> None:
    site.people.come(PEOPLE)
    site.people.wait_exact(DOWN_S)
    site.links[0].fall_silent()
    changes = site.people.churn(PARTITIONED_S)
    site.links[0].cut()
    site.links[0].go_on()
    took_s = site.people.wait_exact(EXACT_S)
    site.note(f"{changes} changes in {PARTITIONED_S:.0f} s, exact {took_s:.1f} s after it has healed")


@site_item(4, "subscriptions are killed; a message of 33 MB on their channels")
def deaf(site: Site) -> None:
    site.people.come(PEOPLE)
    site.people.wait_exact(DOWN_S)
    worst_s = 0.0
    with site.redis.client() as client:
        for _ in range(5):
            client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            site.people.come(6)
            site.people.go(6)
            worst_s = max(worst_s, site.people.wait_exact(HEARD_S))
        large = b"\xff" * LARGE_BYTES
        for number in site.nodes():
            client.publish(f"nannin:{{0}}:to:{number}", large)
        site.people.come(6)
        site.people.go(6)
        large_s = site.people.wait_exact(HEARD_S)
    site.note(f"heard again and exact within {worst_s:.1f} s, and after 33 MB to each node {large_s:.1f} s")


@site_item(5, "packets to Redis are dropped without a word")
def silent(site: Site) -> None:
    site.people.come(PEOPLE)
    site.people.wait_exact(DOWN_S)
    for link in site.links:
        link.fall_silent()
    noticed_s = wait_noticed(site)
    check_local(site)
    changes = site.people.churn(20.0)
    assert not any(map(site.is_ready, site.servers)), "one says that it is ready"
    for link in site.links:
        link.go_on()
    took_s = site.people.wait_exact(EXACT_S)
    assert all(map(site.is_ready, site.servers)), "one says that it is not ready"
    site.note(
        f"noticed after {noticed_s:.1f} s, {changes} changes in 20 s, exact {took_s:.1f} s after it healed"
    )


@contextlib.contextmanager
def read_only(site: Site) -> Iterator[None]:
    """READONLY: it is the replica of a master that is not there."""
    with site.redis.client() as client:
        client.execute_command("REPLICAOF", "127.0.0.1", 1)
        yield
        client.execute_command("REPLICAOF", "NO", "ONE")


@contextlib.contextmanager
def out_of_memory(site: Site) -> Iterator[None]:
    """OOM: it has more than it may, and throws nothing away."""
    with site.redis.client() as client:
        client.config_set("maxmemory", 1)
        yield
        client.config_set("maxmemory", 0)


@contextlib.contextmanager
def locked(site: Site) -> Iterator[None]:
    """NOAUTH: it has a password from now on, and no connection lasts."""
    with site.redis.client() as client:
        client.config_set("requirepass", "a secret")
        for kind in ("normal", "pubsub"):
            client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
        yield
        client.config_set("requirepass", "")


@contextlib.contextmanager
def loading(site: Site) -> Iterator[None]:
    """LOADING: it was started again, and reads a file that takes a while."""
    with site.redis.client() as client:
        client.mset({f"filler:{number}": "x" for number in range(FILLERS)})
        client.save()
        client.delete(*(f"filler:{number}" for number in range(FILLERS)))
    site.redis.kill()
    site.redis.launch(
        "--key-load-delay",
        str(round(LOADED_S / FILLERS * 1e6)),
        "--loading-process-events-interval-bytes",
        "1024",
    )
    yield
    with site.redis.client() as client:
        site.wait(lambda: answers(client), lambda: "it still loads", LOADED_S + NOTICED_S)
        client.delete(*(f"filler:{number}" for number in range(FILLERS)))


def answers(client: redis.Redis) -> bool:
    with contextlib.suppress(redis.RedisError):
        return bool(client.ping())
    return False


@site_item(14, "Redis answers READONLY, LOADING, NOAUTH, or that it is out of memory")
def refusing(site: Site) -> None:
    site.people.come(PEOPLE)
    site.people.wait_exact(DOWN_S)
    for refuse in (read_only, out_of_memory, locked, loading):
        opened, began_s = site.links_opened(), time.monotonic()
        with refuse(site):
            site.people.come(3)
            noticed_s = wait_noticed(site)
            check_local(site)
            changes = site.people.churn(REFUSED_S)
            assert not any(map(site.is_ready, site.servers)), "one says that it is ready"
        a_second = (site.links_opened() - opened) / (time.monotonic() - began_s) / len(site.pids())
        assert a_second < MOST_LINKS, f"each node opens {a_second:.1f} links a second"
        took_s = site.people.wait_exact(EXACT_S)
        word = refuse.__name__.replace("_", " ")
        site.note(
            f"{word}: noticed after {noticed_s:.1f} s, {a_second:.1f} links a second and node, "
            f"{changes} changes, exact after {took_s:.1f} s"
        )
