"""Which nodes are gone: those that stand still for long enough, seen by one that did not."""

from __future__ import annotations

import pytest

from nannin.audience.leases import Leases


def look(leases: Leases, values: dict[int, list[str]], start: float = 0.0) -> list[dict[int, str]]:
    """Looks every five seconds, at one value of each node after the other."""
    rows = zip(*values.values(), strict=True)
    return [
        leases.look(dict(zip(values, row, strict=True)), start + 5.0 * beat) for beat, row in enumerate(rows)
    ]


def test_a_node_that_stands_still_for_its_lease_is_gone() -> None:
    seen = look(Leases(15.0, 5.0), {1: ["a"] * 5, 2: list("vwxyz")})
    assert seen == [{}, {}, {}, {1: "a"}, {1: "a"}]


def test_a_node_whose_value_changes_is_not_gone() -> None:
    assert not any(look(Leases(15.0, 5.0), {1: ["a", "a", "a", "b", "b", "b"]}))


def test_a_node_that_is_removed_is_not_looked_at_any_more() -> None:
    leases = Leases(15.0, 5.0)
    assert look(leases, {1: ["a"] * 4, 2: list("wxyz")})[-1] == {1: "a"}
    assert leases.look({2: "z"}, 20.0) == {}


def test_the_only_other_node_is_gone_after_one_lease() -> None:
    assert look(Leases(15.0, 5.0), {1: ["a"] * 4})[-1] == {1: "a"}


def test_where_most_nodes_seem_to_be_gone_they_have_twice_the_time() -> None:
    seen = look(Leases(15.0, 5.0), {1: ["a"] * 8, 2: ["b"] * 8})
    assert [bool(gone) for gone in seen] == [False] * 6 + [True] * 2
    assert seen[-1] == {1: "a", 2: "b"}


@pytest.mark.parametrize("jump_s", [60.0, -60.0])
def test_one_that_was_stopped_or_whose_clock_jumped_forgets_what_it_saw_before(
    jump_s: float,
) -> None:
    leases = Leases(15.0, 5.0)
    values = {1: ["a"] * 4, 2: list("wxyz")}
    assert look(leases, values)[-1]
    seen = look(leases, values, start=15.0 + jump_s)
    assert seen == [{}, {}, {}, {1: "a"}]


def test_two_looks_on_time_come_before_any_judgement() -> None:
    leases = Leases(0.0, 5.0)
    assert look(leases, {1: ["a"] * 3, 2: ["b"] * 3}) == [{}, {}, {1: "a", 2: "b"}]


def test_a_node_that_is_buried_is_gone_at_once() -> None:
    leases = Leases(15.0, 5.0)
    leases.bury(["dead", "unknown"])
    nodes = {1: "dead:7:3", 2: "deadly:7:3"}
    assert leases.look(nodes, 0.0) == {1: "dead:7:3"}
    assert leases.look({**nodes, 1: "dead:-"}, 5.0) == {1: "dead:-"}
    assert leases.look({2: "deadly:7:3"}, 10.0) == {}


def test_a_node_that_is_buried_early_is_gone_as_soon_as_it_is_seen_and_forgotten_then() -> None:
    leases = Leases(15.0, 5.0)
    leases.bury(["dead"])
    assert leases.look({}, 0.0) == {}
    assert leases.look({1: "dead:7:3"}, 5.0) == {}
