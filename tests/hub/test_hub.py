"""The Socket.IO hub: how a session joins pages, what its packets mean, and how it leaves."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from nannin import ConnectionRefused, Socket
from nannin.access.refusals import Refusal
from nannin.audience.roster import Count, Roster
from nannin.hub.connection import Connection
from nannin.hub.joining import ANSWER_UNDER_WAY_S
from nannin.wire.outgoing import Outgoing
from nannin.wire.socket_packet import Packet, PacketType
from support.fakes import Client, House

CONNECT, DISCONNECT, EVENT = PacketType.CONNECT, PacketType.DISCONNECT, PacketType.EVENT
CONNECT_ERROR = PacketType.CONNECT_ERROR


def refuse(_: Socket) -> None:
    """A connect handler that turns everyone away."""
    raise ConnectionRefused("no")


def end(client: Client) -> None:
    """The client's session is over."""
    client.house.clock.settle()
    assert client.session.ended


# CONNECT


def test_a_connect_is_answered_with_the_sockets_id() -> None:
    client = House().client("/")
    assert client.packets[0] == Packet(CONNECT, "/", {"sid": "socket-1"})


def test_each_connection_has_an_id_of_its_own_that_is_not_its_sessions() -> None:
    client = House().client("/")
    client.connect("/news")
    ids = [packet.data["sid"] for packet in client.packets if packet.type is CONNECT]
    assert len({*ids, client.session.sid}) == 3


def test_a_custom_namespace_is_answered_in_its_name() -> None:
    client = House().client("/custom")
    assert client.packets[0].namespace == "/custom"


@pytest.mark.parametrize("key", ["/x\x00", "/" + "x" * 255, "/é" + "x" * 254])
def test_what_can_be_no_page_is_an_invalid_namespace(key: str) -> None:
    client = House().client(key)
    assert client.refusals() == [(key, {"message": "Invalid namespace"})]


def test_once_pages_are_named_another_is_an_invalid_namespace() -> None:
    house = House()
    house.hub.handlers.declare("/news")
    client = house.client()
    for key in ("/nows", "/news", "/"):
        client.connect(key)
    assert client.refusals() == [("/nows", {"message": "Invalid namespace"})]
    assert (house.count("/news"), house.count("/")) == (Count(1, 1, 1), Count(1, 1, 1))


def test_a_refusal_hurts_none_of_the_sessions_other_pages() -> None:
    client = House().client("/")
    client.connect("/" + "x" * 255)
    assert not client.session.ended
    assert client.house.count() == Count(1, 1, 1)


def test_a_session_may_be_on_so_many_pages() -> None:
    client = House(max_namespaces=2).client()
    for key in ("/a", "/b", "/c"):
        client.connect(key)
    message = "Too many namespaces: one session may be on 2"
    assert client.refusals() == [("/c", {"message": message})]


def test_after_leaving_one_it_may_join_another() -> None:
    client = House(max_namespaces=1).client("/a")
    client.leave("/a")
    client.connect("/b")
    assert not client.refusals()


def test_a_second_connect_to_the_same_page_is_refused_and_the_first_stays() -> None:
    client = House().client("/")
    client.house.clock.advance(ANSWER_UNDER_WAY_S)
    client.connect("/")
    assert client.refusals() == [("/", {"message": "Already connected"})]
    assert client.house.count() == Count(1, 1, 1)


@pytest.mark.parametrize("visitor", ["", "x" * 65, "é" * 33, 5, True, [], {}])
def test_a_visitor_that_is_no_text_of_1_to_64_bytes_is_refused(visitor: Any) -> None:
    client = House().client("/", visitor=visitor)
    assert client.refusals() == [("/", {"message": "Invalid visitor: expected a string of 1 to 64 bytes"})]
    assert client.house.count() == Count()


@pytest.mark.parametrize("visitor", ["x", "x" * 64, "é" * 32, None])
def test_a_visitor_may_have_up_to_64_bytes_or_be_left_out(visitor: str | None) -> None:
    assert House().client("/", visitor=visitor).house.count() == Count(1, 1, 1)


