"""Items 1, 8, 9 and 34: nodes that are killed, stand still, or start again."""

from __future__ import annotations

import os
import signal
import time

from support.servers import Server
from torture.campaign import site_item
from torture.site import DOWN_S, LEASE_S, Site, nodes_of

PEOPLE = 40
STOPPED_S = 60.0


@site_item(1, "kill -9 of one of the workers")
def killed(site: Site) -> None:
    site.is_killing = True
    site.people.come(PEOPLE)
    site.people.wait_exact(DOWN_S)
    victim = nodes_of(site.servers[0])[0]
    os.kill(victim, signal.SIGKILL)
    took_s = site.people.wait_exact(DOWN_S)
    lost = PEOPLE - len(site.people.here())
    assert lost, "nobody was on the worker"
    site.note(f"without its {lost} clients after {took_s:.1f} s")


@site_item(8, "a node that is stopped for a minute, and goes on", workers=(2, 1, 1))
def stopped(site: Site) -> None:
    people, [_, alone, _] = site.people, site.servers
    people.come(PEOPLE)
    people.wait_exact(DOWN_S)
    assert alone.process is not None
    there = [person for person in people.here() if person.at is alone]
    number = len(site.nodes())
    began_s = time.monotonic()
    alone.process.send_signal(signal.SIGSTOP)
    try:
        with people.without(alone):
            left_s = people.wait_exact(DOWN_S)
            people.churn(STOPPED_S - (time.monotonic() - began_s))
            people.wait_exact(DOWN_S)
    finally:
        alone.process.send_signal(signal.SIGCONT)
    back_s = people.wait_exact(DOWN_S)
    assert not [person for person in there if person.ended.is_set()], "a healthy client was ended"
    assert len(site.nodes()) == number, site.nodes()
    site.note(f"left after {left_s:.1f} s, back without doubles after {back_s:.1f} s")


@site_item(8, "a worker that is stopped, which its supervisor replaces")
def stuck(site: Site) -> None:
    site.is_killing = True
    site.people.come(PEOPLE)
    site.people.wait_exact(DOWN_S)
    server = site.servers[0]
    victim, before = nodes_of(server)[0], site.nodes()
    began_s = time.monotonic()
    os.kill(victim, signal.SIGSTOP)
    site.wait(lambda: victim not in nodes_of(server), lambda: "it is not replaced", DOWN_S)
    took_s = site.people.wait_exact(DOWN_S, began_s)
    lost = PEOPLE - len(site.people.here())
    site.wait(lambda: len(site.nodes()) == len(before), lambda: f"{before}, {site.nodes()}")
    site.note(f"without its {lost} clients after {took_s:.1f} s")


@site_item(9, "a worker that is started again before its lease has ended")
def restarted(site: Site) -> None:
    site.is_killing = True
    site.people.come(PEOPLE)
    site.people.wait_exact(DOWN_S)
    worst_s = max(restart(site, site.servers[turn % 2], turn // 2) for turn in range(4))
    site.note(f"4 of them, each part gone within {worst_s:.1f} s")


def restart(site: Site, server: Server, index: int) -> float:
    """Kills a worker, and waits for the one that takes its place; returns how long its part has stayed."""
    before = site.nodes()
    os.kill(nodes_of(server)[index], signal.SIGKILL)
    gone_s = site.people.wait_exact(LEASE_S / 2)
    site.wait(lambda: len(site.nodes().keys() - before) == 1, lambda: f"{before}, {site.nodes()}")
    assert len(site.nodes()) == len(before), "the old one is still a node"
    site.people.come(PEOPLE - len(site.people.here()))
    site.people.wait_exact(DOWN_S)
    return gone_s


@site_item(34, "the node that should reap stands still, too; most nodes seem dead", workers=(1, 1, 1, 1, 1))
def judges(site: Site) -> None:
    people = site.people
    people.come(PEOPLE)
    people.wait_exact(DOWN_S)
    numbers = set(site.nodes())
    stopped = site.servers[:3]
    with people.without(*stopped):
        for server in stopped:
            signal_to(server, signal.SIGSTOP)
        try:  # for longer than a lease, and for less than twice as long
            people.churn(1.5 * LEASE_S)
        finally:
            for server in stopped:
                signal_to(server, signal.SIGCONT)
    took_s = people.wait_exact(DOWN_S)
    assert set(site.nodes()) == numbers, f"of {numbers} only {set(site.nodes())} were left"
    site.note(f"3 of 5 stood still for {1.5 * LEASE_S:.0f} s, none was reaped, exact after {took_s:.1f} s")

    dead, reaper = site.servers[:2]
    site.kill(dead)
    with people.without(dead):
        time.sleep(LEASE_S - 5.0)
        signal_to(reaper, signal.SIGSTOP)
        try:
            took_s = site.wait(lambda: len(site.nodes()) < len(numbers), lambda: "the dead one is not reaped")
        finally:
            signal_to(reaper, signal.SIGCONT)
        people.wait_exact(DOWN_S)
        assert len(site.nodes()) == len(numbers) - 1, site.nodes()
    dead.start()
    took_s += LEASE_S - 5.0
    site.note(f"one that had died was reaped after {took_s:.0f} s, while one of those who should had stopped")


def signal_to(server: Server, number: signal.Signals) -> None:
    assert server.process is not None
    server.process.send_signal(number)
