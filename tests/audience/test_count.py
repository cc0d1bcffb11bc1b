"""A count, whether it may be old, and a node's part of it."""

from __future__ import annotations

from nannin.audience.count import Count, Given, Part, StaleCount


def test_a_count_says_its_numbers_by_their_names() -> None:
    assert Count(3, 2, 1).as_dict() == {"connections": 3, "visitors": 2, "visible": 1}
    assert not Count().stale
    assert not any(Count())


def test_a_count_that_may_be_old_says_so_and_equals_no_sure_one() -> None:
    sure, stale = Count(3, 2, 1), StaleCount(3, 2, 1)
    assert stale.as_dict() == {**sure.as_dict(), "stale": True}
    assert stale.stale
    assert stale != sure
    assert sure != stale
    assert stale == StaleCount(3, 2, 1) != StaleCount(3, 2, 2)
    assert {sure: "sure", stale: "stale"}[StaleCount(3, 2, 1)] == "stale"


def test_an_id_that_the_application_gave_is_another_than_the_same_text() -> None:
    assert len({"ann", Given("ann"), Given("ann")}) == 2


def test_a_node_that_has_nobody_has_no_part() -> None:
    assert not any(Part())
