"""Groups of pages over several nodes: a person on three pages through three nodes is one."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nannin.audience.roster import Count
from nannin.hub.observatory import Observatory
from nannin.hub.reports import come_to
from support.fakes import Client, made
from support.several_nodes import City

GROUPS = "/shop/*,/*"


def told(client: Client, group: str = "/shop/*") -> list[tuple[int, int]]:
    """The connections and visitors of a group that a client was told."""
    return [(data[1]["connections"], data[1]["visitors"]) for data in client.events(group)]


@pytest.mark.parametrize("everything", [True, False])
def test_a_person_on_three_pages_through_three_nodes_is_one(everything: bool) -> None:
    city = City(3, groups=GROUPS, everything=everything, grace=0)
    watching = city.houses[2].client("/shop/*", updates="audience")
    tabs = [house.client(f"/shop/{number}", visitor="ann") for number, house in enumerate(city.houses)]
    city.houses[0].client("/news", visitor="bob")
    city.clock.advance(2)
    assert told(watching)[-1] == (3, 1)
    for house in city.houses:
        house.client("/*", updates="audience")
    assert city.counts("/*") == {Count(4, 2, 2)}
    for tab in tabs:
        tab.close()
    city.clock.advance(2)
    assert told(watching)[-1] == (0, 0)
    assert city.counts("/*") == {Count(1, 1, 1)}


@pytest.mark.parametrize("everything", [True, False])
def test_a_move_to_another_page_through_another_node_changes_no_number_of_visitors(everything: bool) -> None:
    city = City(2, groups=GROUPS, everything=everything, grace=2)
    ann = city.houses[0].client("/shop/a", visitor="ann")
    city.clock.advance(1)
    watching = city.houses[1].client("/shop/*", updates="audience")
    city.clock.advance(1)
    ann.close()
    city.clock.advance(1)
    city.houses[1].client("/shop/b", visitor="ann")
    city.clock.advance(10)
    assert {visitors for _, visitors in told(watching)} == {1}
    assert told(watching)[-1] == (1, 1), "both nodes had a connection until they heard of each other"
    assert city.houses[1].count("/shop/b") == Count(1, 1, 1)


@pytest.mark.parametrize("pages", ["01234", "01021", "00000", "0010011"])
@pytest.mark.parametrize("everything", [True, False])
def test_a_walk_over_the_pages_of_a_group_through_two_nodes_is_one_connection(
    pages: str, everything: bool
) -> None:
    city = City(2, groups=GROUPS, everything=everything, grace=2, grace_lost=2)
    joins = Counter[str]()
    for house in city.houses:
        house.hub.roster.on_count = lambda page, _, __, joined: joins.update({page: joined})
    for step, page in enumerate(pages):
        tab = city.houses[step % 2].client(f"/shop/{page}", visitor="ann")
        for key in ("/shop/*", "/*", f"/shop/{page}"):
            assert city.houses[step % 2].count(key) in city.counts(key), "it is known where she is"
            assert city.counts(key) - {Count()} == {Count(1, 1, 1)}
        city.clock.advance(0.3)
        tab.close()
        city.clock.advance(0.3)
    assert joins["/shop/*"] == joins["/*"] == 1
    city.clock.advance(5)
    assert city.counts("/*") == {Count()}


@pytest.mark.parametrize("page", ["/shop/a", "/shop/b"])
def test_a_second_tab_takes_the_place_that_a_third_one_left_on_another_node(page: str) -> None:
    city = City(2, groups=GROUPS, grace=2)
    one, two = city.houses
    one.client("/shop/a", visitor="ann")
    third = two.client("/shop/a", visitor="ann")
    city.clock.settle()
    third.close()
    city.clock.advance(0.3)
    one.client(page, visitor="ann")
    assert city.counts("/shop/*") == {Count(2, 1, 1)}
    assert city.counts("/shop/a").pop().connections == 2


def test_two_tabs_that_are_reloaded_through_another_node_take_a_place_each() -> None:
    city = City(2, groups=GROUPS, grace=2)
    one, two = city.houses
    for tab in [one.client(page, visitor="ann") for page in ("/shop/a", "/shop/b", "/shop/b")]:
        tab.close()
    for page in ("/shop/a", "/shop/b", "/shop/b"):
        two.client(page, visitor="ann")
        assert city.counts("/shop/*") == city.counts("/*") == {Count(3, 1, 1)}
        assert city.counts("/shop/b") == {Count(2, 1, 1)}


def test_a_node_that_dies_takes_its_part_of_the_group_with_it() -> None:
    city = City(2, groups=GROUPS)
    for number, house in enumerate(city.houses):
        house.client(f"/shop/{number}", visitor="ann")
    city.houses[1].client("/shop/1", visitor="bob")
    assert city.counts("/*") == {Count(3, 2, 2)}
    city.kill(1)
    city.clock.settle()
    assert city.houses[0].count("/*") == Count(1, 1, 1)


def test_while_nodes_are_apart_the_number_of_a_group_says_so() -> None:
    city = City(2, groups=GROUPS, grace=0)
    watching = city.houses[0].client("/shop/*", updates="audience")
    city.houses[1].client("/shop/a", visitor="ann")
    city.clock.advance(2)
    city.lines[0].cut()
    city.clock.advance(2)
    city.houses[0].client("/shop/b", visitor="bob")
    city.clock.advance(2)
    assert watching.events("/shop/*")[-1][1] == {
        "page": "/shop/*",
        "connections": 2,
        "visitors": 2,
        "visible": 2,
        "stale": True,
    }
    city.lines[0].mend()
    city.clock.advance(2)
    assert city.counts("/shop/*") == {Count(2, 2, 2)}


def test_a_visitor_is_in_the_group_for_as_long_as_on_a_page_of_one_node() -> None:
    """The link to one node was lost, and a page of another one was closed, which has the shorter grace."""
    city = City(2, groups=GROUPS, grace=2, grace_lost=10)
    one, two = city.houses
    one.client("/shop/a", visitor="ann").lose()
    second = two.client("/shop/b", visitor="ann")
    assert city.counts("/shop/*") == {Count(1, 1, 1)}
    second.close()
    city.clock.advance(5)
    assert city.counts("/shop/a") == city.counts("/shop/*") == city.counts("/*") == {Count(1, 1, 1)}
    three = one.client("/shop/c", visitor="ann")
    assert city.counts("/shop/*") == {Count(1, 1, 1)}
    three.close()
    city.clock.advance(20)
    assert city.counts("/shop/*") == {Count()}
    for house in city.houses:
        assert not list(house.hub.pages())


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["join", "join", "go on", "close", "lose", "kick", "wait"]),
        st.integers(0, 1_000),
        st.sampled_from(["/shop/a", "/shop/b", "/news"]),
        st.sampled_from([None, "ann", "bob"]),
    ),
    max_size=25,
)


def on_pages(city: City, prefix: str) -> tuple[int, int, int]:
    """The different visitors of the pages, in grace or not, those who see one, and the most connections."""
    named, seeing, anonymous, connections = set[Any](), set[Any](), 0, 0
    for house in city.houses:
        roster = house.hub.roster
        for page in roster.pages():
            if page.startswith(prefix) and not page.endswith("*"):
                named |= set(roster.visitors(page))
                seeing |= {visitor for visitor in roster.visitors(page) if roster.sees(page, visitor)}
                anonymous += roster.part(page).anonymous
                connections += roster.count(page).connections
    return len(named) + anonymous, len(seeing) + anonymous, connections


STEPS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["/shop/a", "/shop/a", "/shop/b", "/news"]),
        st.sampled_from(["ann", "ann", "bob"]),
        st.sampled_from(["close", "close", "lose", "kick"]),
        st.sampled_from([0.0, 0.3, 1.0, 1.6, 3.0]),
    ),
    max_size=25,
)


@settings(deadline=None, max_examples=80, database=None)
@given(STEPS)
def test_people_with_one_tab_each_are_one_connection_each_wherever_they_go(
    steps: list[tuple[int, str, str, str, float]],
) -> None:
    city = City(3, groups=GROUPS, grace=2, grace_lost=5)
    keys = ["/shop/a", "/shop/b", "/news", "/shop/*", "/*"]
    joins, came = Counter[str](), Counter[str]()
    for house in city.houses:
        house.hub.roster.on_count = lambda page, _, __, joined: joins.update({page: joined})
    unlike = 0
    tabs: dict[str, Client] = {}
    for index, page, visitor, ends, seconds in steps:
        if (tab := tabs.pop(visitor, None)) is not None:
            unlike += ends != "close"  # it has another grace, or none
            if ends == "kick":
                for connection in list(tab.session.data.connections.values()):
                    tab.house.hub.disconnect(connection, close=False)
            else:
                getattr(tab, ends)()
            city.clock.advance(seconds)
        city.clock.settle()
        for key in keys:
            if is_in(key, page) and not any(visitor in at.hub.roster.visitors(key) for at in city.houses):
                came[key] += 1
        tabs[visitor] = city.houses[index].client(page, visitor=visitor)
        for key in keys:
            (count,) = city.counts(key)
            assert count.connections == count.visitors, key
            # One who has no place any more may still count, while in a longer grace on another node.
            assert came[key] <= joins[key] <= came[key] + unlike, key
    for tab in tabs.values():
        tab.close()
    city.clock.advance(20)
    for house in city.houses:
        assert not list(house.hub.pages())


def is_in(key: str, page: str) -> bool:
    """Whether a page is this one, or one of this group."""
    return page == key or (key.endswith("*") and page.startswith(key[:-1]))


@settings(deadline=None, max_examples=80, database=None)
@given(MOVES)
def test_whatever_happens_all_nodes_come_to_the_different_visitors_of_the_pages(
    moves: list[tuple[Any, ...]],
) -> None:
    city = City(3, groups=GROUPS, grace=2, grace_lost=5)
    asked = [Observatory(house.hub, house.engine, house.settings) for house in city.houses]
    here: list[Client] = []
    for do, index, page, visitor in moves:
        client = here[index % len(here)] if here else None
        if do == "join" or client is None:
            visible = visitor is None or index % 2 == 0
            here.append(city.houses[index % 3].client(page, visitor=visitor, visible=visible))
        elif do == "wait":
            city.clock.advance(index % 3 + 0.5)
        elif do == "go on" and page not in client.session.data.connections:
            client.connect(page, visitor=visitor)
        elif do == "kick":
            for connection in list(client.session.data.connections.values()):
                client.house.hub.disconnect(connection, close=False)
        elif do in ("close", "lose"):
            here.remove(client)
            getattr(client, do)()
        for group, prefix in (("/shop/*", "/shop/"), ("/*", "/")):
            (count,) = city.counts(group)
            visitors, seeing, most = on_pages(city, prefix)
            assert (count.visitors, count.visible) == (visitors, seeing)
            assert count.visible <= count.visitors <= count.connections <= most
            reports = [made(one.report(group)) for one in asked]
            assert all(report.agrees for report in reports)
            assert come_to(reports, count, silent=0), "the number explains itself"
    for client in here:
        client.close()
    city.clock.advance(20)
    for house in city.houses:
        assert not list(house.hub.pages())
