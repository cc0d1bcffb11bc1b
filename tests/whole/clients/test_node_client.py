"""The official clients of Node.js, unchanged, against a real server."""

from __future__ import annotations

from typing import Any

import pytest

from support.servers import Server, nannin
from whole.clients.conftest import APP, SETTINGS, NodeClient

TRANSPORTS = {
    "websocket": ["websocket"],
    "polling": ["polling"],
    "upgrade": ["polling", "websocket"],
}
each_transport = pytest.mark.parametrize("transports", TRANSPORTS.values(), ids=TRANSPORTS)


def settle(client: NodeClient, transports: list[str]) -> None:
    """Returns once the client is connected and, where it upgrades, has upgraded; in whichever order."""
    awaited = {"connect", "upgrade"} if len(transports) == 2 else {"connect"}
    while awaited:
        awaited.discard(client.next()["what"])


@pytest.fixture(params=list(TRANSPORTS))
def connected(request: pytest.FixtureRequest, client: NodeClient, client_server: Server) -> NodeClient:
    """A client on the main page, over each transport."""
    client.open(client_server.url, transports=TRANSPORTS[request.param])
    settle(client, TRANSPORTS[request.param])
    return client


@each_transport
def test_connects_over_the_transport_it_asked_for(
    client: NodeClient, client_server: Server, transports: list[str]
) -> None:
    client.open(client_server.url, transports=transports)
    assert client.wait("open")["transport"] == transports[0]
    if len(transports) == 2:
        assert client.wait("upgrade")["transport"] == "websocket"


@each_transport
@pytest.mark.parametrize("page", ["", "/custom"])
def test_its_auth_reaches_the_handler(
    client: NodeClient, client_server: Server, transports: list[str], page: str
) -> None:
    client.open(client_server.url + page, transports=transports, auth={"token": "123", "deep": {"a": [1]}})
    client.wait_event("auth", {"token": "123", "deep": {"a": [1]}})


@each_transport
def test_two_pages_share_one_link(client: NodeClient, client_server: Server, transports: list[str]) -> None:
    client.open(client_server.url, transports=transports)
    client.open(client_server.url + "/custom", "b", transports=transports)
    ids = {client.wait("connect")["id"], client.wait("connect", "b")["id"]}
    assert len(ids) == 2
    client.tell("emit", event="message", args=["main"])
    client.tell("emit", "b", event="message", args=["custom"])
    client.wait_event("message-back", "main")
    client.wait_event("message-back", "custom", name="b")


@each_transport
@pytest.mark.parametrize(
    ("page", "message", "data"),
    [("/unknown", "Invalid namespace", None), ("/refusing", "Not authorized", {"ask": "the doorkeeper"})],
)
def test_a_refusal_is_a_connect_error(
    client: NodeClient, client_server: Server, transports: list[str], page: str, message: str, data: Any
) -> None:
    client.open(client_server.url + page, transports=transports)
    error = client.wait("connect_error")
    assert (error["message"], error.get("data")) == (message, data)


def test_events_carry_every_kind_of_value(connected: NodeClient) -> None:
    args = [1, 1.5, "何人 €", None, True, {"3": [True, {}]}, [], "\x1e", "x" * 20_000]
    connected.tell("emit", event="message", args=args)
    connected.wait_event("message-back", *args)


def test_bytes_travel_both_ways(connected: NodeClient) -> None:
    args = [b"\x01\x02\x03", b"", bytes(range(256)) * 100]
    connected.tell("emit", event="message", args=args)
    connected.wait_event("message-back", *args)


@pytest.mark.parametrize("args", [[], [1, "2", {"3": [False]}], [b"\x01\x02", "x", b"\x03"]])
def test_the_server_acknowledges(connected: NodeClient, args: list[Any]) -> None:
    assert connected.call("message-with-ack", *args) == args


@pytest.mark.parametrize(("answer", "said"), [([], None), (["yes"], "yes"), ([b"\x07"], b"\x07")])
def test_the_client_acknowledges(connected: NodeClient, answer: list[Any], said: Any) -> None:
    connected.tell("answer", event="question", args=answer)
    connected.tell("emit", event="ask-me", args=["who?"])
    connected.wait_event("question", "who?")
    connected.wait_event("you-said", said)


def test_volatile_emits_arrive_while_connected(connected: NodeClient) -> None:
    # The client itself drops a volatile emit while its transport is busy, so it is repeated.
    for number in range(15):
        connected.tell("emit", event="message", args=[number], volatile=True)
        assert connected.call("message-with-ack", number) == [number]
    connected.tell("emit", event="message", args=["end"])
    arrived = 0
    while connected.next_event("message-back") != ["end"]:
        arrived += 1
    assert arrived > 0


def test_a_hundred_emits_in_one_burst_keep_their_order(connected: NodeClient) -> None:
    connected.tell("burst", event="message", args=[[number, "x" * 50] for number in range(100)])
    for number in range(100):
        connected.wait_event("message-back", number, "x" * 50)


def test_a_burst_with_bytes_keeps_its_order(connected: NodeClient) -> None:
    connected.tell("burst", event="message", args=[[bytes([n]), n] if n % 2 else [n] for n in range(40)])
    for n in range(40):
        connected.wait_event("message-back", *([bytes([n]), n] if n % 2 else [n]))


