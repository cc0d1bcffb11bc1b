"""Visitors, visibility and observing, by the official clients of Node.js: only `auth` and one event."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from support.servers import Server, nannin
from whole.clients.conftest import NodeClient

PAGES = itertools.count(1)
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """nannin with graces that end after the tests."""
    with nannin("--grace", "600", "--grace-lost", "600", "--ping-interval", "60") as server:
        yield server


@pytest.fixture
def page() -> str:
    """A page that no other test uses."""
    return f"/node/{next(PAGES)}"


def open_tab(client: NodeClient, server: Server, page: str, name: str, **auth: object) -> None:
    """A socket with a link of its own, as a tab has.

    Over WebSocket alone: a client that is asked to leave amid its upgrade leaves only after it, when it may
    be back already on another link.
    """
    auth = {"updates": "audience", **auth}
    client.open(server.url + page, name, forceNew=True, transports=["websocket"], auth=auth)


def is_told(client: NodeClient, page: str, numbers: tuple[int, int, int], name: str) -> None:
    """The next update is this one."""
    told = dict(zip(("connections", "visitors", "visible"), numbers, strict=True))
    assert client.next_event("audience", name) == [{"page": page, **told}]


def test_two_tabs_a_look_away_and_a_reload_of_one_visitor(
    client: NodeClient, server: Server, page: str
) -> None:
    open_tab(client, server, page, "observer", observe=True)
    is_told(client, page, (0, 0, 0), "observer")
    open_tab(client, server, page, "a", visitor="ann")
    is_told(client, page, (1, 1, 1), "observer")
    open_tab(client, server, page, "b", visitor="ann", visible=False)
    is_told(client, page, (2, 1, 1), "observer")
    client.wait("connect", "b")
    client.tell("disconnect", "b")
    client.wait("disconnect", "b")
    client.tell("connect", "b")
    client.wait("connect", "b")
    client.tell("emit", "a", event="nannin:visible", args=[False])
    is_told(client, page, (2, 1, 0), "observer")


def test_a_crawler_is_told_and_not_counted(client: NodeClient, server: Server, page: str) -> None:
    client.open(server.url + page, "bot", forceNew=True, extraHeaders={"User-Agent": GOOGLEBOT})
    client.wait_event("user connected", 0, name="bot")
    open_tab(client, server, page, "a", visitor="ann")
    is_told(client, page, (1, 1, 1), "a")


def test_a_wrong_visitor_is_a_connect_error(client: NodeClient, server: Server, page: str) -> None:
    open_tab(client, server, page, "a", visitor="")
    assert (
        client.wait("connect_error", "a")["message"] == "Invalid visitor: expected a string of 1 to 64 bytes"
    )


def test_visible_is_acknowledged(client: NodeClient, server: Server, page: str) -> None:
    open_tab(client, server, page, "a", visitor="ann")
    client.wait("connect", "a")
    assert client.call("nannin:visible", True) == []
    client.tell("call", "a", event="nannin:visible", args=["yes"])
    answer = client.wait("ack", "a", event="nannin:visible")["args"]
    assert answer == [{"error": "nannin:visible takes one argument, true or false"}]
