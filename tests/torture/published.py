"""Items 31 and 37: what another program publishes where the nodes listen, or writes in their names."""

from __future__ import annotations

import os
import re
import signal
from typing import Any

from nannin.audience.census_calls import (
    Answer,
    Apply,
    Beat,
    Call,
    Leave,
    Reap,
    Reaped,
    Unknown,
    Watch,
)
from nannin.nodes.redis_calls import RedisCalls
from support.not_nannins import NOT_NANNINS, forged, many_visitors
from support.raw_wire import get
from torture.campaign import site_item
from torture.people import PAGES
from torture.site import DOWN_S, Site, nodes_of

PEOPLE = 40
HUGE_BYTES = 100_000_000
MANY_BYTES = 10_000_000


def refused(site: Site) -> int:
    """How many messages all nodes have refused."""
    pages = [get(server, "/metrics").text for server in site.servers]
    found = re.findall(r'^nannin_refusals_total\{.*reason="outside".*\} (\S+)$', "\n".join(pages), re.M)
    return round(sum(map(float, found)))


def publish(site: Site, *messages: bytes) -> int:
    """Publishes messages to each node; returns how often they were heard."""
    with site.redis.client() as client:
        channels = [f"nannin:{{0}}:to:{number}" for number in site.nodes()]
        heard = [client.publish(channel, message) for channel in channels for message in messages]
    return sum(map(int, heard))


def hold(site: Site, *messages: bytes) -> int:
    """Publishes what each node must refuse, and what changes nothing; returns how often it was refused."""
    before = refused(site)
    heard = publish(site, *messages)
    site.wait(
        lambda: refused(site) - before == heard, lambda: f"of {heard} {refused(site) - before} are refused"
    )
    assert not (wrong := site.people.wrong()), wrong
    return heard


@site_item(31, "what is not a node's, on the channels of nodes", is_long=False, workers=(1, 1))
def garbage(site: Site) -> None:
    site.people.come(site.size(PEOPLE, 6))
    site.people.wait_exact(DOWN_S)
    times = site.size(200, 1)
    heard = sum(hold(site, *NOT_NANNINS, *forged(PAGES[0])) for _ in range(times))
    huge = 0
    if site.size(1, 0):
        huge = publish(site, b"\xff" * HUGE_BYTES)
        site.people.churn(2.0)
        site.people.wait_exact(DOWN_S)
    site.people.come(2)
    took_s = site.people.wait_exact(DOWN_S)
    site.note(f"{heard} refused and counted, {huge} of 100 MB; the next change is exact after {took_s:.1f} s")


def ask(client: Any, call: Call) -> Answer:
    """Has Redis do a call, whoever's it is."""
    steps = RedisCalls("nannin", "0", lambda: "nobody's").steps(call)
    commands = next(steps)
    while True:
        replies: list[Any] = [client.execute_command(*command) for command in commands]
        try:
            commands = steps.send(replies)
        except StopIteration as stop:
            answer: Answer = stop.value
            return answer


def claims(number: int, epoch: str, page: str) -> list[Call]:
    """What somebody says who claims to be a node."""
    names = [f"p:{name}" for name in range(100)]
    return [
        Apply(2**40, number, epoch, 0, page, 7, 7, 7, True, names, names, []),
        Beat(2**40, number, epoch),
        Leave(2**40, number, epoch, 0),
        Watch(2**40, number, epoch, True),
        Reap(2**40, number, f"{epoch}:1:1"),
    ]


@site_item(37, "what claims another node's number, an old epoch, a page that is none, 10 MB of visitors")
def forgeries(site: Site) -> None:
    site.is_killing = True
    site.people.come(PEOPLE)
    site.people.wait_exact(DOWN_S)
    old = {number: value.split(":")[0] for number, value in site.nodes().items()}
    os.kill(nodes_of(site.servers[0])[0], signal.SIGKILL)
    site.people.wait_exact(DOWN_S)
    site.wait(lambda: site.nodes().keys() - old, lambda: "no worker takes its place")
    before = site.nodes()
    asked = 0
    with site.redis.client() as client:
        for number in (*old, *before, 10**9):
            for epoch in {*old.values(), "nobody"} - {before.get(number, "").split(":")[0]}:
                for call in claims(number, epoch, PAGES[0]):
                    answer = ask(client, call)
                    assert isinstance(answer, Unknown) or answer == Reaped(call.call, ""), (call, answer)
                    asked += 1
    assert site.nodes().keys() == before.keys(), site.nodes()
    site.people.wait_exact(DOWN_S)
    heard = hold(site, *forged(PAGES[0]), *[many_visitors(page, MANY_BYTES) for page in PAGES])
    site.people.churn(2.0)
    site.people.wait_exact(DOWN_S)
    site.note(f"{asked} calls in the names of nodes were refused; {heard} messages refused and counted")
