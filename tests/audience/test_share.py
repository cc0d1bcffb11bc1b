"""One node's share: what it says of its clients, and what it shows."""

from __future__ import annotations

from nannin.audience.census import Census
from nannin.audience.roster import Count, Roster
from nannin.audience.share import Share


def test_a_share_over_a_census_counts_its_own_clients() -> None:
    census, roster = Census("name"), Roster[str]()
    share = Share(roster, "one")
    roster.on_change = share.touch
    roster.join("/", "a", "ann")
    share.found()
    while calls := share.take(0.0):
        for call in calls:
            share.answer(census.receive(call).answer, 0.0)
    assert share.count("/") == Count(1, 1, 1)
    assert not share.stale