@pytest.mark.parametrize("updates", ["", "Classic", "all", 1, True, [], {}])
def test_an_unknown_format_of_updates_is_refused(updates: Any) -> None:
    client = House().client("/", updates=updates)
    assert client.refusals() == [("/", {"message": 'Invalid updates: "classic", "audience" or "none"'})]


def test_unknown_keys_of_the_payload_are_left_to_the_handlers() -> None:
    house, seen = House(), []
    house.on("connect", lambda socket: seen.append(socket.auth))
    house.client("/", token="abc", more=[1, {"x": None}])
    house.client("/")
    assert seen == [{"token": "abc", "more": [1, {"x": None}]}, {}]


@pytest.mark.parametrize("text", ["0[]", '0"a"', "0/x,[1]"])
def test_a_payload_that_is_no_object_ends_the_session(text: str) -> None:
    client = House().client()
    client.send("4" + text)
    end(client)


@pytest.mark.parametrize("polling", [False, True])
def test_a_session_that_joins_no_page_in_time_is_ended(polling: bool) -> None:
    house = House(connect_timeout=10)
    client = house.client(polling=polling)
    house.clock.advance(9.9)
    assert not client.session.ended
    house.clock.advance(0.1)
    end(client)
    house.assert_empty()


def test_one_that_was_only_refused_has_joined_none() -> None:
    house = House(connect_timeout=10)
    house.on("connect", refuse)
    client = house.client("/")
    house.clock.advance(10)
    end(client)


def test_one_that_joined_has_all_the_time() -> None:
    client = House(connect_timeout=10).client("/")
    client.house.clock.advance(1_000)
    assert not client.session.ended


# Packets


@pytest.mark.parametrize("text", ["", "abc", "9", '2["a"]', '2"a"', "2[]", '2["connect"]', "450-", "2NaN"])
def test_a_packet_that_is_malformed_or_for_no_page_ends_the_session_and_no_other(text: str) -> None:
    house = House()
    other, client = house.client("/"), house.client("/x")
    client.send("4" + text)
    end(client)
    assert not other.session.ended
    assert house.count() == Count(1, 1, 1)


def test_events_for_a_page_that_was_left_are_ignored() -> None:
    house, heard = House(), []
    house.on("say", lambda socket, *args: heard.append(args))
    client = house.client("/")
    client.leave()
    client.emit("say", 1)
    client.ack(0)
    client.leave()
    client.connect("/")
    client.emit("say", 2)
    assert heard == [(2,)]
    assert not client.session.ended


def test_events_for_a_page_that_was_never_joined_end_the_session() -> None:
    client = House().client("/")
    client.emit("say", page="/other")
    end(client)


def test_events_that_a_handler_does_not_wait_for_are_ignored(caplog: pytest.LogCaptureFixture) -> None:
    client = House().client("/")
    client.emit("say", 1, number=5)
    client.emit("17")
    assert client.acks() == []
    assert not client.session.ended
    assert not caplog.records


def test_an_event_whose_name_is_a_number_finds_its_handler() -> None:
    house, heard = House(), []
    house.on("17", lambda socket, *args: heard.append(args))
    client = house.client("/")
    client.send('42[17,"a"]')
    assert heard == [("a",)]


@pytest.mark.parametrize("text", ["2", "3[]", "31", "2" + "9" * 17 + '["a"]'])
def test_a_packet_that_makes_no_sense_and_does_no_harm_is_ignored(text: str) -> None:
    client = House().client("/")
    client.send("4" + text)
    client.house.clock.settle()
    assert not client.session.ended


def test_what_is_ignored_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)  # what Python shows where nobody has configured any logging
    house = House()
    for _ in range(2):
        client = house.client("/")
        client.send('42["say",' + "[" * 5_000 + "]" * 5_000 + "]")
        assert not client.session.ended
    words = "a client sent a packet that is ignored: expected data that nests less deeply; this is told once"
    assert [record.getMessage() for record in caplog.records] == [words]


