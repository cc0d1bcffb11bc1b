"""What a node keeps back until all nodes have said again what they have."""

from __future__ import annotations

from nannin.audience.resettling import Resettling


def test_it_is_over_when_its_time_has_passed() -> None:
    resettling = Resettling(8.0)
    assert (resettling.until_s, resettling.end(100.0)) == (None, None)
    resettling.begin(100.0, [], has_others=True)
    assert (resettling.until_s, resettling.end(107.9)) == (108.0, None)
    assert (resettling.end(108.0), resettling.until_s) == ({}, None)


def test_it_is_over_at_once_where_there_are_no_others() -> None:
    resettling = Resettling(8.0)
    resettling.begin(100.0, [], has_others=False)
    assert resettling.end(100.0) == {}


def test_it_is_not_over_before_all_is_said_again() -> None:
    resettling = Resettling(8.0)
    resettling.begin(100.0, ["/", "/news"], has_others=True)
    for page in ("/", "/other"):
        resettling.said(page)
    assert resettling.end(200.0) is None
    resettling.said("/news")
    assert resettling.end(200.0) == {}


def test_a_clock_that_goes_back_delays_it_by_its_time_at_most() -> None:
    resettling = Resettling(8.0)
    resettling.begin(1_000.0, [], has_others=True)
    assert resettling.end(100.0) is None
    assert resettling.end(108.0) == {}


def test_who_has_come_or_gone_is_kept_to_its_end() -> None:
    resettling = Resettling(8.0)
    resettling.begin(100.0, [], has_others=True)
    resettling.keep("/", "ann", was_here=False)
    resettling.keep("/", "bob", was_here=True)
    resettling.keep("/", "bob", was_here=False)
    assert [resettling.has_come("/", name) for name in ("ann", "bob", "eve")] == [True, False, False]
    assert [resettling.was_here("/", name) for name in ("ann", "bob", "eve")] == [False, True, False]
    assert list(resettling.were_here()) == [("/", "bob")]
    assert (resettling.has_kept("/"), resettling.has_kept("/news")) == (True, False)
    assert resettling.end(108.0) == {"/": {"ann": False, "bob": True}}
    assert not resettling.has_come("/", "ann")
    assert not resettling.was_here("/", "bob")
    assert not resettling.has_kept("/")
