"""Groups of pages in the hub: who joins a group's key observes it, and hears one number for all its pages."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from nannin import Socket
from nannin.access.admission import Verdict
from nannin.audience.roster import Count
from nannin.hub.observatory import Observatory
from nannin.wire.socket_packet import PacketType
from support.fakes import Client, House, made


def told(client: Client, group: str = "/shop/*") -> list[Count]:
    """The counts of a group that a client was told."""
    events = [data[1] for data in client.events(group) if data[0] == "audience"]
    return [Count(event["connections"], event["visitors"], event["visible"]) for event in events]


def observe(house: House, group: str = "/shop/*", **auth: Any) -> Client:
    return house.client(group, updates="audience", **auth)


def test_who_joins_the_key_of_a_group_observes_it_and_is_told_of_each_change() -> None:
    house = House(groups="/shop/*,/*", grace=2)
    watching = observe(house)
    ann = house.client("/shop/a", visitor="ann")
    house.clock.advance(1)
    ann.connect("/shop/b", visitor="ann")
    house.clock.advance(1)
    bob = house.client("/shop/c", visitor="bob", visible=False)
    house.clock.advance(1)
    bob.emit("nannin:visible", True, page="/shop/c")
    house.clock.advance(1)
    house.client("/news", visitor="cat")
    house.clock.advance(1)
    bob.close()
    house.clock.advance(3)
    assert told(watching) == [
        Count(),
        Count(1, 1, 1),
        Count(2, 1, 1),
        Count(3, 2, 1),
        Count(3, 2, 2),
        Count(2, 1, 1),
    ]
    assert house.count("/*") == Count(3, 2, 2)
    assert list(house.hub.teller.observers("/shop/*"))


def test_a_move_within_grace_is_told_to_nobody_who_watches_the_group() -> None:
    house = House(groups="/shop/*", grace=2)
    ann = house.client("/shop/a", visitor="ann")
    watching = observe(house)
    for page, last in (("/shop/b", "/shop/a"), ("/shop/c", "/shop/b")):
        ann.leave(last)
        house.clock.advance(1)
        ann.connect(page, visitor="ann")
        house.clock.advance(5)
    assert told(watching) == [Count(1, 1, 1)]


def test_a_plain_client_hears_the_classic_pair_of_a_group() -> None:
    house = House(groups="/shop/*", grace=0)
    watching = house.client("/shop/*")
    ann = house.client("/shop/a", visitor="ann")
    house.clock.advance(1)
    ann.close()
    house.clock.advance(1)
    assert [data for data in watching.events("/shop/*") if data[1]] == [["user connected", 1]]
    assert watching.heard("/shop/*") == [0, 1, 0]


def test_a_group_has_no_handlers_whatever_a_pattern_of_pages_is_called() -> None:
    house, called = House(groups="/shop/*", grace=0), list[str]()
    house.on("connect", lambda socket: called.append(socket.page.key), "/shop/*")
    house.on("exit", lambda visitor: called.append(f"exit {visitor.page.key}"), "/shop/*")
    house.on("say", lambda socket: called.append("say"), "/shop/*")
    watching = house.client("/shop/*")
    watching.emit("say", page="/shop/*")
    assert called == []
    house.client("/shop/a", visitor="ann").close()
    assert called == ["/shop/a", "exit /shop/a"]
    assert house.count("/shop/*") == Count()


def test_pages_that_are_named_and_groups_are_two_lists() -> None:
    house = House(groups="/shop/*")
    house.hub.handlers.declare("/news")
    assert house.client("/shop/*").refusals() == []
    assert house.client("/shop/a").refusals() == [("/shop/a", {"message": "Invalid namespace"})]


@pytest.mark.parametrize("key", ["/shop/*", "/*"])
def test_an_unknown_group_is_no_number(key: str, caplog: pytest.LogCaptureFixture) -> None:
    house = House(groups="/news/*")
    with caplog.at_level(logging.WARNING):
        refused = house.client(key, observe=True).refusals()
    assert refused == [(key, {"message": "Unknown group: this server has no group of pages with this key"})]
    assert "--groups" in caplog.text


def test_a_page_may_be_called_as_a_group_would_be() -> None:
    house = House()
    house.client("/what/is/*")
    assert house.client("/what/is/*", observe=True).heard("/what/is/*") == [1]


def test_a_group_and_its_pages_are_the_same_in_every_spelling() -> None:
    house = House(groups="/記事/*")
    in_letters, watching = observe(house, "/記事/*"), observe(house, "/%E8%A8%98%E4%BA%8B/*")
    house.client("/記事/一")
    house.client("/%E8%A8%98%E4%BA%8B/1")
    house.clock.advance(1)
    assert told(watching, "/%E8%A8%98%E4%BA%8B/*")[-1] == Count(2, 2, 2)
    assert told(in_letters, "/記事/*")[-1] == Count(2, 2, 2)


def test_a_group_needs_a_token_of_its_own_where_pages_need_one() -> None:
    def judge(page: str, token: str) -> Verdict:
        return Verdict.VALID if token == page else Verdict.WRONG

    house = House(groups="/shop/*", page_secret="x" * 16, judge_token=judge)
    assert house.client("/shop/*", token="/shop/a").refusals() != []
    assert house.client("/shop/*", token="/shop/*").refusals() == []
    assert house.client("/shop/a", token="/shop/*").refusals() != []


def test_groups_take_no_room_of_pages() -> None:
    house = House(groups="/shop/*,/*", max_pages=2)
    assert house.client("/*").refusals() == []
    for page in ("/shop/a", "/shop/b"):
        assert house.client(page).refusals() == []
    assert house.client("/shop/*").refusals() == []
    assert house.client("/shop/c").refusals() != []


def test_a_connect_handler_that_refuses_leaves_no_trace_in_the_group() -> None:
    house = House(groups="/shop/*")

    def refuse(_: Socket) -> bool:
        return False

    house.on("connect", refuse, "/shop/a")
    assert house.client("/shop/a").types("/shop/a") == [PacketType.CONNECT_ERROR]
    assert house.count("/shop/*") == Count()


# Whatever happens in whatever order

PAGES = ["/shop/a", "/shop/b", "/news"]
GROUPS = {"/shop/*": "/shop/", "/*": "/"}


class AnyOrder(RuleBasedStateMachine):
    """Clients of several pages at once, and their links; what a group tells is what its pages come to."""

    def __init__(self) -> None:
        super().__init__()
        self.house = House(groups=",".join(GROUPS), grace=2, grace_lost=10, max_namespaces=3)
        self.watching = {group: observe(self.house, group) for group in GROUPS}
        self.asked = Observatory(self.house.hub, self.house.engine, self.house.settings)
        self.clients: list[Client] = []

    @rule(visitor=st.sampled_from([None, "ann", "bob"]), page=st.sampled_from(PAGES), visible=st.booleans())
    def come(self, visitor: str | None, page: str, visible: bool) -> None:
        self.clients.append(self.house.client(page, visitor=visitor, visible=visible))

    @precondition(lambda self: self.clients)
    @rule(data=st.data(), page=st.sampled_from(PAGES), visitor=st.sampled_from([None, "ann", "bob"]))
    def go_on(self, data: st.DataObject, page: str, visitor: str | None) -> None:
        """A client joins one page more, or leaves the one that it is on."""
        client = data.draw(st.sampled_from(self.clients))
        if page in client.session.data.connections:
            client.leave(page)
        else:
            client.connect(page, visitor=visitor)

    @precondition(lambda self: self.clients)
    @rule(data=st.data(), how=st.sampled_from(["close", "lose", "kick"]))
    def go(self, data: st.DataObject, how: str) -> None:
        client = self.clients.pop(data.draw(st.integers(0, len(self.clients) - 1)))
        if how == "kick":
            for connection in list(client.session.data.connections.values()):
                self.house.hub.disconnect(connection, close=False)
            client.close()
        else:
            getattr(client, how)()

    @precondition(lambda self: self.clients)
    @rule(data=st.data(), page=st.sampled_from(PAGES), visible=st.booleans())
    def look(self, data: st.DataObject, page: str, visible: bool) -> None:
        client = data.draw(st.sampled_from(self.clients))
        if page in client.session.data.connections:
            client.emit("nannin:visible", visible, page=page)

    @rule(seconds=st.sampled_from([0.5, 2.0, 11.0]))
    def pass_time(self, seconds: float) -> None:
        self.house.clock.advance(seconds)

    @invariant()
    def a_group_has_the_different_visitors_of_its_pages(self) -> None:
        roster = self.house.hub.roster
        for group, prefix in GROUPS.items():
            pages = [page for page in PAGES if page.startswith(prefix)]
            named = {visitor for page in pages for visitor in roster.visitors(page)}
            live = [one for page in pages for one in roster.connections(page).items()]
            count = self.house.count(group)
            assert count.visitors == len(named) + sum(visitor is None for _, visitor in live)
            assert count.visible <= count.visitors <= count.connections
            assert made(self.asked.report(group)).agrees
            for page in pages:
                of_page = self.house.count(page)
                assert (of_page.visitors, of_page.visible) <= (count.visitors, count.visible)

    def teardown(self) -> None:
        self.house.clock.advance(2)
        for group, watching in self.watching.items():
            assert told(watching, group)[-1] == self.house.count(group)
            watching.close()
        for client in self.clients:
            client.close()
        self.house.clock.advance(60)
        self.house.assert_empty()


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(deadline=None, max_examples=40, stateful_step_count=30, database=None)
