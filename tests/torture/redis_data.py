"""Items 32, 33 and 35: what Redis loses, what comes back with a failover, and where it moves to."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from support.redis_servers import RedisServer
from support.servers import APPS
from torture.campaign import site_item
from torture.people import PAGES
from torture.redis_away import EXACT_S
from torture.redis_places import NODES, clustered, watched
from torture.site import DOWN_S, Site, nodes_of
from torture.witness import PAGE as WITNESS

PEOPLE = 40
FAILED_OVER_S = 20.0
SAMPLED_S = 4 * 5.0 + 2 * 5.0
"""Within so many seconds all is said again by the application that samples quickly, and heard."""


@site_item(33, "somebody deletes one key", "--app", str(APPS / "quick_sampling.py:live"))
def deleted(site: Site) -> None:
    site.people.come(PEOPLE)
    site.people.wait_exact(DOWN_S)
    with site.redis.client(decode_responses=True) as client:
        before = everything(client)
        for key in sorted(before):
            assert client.delete(key) == 1
            site.wait(
                lambda: everything(client) == before, lambda: lost(before, everything(client)), SAMPLED_S
            )
            site.people.wait_exact(DOWN_S)
    site.note(f"each of {len(before)} keys was there again when its nodes had said all again")


def everything(client: Any) -> dict[str, Any]:
    """What Redis has of pages that somebody is on, without versions and the witness's."""
    found: dict[str, Any] = {}
    for page in PAGES:
        for kind in "cv":
            key = f"nannin:{{0}}:{kind}:{page}"
            values = {name: value for name, value in client.hgetall(key).items() if name != "@version"}
            found[key] = {name: sorted(value.split(",")) for name, value in values.items()}
    for key in client.scan_iter("nannin:{0}:p:*"):
        found[key] = {page for page in client.smembers(key) if page in PAGES}
    found["nannin:{0}:index"] = dict(client.zrange("nannin:{0}:index", 0, -1, withscores=True))
    found["nannin:{0}:index"].pop(WITNESS, None)
    return {key: value for key, value in found.items() if value}


def lost(before: dict[str, Any], client: Any) -> str:
    """What is not as before."""
    now = everything(client)
    others = {key: (value, now.get(key)) for key, value in before.items() if now.get(key) != value}
    return "; ".join(f"{key} had {value}, has {found}" for key, (value, found) in others.items())


@site_item(32, "a failover loses what was written last, and brings a dead node's part back", at=watched)
def failed_over(site: Site) -> None:
    people, replica = site.people, site.place.replica
    assert replica is not None
    people.come(PEOPLE)
    people.wait_exact(DOWN_S)
    replica.pause()  # what is written from now on is lost with the master
    changes = people.churn(2.0)
    people.wait_exact(DOWN_S)
    site.is_killing = True
    os.kill(nodes_of(site.servers[0])[0], signal.SIGKILL)
    people.wait_exact(DOWN_S)
    dead = PEOPLE - len(people.here())
    site.redis.kill()
    replica.go_on()
    site.place.redis = replica
    failover_s = site.wait(
        lambda: is_master(replica), lambda: "the replica does not take over", FAILED_OVER_S
    )
    took_s = people.wait_exact(EXACT_S)
    site.note(
        f"{changes} changes were lost, {dead} who had gone came back; the replica was the master after "
        f"{failover_s:.1f} s, and all was exact {took_s:.1f} s later"
    )


@site_item(35, "masters of a cluster are lost and return; a slot moves under load", at=clustered)
def moved(site: Site) -> None:
    people, cluster = site.people, site.place.cluster
    assert cluster is not None
    people.come(PEOPLE)
    people.wait_exact(DOWN_S)
    old, new = cluster.master, cluster.replica
    old.kill()
    site.place.redis = cluster.master = new
    people.churn(2.0)
    site.wait(lambda: is_master(new), lambda: "the replica does not take over", FAILED_OVER_S)
    taken_s = people.wait_exact(EXACT_S)
    old.start()

    other, last = [server for server in cluster.servers[:3] if server is not old]
    other.kill()  # nobody takes its slots, so the others refuse theirs, too
    people.churn(5.0)
    other.start()
    back_s = people.wait_exact(EXACT_S)

    with ThreadPoolExecutor(1) as threads:
        moving = threads.submit(cluster.move, NODES, last)
        changes = people.churn(5.0)
        moving.result()
    site.place.redis = last
    moved_s = people.wait_exact(EXACT_S)
    with last.client() as client:
        assert client.exists(NODES), "the slot has not moved"
    site.note(
        f"exact {taken_s:.1f} s after a replica took over, {back_s:.1f} s after a master without one was "
        f"back, {moved_s:.1f} s after {changes} changes while the slot moved"
    )


def is_master(server: RedisServer) -> bool:
    """Whether it says so of itself."""
    with server.client() as client:
        return bool(client.info("replication")["role"] == "master")
