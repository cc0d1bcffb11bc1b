"""One telling of a count: the four cases of who has heard what, and each variant encoded once."""

from __future__ import annotations

from typing import Any, cast

import pytest

from nannin.access.connect import Format
from nannin.audience.roster import Count
from nannin.hub.connection import Connection
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


def begin(heard: Heard, recipients: list[Connection], count: Count) -> FanOut:
    fan_out = FanOut(heard, recipients, to_all=True)
    fan_out.renew(count)
    return fan_out


# The four cases


@pytest.mark.parametrize(
    ("count", "classic", "audience"), [(ONE, False, False), (TWO_TABS, False, True), (TWO, True, True)]
)
def test_who_was_there_is_told_where_its_part_of_the_count_differs(
    count: Count, classic: bool, audience: bool
) -> None:
    heard = Heard("/")
    heard.settle(ONE)
    (connection,) = people(1)
    fan_out = begin(heard, [connection], count)
    assert (fan_out.needs(connection, CLASSIC), fan_out.needs(connection, AUDIENCE)) == (classic, audience)


def test_who_was_there_when_a_fan_out_was_overtaken_is_always_told() -> None:
    heard = Heard("/")
    heard.settle(ONE, was_overtaken=True)
    (connection,) = people(1)
    fan_out = begin(heard, [connection], ONE)
    assert fan_out.needs(connection, CLASSIC)
    assert fan_out.all_need(1)


@pytest.mark.parametrize("was_overtaken", [False, True])
def test_who_joined_since_is_told_where_it_heard_something_else_with_its_connect(was_overtaken: bool) -> None:
    heard = Heard("/")
    heard.settle(TWO, was_overtaken=was_overtaken)
    first, second = people(2)
    heard.at_join = {first: ONE, second: TWO}
    fan_out = begin(heard, [first, second], ONE)
    assert [fan_out.needs(connection, AUDIENCE) for connection in (first, second)] == [False, True]
    assert heard.at_join == {}, "whoever joins from now on has missed the next fan-out, not this one"


def test_where_all_others_heard_the_count_only_joiners_are_recipients() -> None:
    heard = Heard("/")
    heard.settle(TWO)
    heard.at_join = {(joiner := people(1)[0]): ONE}
    assert heard.were_all_told(TWO)
    assert not heard.all_heard(TWO)
    fan_out = FanOut(heard, [joiner], to_all=False)
    fan_out.renew(TWO)
    assert (fan_out.needs(joiner, CLASSIC), fan_out.was_overtaken) == (True, False)
    fan_out.renew(ONE)
    assert fan_out.was_overtaken, "the others have not heard this one"


# Those who need no look


def test_nobody_between_observers_and_joiners_is_looked_at_where_all_variants_differ() -> None:
    heard = Heard("/")
    heard.settle(ONE)
    observer, *others = people(10)
    heard.observers[observer] = None
    heard.at_join[others[-1]] = TWO
    fan_out = begin(heard, [observer, *others], TWO)
    assert not fan_out.all_need(5), "an observer may have joined at any time"
    fan_out.at = 1
    assert fan_out.all_need(9)
    assert not fan_out.all_need(10), "the last one has joined since"


def test_where_a_variant_does_not_differ_each_is_looked_at() -> None:
    heard = Heard("/")
    heard.settle(ONE)
    assert not begin(heard, people(3), TWO_TABS).all_need(3)


# Overtaken, encoded once


def test_a_fan_out_whose_count_changes_midway_was_overtaken() -> None:
    fan_out = begin(Heard("/"), people(3), ONE)
    fan_out.renew(TWO)
    assert not fan_out.was_overtaken, "nobody had been told yet"
    fan_out.at = 1
    fan_out.renew(ONE)
    assert fan_out.was_overtaken


def test_an_update_is_kept_for_the_next_recipients_and_dropped_with_its_count() -> None:
    heard = Heard("/news")
    fan_out = begin(heard, people(2), ONE)
    update = fan_out.encode(CLASSIC)
    assert list(update.packets) == ['42/news,["user connected",1]']
    assert fan_out.updates == {CLASSIC: update}
    heard.settle(TWO)
    fan_out.renew(ONE)
    assert fan_out.updates == {}
    assert list(fan_out.encode(CLASSIC).packets) == ['42/news,["user disconnected",1]']


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