@pytest.mark.parametrize(
    ("sent", "heard", "answered"),
    [
        ("1e400", math.inf, None),  # JSON.stringify writes null, too
        ("-1e400", -math.inf, None),
        ("9" * 400, int("9" * 400), int("9" * 400)),
        ("9" * 10_000, math.inf, None),
        (r'"\ud83d"', "\ufffd", "\ufffd"),
    ],
    ids=lambda value: repr(value)[:12] if isinstance(value, str) else "",
)
def test_a_value_at_the_limit_of_json_reaches_the_handler_and_comes_back(
    sent: str, heard: Any, answered: Any
) -> None:
    house, got = House(), list[Any]()

    def say(socket: Socket, value: Any) -> Any:
        got.append(value)
        socket.emit("said", value)
        return value

    house.on("say", say)
    client = house.client("/", recover=True)
    client.send(f'427["say",{sent}]')
    house.clock.settle()
    assert got == [heard]
    assert client.acks() == [(7, [answered])]
    assert client.events()[-1][:2] == ["said", answered]
    assert not client.session.ended


@pytest.mark.parametrize("sent", ["1e400", "9" * 10_000])
def test_an_infinite_number_is_refused_where_an_integer_is_asked_for(sent: str) -> None:
    def age(socket: Socket, years: int) -> None:
        raise AssertionError

    house = House()
    house.on("age", age)
    client = house.client("/")
    client.send(f'427["age",{sent}]')
    assert client.acks() == [(7, [{"error": "argument 1: Expected `int`, got `float`"}])]


def test_without_event_handlers_an_event_with_attachments_is_ignored() -> None:
    client = House().client("/")
    client.send('451-["a",{"_placeholder":true,"num":0}]', b"\x01")
    client.emit("b")
    client.house.clock.settle()
    assert not client.session.ended


def test_attachments_are_taken_up_to_the_limit() -> None:
    house = House(max_attachments=2)
    house.on("say", lambda socket, *args: args)
    client, greedy = house.client("/"), house.client("/")
    client.emit("say", b"1", b"2", number=0)
    assert client.acks() == [(0, [b"1", b"2"])]
    greedy.send('453-["say"]')
    end(greedy)


# Leaving


def test_the_disconnect_handler_is_told_once_why() -> None:
    house, gone = House(), []
    house.on("disconnect", lambda socket, reason: gone.append((socket.connected, reason)))
    client = house.client("/")
    client.leave()
    client.leave()
    client.close()
    assert gone == [(False, "client namespace disconnect")]


WAYS: dict[str, tuple[bool, Callable[[Client], object]]] = {
    "client namespace disconnect": (False, lambda client: client.leave()),
    "server namespace disconnect": (False, lambda client: client.emit("go")),
    "transport close": (False, lambda client: client.lose(clean=True)),
    "transport error": (False, lambda client: client.lose()),
    "ping timeout": (False, lambda client: client.house.clock.advance(45)),
    "parse error": (False, lambda client: client.send("4junk")),
    "forced close": (False, lambda client: client.session.close()),
    "server shutting down": (False, lambda client: client.engine.shut_down()),
}


@pytest.mark.parametrize("reason", WAYS)
def test_every_way_of_ending_has_its_reason(reason: str) -> None:
    house, gone = House(), []
    house.on("disconnect", lambda _, reason: gone.append((reason, house.count())))
    house.on("go", lambda socket: socket.disconnect())
    polling, leave_it = WAYS[reason]
    client = house.client("/", polling=polling)
    client.silent = True
    leave_it(client)
    house.clock.settle()
    assert gone == [(reason, Count())]


def test_a_session_that_ends_leaves_all_its_pages() -> None:
    house, gone = House(), []
    for key in ("/", "/a", "/b"):
        house.on("disconnect", lambda socket, reason: gone.append((socket.page.key, reason)), key)
    client = house.client("/")
    client.connect("/a")
    client.connect("/b")
    client.lose(clean=True)
    assert gone == [(key, "transport close") for key in ("/", "/a", "/b")]
    house.assert_empty()


