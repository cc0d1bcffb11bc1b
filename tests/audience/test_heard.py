"""What a share makes of what it hears."""

from __future__ import annotations

from nannin.audience.census_calls import Exited, Returned
from nannin.audience.heard import Heard, Presence
from nannin.audience.roster import Given


def test_nothing_is_heard_at_first() -> None:
    heard = Heard()
    assert (heard.pages, heard.thens) == ({}, [])
    assert heard.entered == heard.exited == heard.returned == []


def test_visitors_who_are_gone_with_their_node_have_exited() -> None:
    heard = Heard()
    heard.exit(Exited("/", ["cann", "abob"]))
    assert heard.exited == [Presence("/", "ann"), Presence("/", Given("bob"))]


def test_visitors_who_are_at_another_node_too_have_returned() -> None:
    heard = Heard()
    heard.come_back(Returned("/", ["cann"]))
    assert heard.returned == [Presence("/", "ann")]
