"""`nannin:visible`: a client says whether its tab is in view."""

from __future__ import annotations

from typing import Any

import pytest

from nannin.audience.roster import Count
from support.fakes import House

ERROR = {"error": "nannin:visible takes one argument, true or false"}


def test_a_client_that_says_nothing_is_visible() -> None:
    assert House().client("/").house.count() == Count(1, 1, 1)


def test_a_client_may_join_out_of_view() -> None:
    assert House().client("/", visible=False).house.count() == Count(1, 1, 0)


@pytest.mark.parametrize("visitor", [None, "ann"])
def test_a_client_says_when_it_goes_out_of_view_and_comes_back(visitor: str | None) -> None:
    house = House()
    client = house.client("/", visitor=visitor)
    client.emit("nannin:visible", False)
    assert house.count() == Count(1, 1, 0)
    client.emit("nannin:visible", True)
    assert house.count() == Count(1, 1, 1)


def test_it_needs_no_ack_and_gets_one_where_it_asks() -> None:
    client = House().client("/")
    client.emit("nannin:visible", False)
    client.emit("nannin:visible", False, number=1)
    assert client.acks() == [(1, [])]


@pytest.mark.parametrize(
    "args", [(), (0,), (1,), ("true",), (None,), ([],), ({"visible": True},), (False, False), (b"\x00",)]
)
@pytest.mark.parametrize("number", [None, 7])
def test_anything_but_true_or_false_is_an_error_that_changes_nothing(
    args: tuple[Any, ...], number: int | None
) -> None:
    house = House()
    house.on("say", lambda socket: None, "/other")  # so that attachments are taken
    client = house.client("/")
    client.emit("nannin:visible", *args, number=number)
    assert client.acks() == ([] if number is None else [(7, [ERROR])])
    assert house.count() == Count(1, 1, 1)
    assert not client.session.ended


def test_each_page_of_a_session_has_a_view_of_its_own() -> None:
    house = House()
    client = house.client("/a")
    client.connect("/b")
    client.emit("nannin:visible", False, page="/a")
    assert (house.count("/a"), house.count("/b")) == (Count(1, 1, 0), Count(1, 1, 1))


def test_the_view_of_an_observer_counts_nowhere() -> None:
    house = House()
    observer = house.client("/", observe=True)
    observer.emit("nannin:visible", False, number=0)
    observer.emit("nannin:visible", 5, number=1)
    assert (observer.acks(), house.count()) == ([(0, []), (1, [ERROR])], Count())


def test_the_event_reaches_no_handler_of_the_application() -> None:
    house, heard = House(), []
    house.on("nannin:visible", lambda socket, visible: heard.append(visible))
    client = house.client("/")
    client.emit("nannin:visible", False)
    assert (heard, house.count()) == ([], Count(1, 1, 0))


def test_a_view_behind_a_leave_is_ignored() -> None:
    house = House()
    client = house.client("/", visitor="ann")
    client.leave()
    client.emit("nannin:visible", False)
    assert not client.session.ended
    assert house.count() == Count(1, 1, 1)


def test_a_view_before_connect_ends_the_session() -> None:
    house = House()
    client = house.client()
    client.emit("nannin:visible", False)
    house.clock.settle()
    assert client.session.ended
    house.assert_empty()
