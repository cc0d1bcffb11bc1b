"""Item 36: another site on the same Redis, with a prefix of its own, and with the same one by mistake."""

from __future__ import annotations

from collections.abc import Sequence

from support.servers import Server, nannin
from torture.campaign import site_item
from torture.people import People
from torture.site import DOWN_S, Site

PEOPLE = 20
NOTICED_S = 2 * 5.0
WORDS = "has the same redis_prefix (nannin) as this one"
_FLAGS = ("--grace", "0", "--grace-lost", "0", "--groups", "/blog/*")


@site_item(36, "two sites share one Redis, with two prefixes and with one by mistake", workers=(2, 1))
def shared(site: Site) -> None:
    site.people.come(PEOPLE)
    site.people.wait_exact(DOWN_S)
    redis = ("--redis", site.place.urls[0], *_FLAGS)
    with nannin(*redis, "--redis-prefix", "nannin:blog", "--workers", "2") as blog:
        others = People([blog], seed=2)
        others.come(PEOPLE)
        for _ in range(3):
            site.people.churn(1.0)
            others.churn(1.0)
            site.people.wait_exact(DOWN_S)
            others.wait_exact(DOWN_S)
        assert not [server.url for server in (*site.servers, blog) if WORDS in server.log]
        others.leave()
        others.wait_exact(DOWN_S)
    with nannin(*redis) as mistaken:
        site.people.servers.append(mistaken)
        site.people.come(6)
        together_s = site.people.wait_exact(DOWN_S)
        every = [*site.servers, mistaken]
        noticed_s = site.wait(
            lambda: named(every) == [2, 1, 1], lambda: f"{named(every)} notice it", NOTICED_S
        )
        site.people.churn(6.0)
        assert named(every) == [2, 1, 1], "it is named again and again"
        site.people.servers.remove(mistaken)
        site.people.leave_from(mistaken)
    site.people.wait_exact(DOWN_S)
    site.note(
        f"two prefixes kept them apart; with one they had one number after {together_s:.1f} s, and each of "
        f"the 4 nodes had named the other site {noticed_s:.1f} s later"
    )


def named(servers: Sequence[Server]) -> list[int]:
    """How often each of them has said that another site is there."""
    return [server.log.count(WORDS) for server in servers]