@pytest.mark.parametrize("client_process", ["client_4.mjs"], indirect=True)
def test_a_burst_over_the_limit_is_split_by_the_client(connected: NodeClient) -> None:
    connected.tell("burst", event="message", args=[["x" * 300_000, number] for number in range(5)])
    for number in range(5):
        connected.wait_event("message-back", "x" * 300_000, number)


def test_the_three_targets(client: NodeClient, client_server: Server) -> None:
    for name, transports in [("a", ["websocket"]), ("b", ["polling"]), ("c", ["websocket"])]:
        client.open(client_server.url, name, transports=transports, forceNew=True)
        client.wait("connect", name)
    client.tell("emit", event="tell-others", args=["everyone but me"])
    client.tell("emit", event="tell-page", args=["everyone"])
    for name, told in [("a", ["everyone"]), ("b", ["everyone but me", "everyone"])]:
        assert [client.next_event("told", name) for _ in told] == [[what] for what in told]


@pytest.mark.parametrize("number", [0, 7])
def test_a_forged_placeholder_hurts_nobody(client: NodeClient, client_server: Server, number: int) -> None:
    for name in "abc":
        client.open(client_server.url, name, forceNew=True)
        client.wait("connect", name)
    client.tell("emit", event="tell-page-with-bytes", args=[{"_placeholder": True, "num": number}, "text"])
    for name in "abc":
        client.wait_event("told", {"num": number}, "text", b"of the server", name=name)
    client.tell("emit", event="tell-page", args=["all are here"])
    for name in "abc":
        client.wait_event("told", "all are here", name=name)


def test_a_forged_placeholder_beside_bytes_ends_its_sender_alone(
    client: NodeClient, client_server: Server
) -> None:
    for name in "abc":
        client.open(client_server.url, name, forceNew=True, reconnection=False)
        client.wait("connect", name)
    client.tell("emit", event="tell-page", args=[{"_placeholder": True, "num": 7}, b"my own"])
    client.wait("disconnect", "a")
    client.tell("emit", "b", event="tell-page", args=["two are here"])
    for name in "bc":
        client.wait_event("told", "two are here", name=name)


# The end of a connection


@each_transport
def test_a_page_that_is_mounted_twice_in_one_tick_is_connected_and_counted_once(
    client: NodeClient, count_server: Server, transports: list[str], request: pytest.FixtureRequest
) -> None:
    page = f"{count_server.url}/mounted/{request.node.callspec.id}"
    client.open(page, "watcher", forceNew=True)
    client.wait_event("user connected", 1, name="watcher")
    client.open(count_server.url, "other page", transports=transports)
    client.wait("connect", "other page")
    client.tell("mountTwice", url=page, options={"transports": transports})
    client.wait("connect")
    client.wait_event("user connected", 2)
    client.open(page, "third", forceNew=True)
    client.wait_event("user connected", 3, name="third")
    assert client.call("nannin:visible", True) == []
    client.tell("disconnect")
    client.wait_event("user disconnected", 2, name="third")
    assert client.call("nannin:visible", True, name="other page") == []


def test_the_client_leaves_and_comes_back(connected: NodeClient) -> None:
    connected.tell("disconnect")
    assert connected.wait("disconnect")["reason"] == "io client disconnect"
    connected.tell("connect")
    connected.wait("connect")
    assert connected.call("message-with-ack", "back") == ["back"]


def test_the_server_takes_the_client_off_the_page(connected: NodeClient) -> None:
    connected.tell("emit", event="leave-me", args=[])
    assert connected.wait("disconnect")["reason"] == "io server disconnect"
    connected.tell("connect")
    connected.wait("connect")


def test_leaving_one_page_keeps_the_other(client: NodeClient, client_server: Server) -> None:
    client.open(client_server.url)
    client.open(client_server.url + "/custom", "b")
    client.wait("connect", "b")
    client.tell("disconnect", "b")
    client.wait("disconnect", "b")
    assert client.call("message-with-ack", "still here") == ["still here"]


def test_the_server_ends_the_session(connected: NodeClient) -> None:
    connected.tell("emit", event="end-me", args=[])
    assert connected.wait("disconnect")["reason"] in ("io server disconnect", "transport close")


@each_transport
def test_it_reconnects_after_the_server_restarts(client: NodeClient, transports: list[str]) -> None:
    with nannin(*APP, *SETTINGS) as server:
        client.open(server.url, transports=transports)
        settle(client, transports)
        server.stop()
        # A client that asks for its next poll a moment after the server has ended finds nobody there.
        reasons = ["transport close"] if "websocket" in transports else ["transport close", "transport error"]
        assert client.wait("disconnect")["reason"] in reasons
        server.start()
        client.wait("connect")
        assert client.call("message-with-ack", "again") == ["again"]


# The count


@each_transport
def test_an_unchanged_page_is_told_its_count(
    client: NodeClient, count_server: Server, transports: list[str], request: pytest.FixtureRequest
) -> None:
    page = f"{count_server.url}/count/{request.node.callspec.id}"
    client.open(page, "a", transports=transports)
    client.wait_event("user connected", 1)
    client.open(page, "b", transports=transports, forceNew=True)
    client.wait_event("user connected", 2)
    client.tell("disconnect", "b")
    client.wait_event("user disconnected", 1)
