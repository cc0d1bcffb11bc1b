"""How quickly a session joins pages, and how many pages there are."""

from __future__ import annotations

from typing import Any

import pytest

from nannin.access.budgets import Rate
from nannin.access.refusals import Refusal
from nannin.audience.roster import Count
from nannin.hub.client import client_of
from support.fakes import House

FEW = Rate(per_s=0.1, burst=2)


def refusals(house: House) -> dict[str, int]:
    return {str(reason): number for reason, number in house.hub.refusals.tally.items()}


def test_joins_have_a_budget_and_those_over_it_are_refused(caplog: pytest.LogCaptureFixture) -> None:
    house = House(max_joins=60, max_namespaces=1, max_observed=1)
    client = house.client("/")
    for _ in range(5):
        client.leave("/")
        client.connect("/")
    words = "Too many joins: one session may join 60 pages a minute"
    assert client.refusals() == 2 * [("/", {"message": words})]
    assert refusals(house) == {"joins": 2}
    assert [record.getMessage() for record in caplog.records] == [
        "a session joins more than 60 pages a minute, and further ones are refused: max_joins allows no more"
    ]
    house.clock.advance(1)
    client.connect("/")
    assert len(client.refusals()) == 2
    assert house.count() == Count(1, 1, 1)


def test_all_pages_can_be_joined_and_watched_at_once_and_changed_for_others() -> None:
    house = House()
    house.engine.rate = FEW
    client = house.client()
    for round_ in "ab":
        pages = [f"/{round_}{number}" for number in range(104)]
        for number, page in enumerate(pages):
            client.connect(page, observe=number >= 4)
        for page in pages:
            client.leave(page)
    assert client.refusals() == []
    assert house.hub.refusals.tally == {}


def test_joins_over_the_budget_count_as_messages_and_end_the_session() -> None:
    house = House(max_joins=1, max_namespaces=1, max_observed=0)
    house.engine.rate = FEW
    client = house.client()
    for _ in range(8):
        client.connect("/")
        client.leave("/")
    assert refusals(house) == {"joins": 1, "messages": 1}
    assert client.session.ended
    house.assert_empty()


def test_the_budget_of_joins_can_be_switched_off() -> None:
    house = House(max_joins=0)
    client = house.client("/")
    for _ in range(1_000):
        client.leave("/")
        client.connect("/")
    assert client.refusals() == []


@pytest.mark.parametrize("auth", [{}, {"observe": True}])
def test_there_are_so_many_pages_and_a_new_one_is_refused(
    auth: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    house = House(max_pages=2)
    house.client("/a", **auth)
    house.client("/b", **auth)
    late = house.client("/c", **auth)
    assert late.refusals() == [("/c", {"message": "Too many pages: there are 2 already"})]
    assert refusals(house) == {"pages": 1}
    assert "max_pages allows no more" in caplog.text
    assert house.client("/a", **auth).refusals() == []
    for session in list(house.engine.sessions.values()):
        session.close()
    house.clock.advance(60)
    assert house.client("/c", **auth).refusals() == []


def test_without_a_setting_there_are_100_000_pages_and_no_more() -> None:
    house = House()
    sitter = client_of(house.client("/0").session).connections["/0"]
    for number in range(1, 100_000):
        house.hub.roster.join(f"/{number}", sitter, None)
    late = house.client("/late")
    (refusal,) = late.refusals()
    assert refusal == ("/late", {"message": "Too many pages: there are 100000 already"})
    assert house.client("/99999").refusals() == [], "this page is there"
    assert len(house.hub.roster.pages()) == 100_000
    house.hub.roster.leave("/5", sitter, now=0, grace_s=0)
    late.connect("/later")
    assert late.refusals() == [refusal]
    late.connect("/latest")
    assert len(late.refusals()) == 2
    for session in list(house.engine.sessions.values()):
        session.close()
    house.clock.advance(60)
    assert len(house.hub.roster.pages()) == 99_998


def test_pages_are_not_limited_where_the_limit_is_off() -> None:
    house = House(max_pages=0)
    assert [house.client(f"/{number}").refusals() for number in range(20)] == 20 * [[]]


def test_a_message_with_attachments_counts_once() -> None:
    house = House()
    house.on("blob", lambda socket, one, two: None)
    client = house.client("/")
    house.engine.rate = Rate(per_s=1e-9, burst=4)
    for _ in range(4):
        client.emit("blob", b"x", b"y")
    assert house.hub.refusals.tally == {}
    client.emit("blob", b"x", b"y")
    assert house.hub.refusals.tally == {Refusal.MESSAGES: 1}
