"""Socket.IO v5 from outside: what the protocol's sentences ask of a server, over every transport.

Source: Socket.IO protocol, 5th revision.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.raw_links import Client, Link
from support.servers import Server, Way

# TLS has no part in what packets mean: the tests of Engine.IO and of clients try links over it.
pytestmark = pytest.mark.parametrize("way", [Way.DIRECT, Way.PLAIN], indirect=True, scope="session")

PAGES = ["/", "/custom"]

Connect = Callable[..., Client]


@pytest.fixture
def connect(protocol_server: Server, transport: str) -> Iterator[Connect]:
    """Makes clients of one transport that are on a page, past its `auth` event."""
    clients: list[Client] = []

    def connect_to(page: str = "/", auth: dict[str, Any] | None = None) -> Client:
        client = Client(protocol_server, transport, page, auth)
        clients.append(client)
        assert client.receive_event() == ["auth", auth or {}]
        return client

    yield connect_to
    for client in clients:
        client.close()


@pytest.fixture
def link(protocol_server: Server, transport: str) -> Iterator[Link]:
    """A session that has joined no page yet."""
    with Link(protocol_server, transport) as link:
        yield link


# CONNECT


@pytest.mark.parametrize(
    ("sent", "head", "auth"),
    [
        ("40", "40", '42["auth",{}]'),
        ("40/,", "40", '42["auth",{}]'),
        ("40{}", "40", '42["auth",{}]'),
        ('40{"token":"123"}', "40", '42["auth",{"token":"123"}]'),
        ("40/custom,", "40/custom,", '42/custom,["auth",{}]'),
        ("40/custom", "40/custom,", '42/custom,["auth",{}]'),
        ('40/custom,{"token":"abc"}', "40/custom,", '42/custom,["auth",{"token":"abc"}]'),
    ],
)
def test_connect_is_answered_before_what_its_handler_emits(
    link: Link, sent: str, head: str, auth: str
) -> None:
    link.send(sent)
    answer = link.receive()
    assert isinstance(answer, str)
    assert answer.startswith(head)
    assert set(json.loads(answer.removeprefix(head))) == {"sid"}
    assert link.receive() == auth


def test_the_socket_id_is_not_the_sessions(connect: Connect) -> None:
    client = connect()
    assert client.id != client.sid, "it is told to others, and whoever knows a sid can take the session over"


def test_two_pages_of_one_session_have_two_ids(connect: Connect) -> None:
    client = connect()
    client.send("40/custom,")
    answer = client.receive()
    assert isinstance(answer, str)
    assert json.loads(answer.removeprefix("40/custom,"))["sid"] != client.id


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        ("40/random", '44/random,{"message":"Invalid namespace"}'),
        ("40/random,", '44/random,{"message":"Invalid namespace"}'),
        ('40/random,{"token":"123"}', '44/random,{"message":"Invalid namespace"}'),
        ("40/room", '44/room,{"message":"Invalid namespace"}'),
        ("40/refusing,", '44/refusing,{"message":"Not authorized","data":{"ask":"the doorkeeper"}}'),
        ("40/refusing-later,", '44/refusing-later,{"message":"Not authorized"}'),
    ],
)
def test_a_refused_connect_gets_connect_error_and_nothing_else(link: Link, sent: str, answer: str) -> None:
    link.send(sent)
    assert link.receive() == answer
    link.send("40")
    assert str(link.receive()).startswith('40{"sid":'), "the session goes on, and may join another page"


def test_a_handler_that_breaks_at_the_door_refuses(link: Link) -> None:
    link.send("40/broken,")
    answer = link.receive()
    assert isinstance(answer, str)
    assert answer.startswith("44/broken,")
    assert "on purpose" not in answer, "what went wrong inside is nobody else's business"


def test_a_session_that_never_connects_is_closed(quick_server: Server, transport: str) -> None:
    started = time.monotonic()
    with Link(quick_server, transport) as link:
        link.wait_ended()
    assert 0.9 <= time.monotonic() - started < 5.0


def test_a_refused_session_is_closed_by_the_connect_timeout(quick_server: Server, transport: str) -> None:
    with Link(quick_server, transport) as link:
        link.send("40/random,")
        assert str(link.receive()).startswith("44/random,")
        link.wait_ended()


def test_a_connected_session_outlives_the_connect_timeout(connect: Connect) -> None:
    client, elsewhere = connect(), connect("/custom")
    assert not client.ended.wait(3.3)
    for one in (client, elsewhere):
        one.emit("message", "still here")
        assert one.receive_event() == ["message-back", "still here"]


# Events and acks


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    "args", [[], [1, "2", {"3": [True]}], [None, 1.5, "何人 €", [[]], {}], ["x" * 50_000]]
)
def test_an_event_carries_its_arguments(connect: Connect, page: str, args: list[Any]) -> None:
    client = connect(page)
    client.emit("message", *args)
    assert client.receive_event() == ["message-back", *args]


def test_an_event_is_encoded_without_spaces(connect: Connect) -> None:
    client = connect()
    client.send('42["message", 1, {"3": [true]}]')
    assert client.receive() == '42["message-back",1,{"3":[true]}]'


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("number", [0, 7, 456, 2**53 - 1])
def test_an_event_with_an_id_is_acknowledged(connect: Connect, page: str, number: int) -> None:
    client = connect(page)
    client.emit("message-with-ack", 1, "2", {"3": [False]}, ack=number)
    assert client.receive() == f'43{client.prefix}{number}[1,"2",{{"3":[false]}}]'


@pytest.mark.parametrize(
    ("event", "answer"),
    [
        (["message-with-ack"], "[]"),
        (["answer-nothing", 1], "[]"),
        (["answer-one", [1, 2]], "[[1,2]]"),
        (["answer-one", None], "[]"),
        (["answer-one", False], "[false]"),
    ],
)
def test_an_ack_carries_what_the_handler_returned(connect: Connect, event: list[Any], answer: str) -> None:
    client = connect()
    client.emit(*event, ack=12)
    assert client.receive() == f"4312{answer}"


def test_acks_and_events_of_a_burst_keep_their_order(connect: Connect) -> None:
    client = connect()
    client.send(*[f'42{number}["message-with-ack",{number}]' for number in range(15)])
    assert [client.receive() for _ in range(15)] == [f"43{number}[{number}]" for number in range(15)]


def test_an_event_without_a_handler_is_ignored(connect: Connect) -> None:
    client = connect()
    client.emit("nobody-listens", 1)
    client.emit("message", "after")
    assert client.receive_event() == ["message-back", "after"]


def test_a_handler_that_raises_answers_nothing_and_hurts_nobody(connect: Connect) -> None:
    client, other = connect(), connect()
    client.emit("break", ack=5)
    for one in (client, other):
        one.emit("message", "after")
        assert one.receive_event() == ["message-back", "after"]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(("answer", "said"), [("[]", None), ('["bar"]', "bar"), ('[{"a":1}]', {"a": 1})])
def test_the_server_calls_and_is_answered(connect: Connect, page: str, answer: str, said: Any) -> None:
    client = connect(page)
    client.emit("ask-me", "who are you?", 2)
    question = client.receive()
    assert isinstance(question, str)
    assert question.startswith(f"42{client.prefix}")
    assert question.endswith('["question","who are you?",2]')
    number = question.removeprefix(f"42{client.prefix}").removesuffix('["question","who are you?",2]')
    client.send(f"43{client.prefix}{number}{answer}")
    assert client.receive_event() == ["you-said", said]


def test_a_call_that_nobody_answers_times_out(connect: Connect) -> None:
    client = connect()
    client.emit("ask-in-vain")
    assert str(client.receive()).endswith('["question"]')
    assert client.receive_event() == ["no-answer"]


def test_an_ack_that_nobody_asked_for_is_ignored(connect: Connect) -> None:
    client = connect()
    client.send('43999["what?"]')
    client.emit("message", "after")
    assert client.receive_event() == ["message-back", "after"]


# Binary


@pytest.mark.parametrize("page", PAGES)
def test_a_binary_event_comes_back_whole(connect: Connect, page: str) -> None:
    client = connect(page)
    placeholders = '{"_placeholder":true,"num":0},{"a":[{"_placeholder":true,"num":1}]}'
    client.send(f'452-{client.prefix}["message",{placeholders}]', b"\x01\x02\x03", b"")
    assert client.receive() == f'452-{client.prefix}["message-back",{placeholders}]'
    assert [client.receive(), client.receive()] == [b"\x01\x02\x03", b""]


@pytest.mark.parametrize("page", PAGES)
def test_a_binary_event_with_an_id_gets_a_binary_ack(connect: Connect, page: str) -> None:
    client = connect(page)
    placeholders = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'
    client.send(f'452-{client.prefix}789["message-with-ack",{placeholders}]', b"\x01\x02\x03", b"\x04")
    assert client.receive() == f"462-{client.prefix}789[{placeholders}]"
    assert [client.receive(), client.receive()] == [b"\x01\x02\x03", b"\x04"]


def test_placeholders_may_come_in_any_order(connect: Connect) -> None:
    client = connect()
    client.send('452-["message",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]', b"a", b"b")
    assert str(client.receive()).startswith("452-")
    assert [client.receive(), client.receive()] == [b"b", b"a"]


def test_plain_arguments_may_be_acknowledged_with_bytes(connect: Connect) -> None:
    client = connect()
    client.emit("give-bytes", 4, ack=3)
    assert client.receive() == '461-3[{"_placeholder":true,"num":0}]'
    assert client.receive() == bytes(4)


def test_a_call_is_answered_with_bytes(connect: Connect) -> None:
    client = connect()
    client.emit("ask-me")
    number = str(client.receive()).removeprefix("42").removesuffix('["question"]')
    client.send(f'461-{number}[{{"_placeholder":true,"num":0}}]', b"\x09")
    assert client.receive() == '451-["you-said",{"_placeholder":true,"num":0}]'
    assert client.receive() == b"\x09"


# DISCONNECT


def test_disconnect_from_the_main_page_keeps_the_link(quick_server: Server, transport: str) -> None:
    with Client(quick_server, transport) as client:
        assert client.receive_event() == ["auth", {}]
        client.send("41")
        assert not client.ended.wait(0.7), "no answer is expected, and pings go on"
        assert client.pending() == []


@pytest.mark.parametrize("packet", ["41/custom", "41/custom,"])
def test_leaving_one_page_leaves_the_other_alone(connect: Connect, packet: str) -> None:
    client = connect()
    client.send("40/custom")
    assert str(client.receive()).startswith("40/custom,")
    assert client.receive() == '42/custom,["auth",{}]'
    client.send(packet, '42["message","to the main page"]')
    assert client.receive() == '42["message-back","to the main page"]'


def test_a_client_may_come_back_to_a_page(connect: Connect) -> None:
    client = connect("/custom")
    client.send("41/custom,", "40/custom,")
    answer = client.receive()
    assert isinstance(answer, str)
    assert json.loads(answer.removeprefix("40/custom,"))["sid"] != client.id
    assert client.receive() == '42/custom,["auth",{}]'


@pytest.mark.parametrize(("page", "told"), [("/", "41"), ("/custom", "41/custom,")])
def test_the_server_disconnects_a_client_from_a_page(connect: Connect, page: str, told: str) -> None:
    client = connect(page)
    client.emit("leave-me")
    assert client.receive() == told
    assert not client.ended.is_set()


@pytest.mark.parametrize("page", PAGES)
def test_the_server_ends_the_whole_session(connect: Connect, page: str) -> None:
    client = connect(page)
    client.emit("end-me")
    client.wait_ended()


# Targets


@pytest.mark.parametrize("page", PAGES)
def test_the_three_targets(connect: Connect, page: str) -> None:
    me, other = connect(page), connect(page)
    elsewhere = connect("/custom" if page == "/" else "/")
    me.emit("tell-page", "everyone")
    me.emit("tell-others", "everyone but me")
    me.emit("message", "only me")
    elsewhere.emit("message", "only me")
    assert me.receive_event() == ["told", "everyone"]
    assert me.receive_event() == ["message-back", "only me"]
    assert [other.receive_event(), other.receive_event()] == [
        ["told", "everyone"],
        ["told", "everyone but me"],
    ]
    assert elsewhere.receive_event() == ["message-back", "only me"]


def test_bytes_reach_the_whole_page(connect: Connect) -> None:
    me, other = connect(), connect()
    me.send('451-["tell-page",{"_placeholder":true,"num":0}]', b"\x07")
    for client in (me, other):
        assert client.receive() == '451-["told",{"_placeholder":true,"num":0}]'
        assert client.receive() == b"\x07"


# What a malformed packet costs: its session, and nothing else

MALFORMED = [
    "4abc",
    "4",
    "42{}",
    "42[]",
    "42[null]",
    '42abc["message-with-ack",1]',
    '42["message"',
    "431{}",
    '41{"a":1}',
    '451-["message",{"_placeholder":true,"num":0}]x',
]


@pytest.mark.parametrize(
    "packet", ["42", "43[]", "431", "43", "42" + "9" * 17 + '["message"]', '42["message","\\ud83d"]']
)
def test_a_packet_that_does_no_harm_costs_nothing(connect: Connect, packet: str) -> None:
    client = connect()
    client.try_send(packet)
    client.emit("message", "goes on")
    assert client.receive_event()[-1] in ("goes on", "\ufffd")


@pytest.mark.parametrize("packet", MALFORMED)
def test_a_malformed_packet_ends_its_session_alone(connect: Connect, packet: str) -> None:
    offender, witness = connect(), connect()
    offender.try_send(packet)
    offender.wait_ended()
    witness.emit("message", "unharmed")
    assert witness.receive_event() == ["message-back", "unharmed"]


@pytest.mark.parametrize(
    "packet", ["4abc", '42["message",1]', '431["x"]', "41", b"\x01", '42/custom,["message"]']
)
def test_whoever_does_not_connect_first_is_closed(link: Link, packet: str | bytes) -> None:
    link.try_send(packet)
    link.wait_ended(2.8)
