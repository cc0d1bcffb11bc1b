"""One telling of a count: the three cases of who has heard what, and each variant encoded once."""

from __future__ import annotations

from typing import Any, cast

import pytest

from nannin.access.connect import Format
from nannin.audience.crowd import Crowd
from nannin.audience.roster import Count
from nannin.hub.connection import Connection
from nannin.hub.crowds import Form
from nannin.hub.encoding import VARIANTS, Variant
from nannin.hub.fan_out import FanOut, Heard
from support.fakes import House
from support.many_clients import crowd

CLASSIC, AUDIENCE = VARIANTS[Format.CLASSIC], VARIANTS[Format.AUDIENCE]
ONE, TWO = Count(1, 1, 1), Count(2, 2, 2)
TWO_TABS = Count(2, 1, 1)  # of one visitor: only the audience event tells them from one


def people(count: int) -> list[Connection]:
    """So many to tell; a fan-out only looks them up."""
    return [cast(Connection, object()) for _ in range(count)]


def nobody_moves(member: Connection, seat: int) -> None:
    raise AssertionError("no seat changes while a fan-out is under way")


def crowd_of(*members: Connection, settled: int | None = None) -> Crowd[Connection]:
    """A crowd of which so many, or all, were there at the last fan-out."""
    made: Crowd[Connection] = Crowd(nobody_moves)
    for member in members:
        made.add(member, 0)
    made.settled = len(members) if settled is None else settled
    return made


def begin(
    heard: Heard, members: Crowd[Connection], count: Count, variant: Variant | None = CLASSIC
) -> FanOut:
    fan_out = FanOut(heard, {Form(variant, observes=False): members})
    fan_out.renew(count)
    return fan_out


# The three cases


@pytest.mark.parametrize(
    ("count", "classic", "audience"), [(ONE, False, False), (TWO_TABS, False, True), (TWO, True, True)]
)
def test_who_was_there_is_told_where_its_part_of_the_count_differs(
    count: Count, classic: bool, audience: bool
) -> None:
    heard = Heard("/")
    heard.settle(ONE)
    fan_out = begin(heard, crowd_of(*people(1)), count)
    assert (fan_out.settled_need(CLASSIC), fan_out.settled_need(AUDIENCE)) == (classic, audience)


def test_who_was_there_when_a_fan_out_was_overtaken_is_always_told() -> None:
    heard = Heard("/")
    heard.settle(ONE, was_overtaken=True)
    assert begin(heard, crowd_of(*people(1)), ONE).settled_need(CLASSIC)


@pytest.mark.parametrize("was_overtaken", [False, True])
def test_who_joined_since_is_told_where_it_heard_something_else_with_its_connect(was_overtaken: bool) -> None:
    heard = Heard("/")
    heard.settle(TWO, was_overtaken=was_overtaken)
    first, second = people(2)
    heard.at_join = {first: ONE, second: TWO}
    fan_out = begin(heard, crowd_of(first, second, settled=0), ONE)
    assert [fan_out.needs(connection, AUDIENCE) for connection in (first, second)] == [False, True]
    assert heard.at_join == {}, "whoever joins from now on has missed the next fan-out, not this one"


def test_where_all_others_heard_the_count_only_joiners_need_it() -> None:
    heard = Heard("/")
    heard.settle(TWO)
    settled, joiner = people(2)
    heard.at_join = {joiner: ONE}
    assert not heard.all_heard(TWO, 2)
    assert not heard.all_heard(ONE, 2)
    assert heard.all_heard(ONE, 1), "nobody is there who did not just join"
    fan_out = begin(heard, crowd_of(settled, joiner, settled=1), TWO)
    assert (fan_out.settled_need(CLASSIC), fan_out.needs(joiner, CLASSIC)) == (False, True)
    fan_out.advance(1)
    fan_out.renew(ONE)
    assert fan_out.was_overtaken, "the others have not heard this one"


# Who is a recipient


def test_the_recipients_are_those_who_were_there_when_it_began() -> None:
    heard, members = Heard("/"), crowd_of(*people(3), settled=2)
    (part,) = begin(heard, members, ONE).parts
    members.add(people(1)[0], 0)
    assert (part.at, part.settled, part.end) == (0, 2, 3)
    (later,) = begin(heard, members, TWO).parts
    assert (later.settled, later.end) == (3, 4), "the joiner has yet to be settled"


def test_who_is_told_nothing_is_no_recipient() -> None:
    members = crowd_of(*people(2), settled=0)
    assert begin(Heard("/"), members, ONE, variant=None).parts == []
    assert members.settled == 2


def test_a_crowd_closes_up_only_when_the_fan_out_is_over() -> None:
    moved: list[int] = []
    members: Crowd[Connection] = Crowd(lambda member, seat: moved.append(seat))
    for member in people(100):
        members.add(member, 0)
    fan_out = begin(Heard("/"), members, ONE)
    for seat in range(99):
        members.remove(seat)
    assert (moved, len(members.numbers)) == ([], 100)
    fan_out.finish()
    assert (moved, len(members.numbers)) == ([0], 1)


# Overtaken, encoded once


def test_a_fan_out_whose_count_changes_midway_was_overtaken() -> None:
    fan_out = begin(Heard("/"), crowd_of(*people(3)), ONE)
    fan_out.renew(TWO)
    assert not fan_out.was_overtaken, "nobody had been told yet"
    fan_out.advance(1)
    fan_out.renew(ONE)
    assert fan_out.was_overtaken
    fan_out.advance(3)
    assert fan_out.parts == []


def test_an_update_is_kept_for_the_next_recipients_and_dropped_with_its_count() -> None:
    heard = Heard("/news")
    fan_out = begin(heard, crowd_of(*people(2)), ONE)
    update = fan_out.update(CLASSIC)
    assert list(update.packets) == ['42/news,["user connected",1]']
    assert fan_out.update(CLASSIC) is update
    heard.settle(TWO)
    fan_out.renew(ONE)
    assert list(fan_out.update(CLASSIC).packets) == ['42/news,["user disconnected",1]']


def test_a_third_variant_is_one_more_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def words(page: str, count: Count, joined: bool) -> tuple[str, Any]:
        return "seen by", count.visible

    seen = Variant(frozenset({"seen by"}), words, part=lambda count: count.visible)
    monkeypatch.setitem(cast(dict[Format, Variant], VARIANTS), Format.NONE, seen)
    house = House()
    first, second = crowd(house, 2, updates="none")
    (classic,) = crowd(house, 1)
    second.emit("nannin:visible", False)
    house.clock.advance(2)
    assert first.events() == [["seen by", 1], ["seen by", 2], ["seen by", 3], ["seen by", 2]]
    assert classic.events() == [["user connected", 3]]