def test_a_disconnect_handler_that_raises_keeps_nobody_on_the_page(
    caplog: pytest.LogCaptureFixture,
) -> None:
    house = House()

    def handler(socket: Socket, reason: str) -> None:
        raise RuntimeError("this handler breaks down on purpose")

    house.on("disconnect", handler)
    client = house.client("/")
    client.connect("/other")
    client.lose()
    assert "raised" in caplog.text
    house.assert_empty()


@pytest.mark.parametrize("polling", [True, False])
def test_many_slow_clients_with_a_disconnect_handler_that_tells_the_page_all_leave(
    polling: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, gone = House(), []

    def handler(socket: Socket, reason: str) -> None:
        gone.append(reason)
        socket.page.emit("left", "x" * 1_000)

    house.on("disconnect", handler)
    clients = [house.client("/", polling=polling) for _ in range(300)]
    for client in clients:
        client.idle = True  # it does not poll, or its WebSocket is full
        if client.link is not None:
            monkeypatch.setattr(client.link, "write", partial(overflow, client))
    for text in ("answers the poll", "begins to wait"):
        house.page().emit("news", text)
        house.clock.advance(5)
    for _ in range(70):
        house.page().emit("news", "x" * 1_000)
    house.clock.advance(20)
    assert gone == ["slow client"] * 300
    # One end inside the other would fill Python's stack.
    assert [record.getMessage() for record in caplog.records] == []
    house.assert_empty()


def overflow(client: Client, _: Outgoing) -> None:
    """What a direct WebSocket does when more waits in it than may."""
    if client.link is not None:
        client.session.overflow(client.link)


def test_a_burst_of_the_connect_handler_reaches_a_client_that_polls() -> None:
    house = House()

    def greet(socket: Socket) -> None:
        for number in range(100):
            socket.emit("greeting", number, "x" * 1_000)

    house.on("connect", greet)
    client = house.client("/", polling=True)
    house.clock.advance(1)
    assert [event[1] for event in client.events()] == list(range(100))
    assert not client.session.ended


@pytest.mark.parametrize(
    ("packet", "why"), [("4abc", "expected a Socket.IO packet"), ('42/other,["say"]', "'/other'")]
)
def test_the_log_says_once_for_what_packet_sessions_end(
    packet: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    house = House()
    for _ in range(3):
        client = house.client("/")
        client.send(packet)
        end(client)
    (message,) = [record.getMessage() for record in caplog.records]
    assert why in message


# Counts that are not this node's alone


class Merged(Roster[Connection]):
    """The counts of a node, and of another one with ten visitors on every page."""

    def __init__(self, node: Roster[Connection]) -> None:
        super().__init__()
        self._node = node

    def count(self, page: str) -> Count:
        return Count(*(number + 10 for number in self._node.count(page)))

    def is_held(self, page: str) -> bool:
        return self._node.is_held(page)


def test_what_is_told_and_shown_may_be_the_count_of_several_nodes() -> None:
    house = House(make_counts=Merged)
    client = house.client("/")
    assert client.heard() == [11]
    assert (house.count(), house.hub.roster.count("/")) == (Count(11, 11, 11), Count(1, 1, 1))


def test_a_client_that_breaks_the_protocol_or_joins_nothing_is_tallied() -> None:
    house = House(connect_timeout=10)
    house.client("/").send("4zz")
    house.client()
    house.clock.advance(11)
    assert house.hub.refusals.tally == {Refusal.PROTOCOL: 1, Refusal.IDLE: 1}


def test_a_packet_that_only_servers_send_is_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    client = House().client("/w")
    client.send('44/w,{"message":"x"}')
    assert client.session.ended
    assert "a client sent a packet of the type CONNECT_ERROR, which only servers send" in caplog.text
    assert "had not joined" not in caplog.text
