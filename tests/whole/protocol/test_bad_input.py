"""Bad input, layer by layer: the offender gets its error, and nobody else notices.

Each test runs beside two healthy clients, one per transport; afterwards both must still be served, and the
server must live and have logged no traceback.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import time
from collections.abc import Iterator

import pytest

from support.raw_links import Client, Link
from support.raw_wire import (
    Closed,
    Reply,
    Tcp,
    WaitingGet,
    WebSocket,
    get,
    polling,
    post,
    refused,
    request,
    target,
    websocket,
)
from support.servers import Server, Way

PATH = "/socket.io/"
MAX_PAYLOAD = 1_000_000
KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"


# What is bad below WebSocket is refused by our own HTTP class, which only `nannin serve` has.
pytestmark = pytest.mark.parametrize("way", [Way.DIRECT], indirect=True, scope="session")


@pytest.fixture(scope="module")
def witnesses(protocol_server: Server) -> Iterator[list[Client]]:
    """Two healthy clients that stay for all tests."""
    clients = [Client(protocol_server, transport) for transport in ("websocket", "polling")]
    for client in clients:
        client.wait_event("auth", {})
    yield clients
    for client in clients:
        client.close()


@pytest.fixture(autouse=True)
def _unharmed(protocol_server: Server, witnesses: list[Client]) -> Iterator[None]:
    """Checks after each test that it hurt nobody else."""
    before = protocol_server.log.count("Traceback")
    yield
    started = time.monotonic()
    for client in witnesses:
        client.emit("message", started)
        assert client.receive_event() == ["message-back", started]
    assert time.monotonic() - started < 3.0, "the others are kept waiting"
    assert protocol_server.process is not None
    assert protocol_server.process.poll() is None, "the server is gone"
    assert protocol_server.log.count("Traceback") == before, protocol_server.log[-3000:]


@pytest.fixture
def sid(protocol_server: Server) -> str:
    """A fresh polling session."""
    sid = json.loads(get(protocol_server, polling(PATH)).text[1:])["sid"]
    assert isinstance(sid, str)
    return sid


def assert_ended(server: Server, sid: str) -> None:
    """The session is gone; the first poll after its end may still be told so by a close packet."""
    reply = get(server, polling(PATH, sid))
    assert reply.status == 400 or reply.text == "1"
    assert get(server, polling(PATH, sid)).error == (400, 1, "Session ID unknown")


def upgrade_request(server: Server) -> bytes:
    head = f"GET {websocket(PATH)} HTTP/1.1\r\nHost: {server.host}:{server.port}\r\n"
    return (head + "Upgrade: websocket\r\nConnection: Upgrade\r\n" + KEY + "\r\n").encode()


def raw_post(server: Server, sid: str, *headers: str, body: bytes = b"4x") -> bytes:
    lines = [f"POST {polling(PATH, sid)} HTTP/1.1", f"Host: {server.host}:{server.port}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


# TCP


def test_silent_connections_cost_nobody_anything(protocol_server: Server) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(Tcp(protocol_server))
        assert get(protocol_server, polling(PATH)).status == 200


@pytest.mark.parametrize("how", [Tcp.reset, Tcp.half_close])
def test_a_handshake_may_break_off_at_any_byte(protocol_server: Server, how: object) -> None:
    opening = upgrade_request(protocol_server)
    assert callable(how)
    for length in range(0, len(opening) + 1, 16):
        with Tcp(protocol_server) as tcp:
            tcp.send(opening[:length])
            how(tcp)


@pytest.mark.parametrize("how", [Tcp.reset, Tcp.half_close])
@pytest.mark.parametrize("part", [b"", b"\x81", b"\x81\x85", b"\x81\x85mask4h", b"\x81\xff\x00\x00\x00\x00"])
def test_an_open_websocket_may_break_off_at_any_byte(
    protocol_server: Server, how: object, part: bytes
) -> None:
    assert callable(how)
    socket = WebSocket(protocol_server, websocket(PATH))
    socket.receive()
    socket.tcp.send(part)
    how(socket.tcp)
    socket.tcp.socket.close()


def test_a_post_may_break_off(protocol_server: Server, sid: str) -> None:
    with Tcp(protocol_server) as tcp:
        tcp.send(raw_post(protocol_server, sid, "Content-Length: 100"))
        tcp.reset()
    assert_ended(protocol_server, sid)


def test_a_request_may_come_byte_by_byte(protocol_server: Server, sid: str) -> None:
    with Tcp(protocol_server) as tcp:
        for byte in raw_post(protocol_server, sid, "Content-Length: 2", body=b"40"):
            tcp.send(bytes([byte]))
        assert tcp.status() == 200


# HTTP

SMUGGLING = {
    "length and chunks": ["Content-Length: 2", "Transfer-Encoding: chunked"],
    "two lengths": ["Content-Length: 2", "Content-Length: 3"],
    "negative length": ["Content-Length: -2"],
    "length of letters": ["Content-Length: 2a"],
    "length of 100 digits": ["Content-Length: " + "9" * 100],
    "unknown coding": ["Transfer-Encoding: chunked, nonsense"],
    "space before colon": ["Content-Length : 2"],
    "no name": [": nothing", "Content-Length: 2"],
    "control in value": ["X-Odd: a\x00b", "Content-Length: 2"],
}


@pytest.mark.parametrize("headers", SMUGGLING.values(), ids=SMUGGLING)
def test_a_doubtful_length_is_refused(protocol_server: Server, sid: str, headers: list[str]) -> None:
    with Tcp(protocol_server) as tcp:
        tcp.send(raw_post(protocol_server, sid, *headers, body=b"40"))
        assert tcp.status() in (400, 413, 501, None)


@pytest.mark.parametrize(
    "chunk", [b"zz\r\n4x\r\n", b"2;\r\n4xyz\r\n", b"-2\r\n4x\r\n", b"F" * 17 + b"\r\n4x\r\n"]
)
def test_a_bad_chunk_is_refused_and_ends_the_session(protocol_server: Server, sid: str, chunk: bytes) -> None:
    with Tcp(protocol_server) as tcp:
        tcp.send(raw_post(protocol_server, sid, "Transfer-Encoding: chunked", body=chunk + b"0\r\n\r\n"))
        assert tcp.status() in (400, None)
    assert_ended(protocol_server, sid)


def test_endless_chunks_are_cut_off_at_the_limit(protocol_server: Server, sid: str) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with Tcp(protocol_server) as tcp:
        tcp.send(raw_post(protocol_server, sid, "Transfer-Encoding: chunked", body=b""))
        sent = 0
        while sent < 50 * MAX_PAYLOAD and tcp.try_send(chunk):
            sent += len(chunk)
            if tcp.has_answer():
                break
        assert sent < 20 * MAX_PAYLOAD, "it must not be read for ever"
        assert tcp.status() in (400, 413, None)
    assert_ended(protocol_server, sid)


def test_a_body_declared_too_large_is_refused_unread(protocol_server: Server, sid: str) -> None:
    with Tcp(protocol_server) as tcp:
        tcp.send(raw_post(protocol_server, sid, f"Content-Length: {MAX_PAYLOAD + 1}", body=b""))
        assert tcp.status() == 413
    assert_ended(protocol_server, sid)


def test_a_body_at_the_limit_is_taken(protocol_server: Server, sid: str) -> None:
    assert post(protocol_server, polling(PATH, sid), "40").text == "ok"
    event = '42["message","' + "x" * 900_000 + '"]'
    assert post(protocol_server, polling(PATH, sid), event.ljust(MAX_PAYLOAD)).text == "ok"


def test_a_body_longer_than_declared_is_another_request(protocol_server: Server, sid: str) -> None:
    with Tcp(protocol_server) as tcp:
        tcp.send(
            raw_post(protocol_server, sid, "Content-Length: 2", body=b"40" + b"\x1e4x" * 100 + b"\r\n\r\n")
        )
        received = tcp.read_to_end()
    assert received.startswith((b"HTTP/1.1 200", b"HTTP/1.1 400"))
    assert b"HTTP/1.1 400" in received


def test_a_compressed_body_is_not_unpacked(protocol_server: Server, sid: str) -> None:
    bomb = gzip.compress(b"4" + b"x" * 10_000_000)
    headers = {"Content-Encoding": "gzip"}
    reply = request(protocol_server, "POST", polling(PATH, sid), bomb, headers)
    assert reply.status in (400, 415)


def test_a_thousand_headers_are_refused(protocol_server: Server) -> None:
    assert get(protocol_server, polling(PATH), {f"X-{n}": "v" for n in range(1000)}).status in (400, 431)


def test_a_header_of_a_megabyte_is_refused(protocol_server: Server) -> None:
    with Tcp(protocol_server) as tcp:
        tcp.try_send(f"GET {polling(PATH)} HTTP/1.1\r\nHost: x\r\nX-Big: ".encode() + b"v" * 1_000_000)
        tcp.try_send(b"\r\n\r\n")
        assert tcp.status() in (400, 431, None)


def test_a_64_kb_url_is_refused(protocol_server: Server) -> None:
    reply = get(protocol_server, target(PATH, EIO="4", transport="polling", junk="x" * 65_536))
    assert reply.status in (400, 414, 431)


def test_ten_thousand_pipelined_requests(protocol_server: Server) -> None:
    one = f"GET {target(PATH, EIO='4', transport='abc')} HTTP/1.1\r\nHost: {protocol_server.host}\r\n\r\n"
    with Tcp(protocol_server) as tcp:
        tcp.send_beside((one * 10_000).encode())
        received = tcp.read_count(b"HTTP/1.1 400", 10_000)
    assert received == 10_000 or tcp.ended


@pytest.mark.parametrize(
    "host", ["", "a b", "<script>", "x" * 5000, "[::1", "host:port:port", "127.0.0.1:99999999"]
)
def test_a_junk_host_hurts_nobody(protocol_server: Server, host: str) -> None:
    with Tcp(protocol_server) as tcp:
        lines = [f"GET {polling(PATH)} HTTP/1.1", f"Host: {host}", "Origin: http://evil.example"]
        tcp.send("\r\n".join([*lines, "Connection: close", "", ""]))
        assert tcp.status() in (400, 403, 431)


def test_no_host_is_refused_or_served_but_never_an_error(protocol_server: Server) -> None:
    with Tcp(protocol_server) as tcp:
        tcp.send(f"GET {polling(PATH)} HTTP/1.1\r\nOrigin: http://evil.example\r\nConnection: close\r\n\r\n")
        assert tcp.status() in (400, 403)


@pytest.mark.parametrize("name", ["EIO", "transport", "sid", "other"])
def test_line_ends_in_the_query_make_no_header(protocol_server: Server, name: str) -> None:
    injected = "x%0d%0aX-Injected:%20yes%0d%0a%0d%0a"
    query = {"EIO": "4", "transport": "polling", name: injected}
    reply = get(protocol_server, target(PATH, **query))
    assert reply.status in (200, 400)
    assert "x-injected" not in reply.headers
    assert "X-Injected" not in reply.text


# WebSocket frames: the first byte is FIN, RSV1-3 and opcode, the second MASK and length

MASK = b"\x00\x00\x00\x00"
FRAMES = {
    "unmasked": (b"\x81\x024x", {1002}),
    "reserved bit 2": (b"\xa1\x82" + MASK + b"4x", {1002}),
    "reserved bit 3": (b"\x91\x82" + MASK + b"4x", {1002}),
    "compressed, though nothing was negotiated": (b"\xc1\x82" + MASK + b"4x", {1002}),
    "reserved opcode 3": (b"\x83\x82" + MASK + b"4x", {1002}),
    "reserved control opcode 11": (b"\x8b\x80" + MASK, {1002}),
    "continuation of nothing": (b"\x80\x82" + MASK + b"4x", {1002}),
    "text inside a fragmented text": (b"\x01\x82" + MASK + b"4x" + b"\x81\x82" + MASK + b"4x", {1002}),
    "fragmented ping": (b"\x09\x80" + MASK, {1002}),
    "ping of 126 bytes": (b"\x89\xfe\x00\x7e" + MASK + bytes(126), {1002}),
    "invalid UTF-8": (b"\x81\x83" + MASK + b"4\xff\xfe", {1007}),
    "UTF-8 of a surrogate": (b"\x81\x84" + MASK + b"4\xed\xa0\x80", {1007}),
    "close of one byte": (b"\x88\x81" + MASK + b"\x03", {1002}),
    "close code 1005": (b"\x88\x82" + MASK + b"\x03\xed", {1002}),
    "a message over the limit": (b"\x81\xff" + (MAX_PAYLOAD + 1).to_bytes(8, "big") + MASK, {1009}),
    "a message of 2**63 bytes": (b"\x81\xff" + b"\xff" * 8 + MASK, {1002, 1009}),
}


@pytest.mark.parametrize(("frame", "codes"), FRAMES.values(), ids=FRAMES)
def test_a_bad_frame_closes_with_its_code(protocol_server: Server, frame: bytes, codes: set[int]) -> None:
    socket = WebSocket(protocol_server, websocket(PATH))
    socket.receive()
    socket.tcp.send(frame)
    assert socket.receive_end() in codes


def test_fragments_without_end_are_cut_off_at_the_limit(protocol_server: Server) -> None:
    socket = WebSocket(protocol_server, websocket(PATH))
    socket.receive()
    head, more = b"\x01\xfe\xff\xff" + MASK + b"x" * 65_535, b"\x00\xfe\xff\xff" + MASK + b"x" * 65_535
    socket.tcp.try_send(head)
    sent = 0
    while sent < 20 * MAX_PAYLOAD and socket.tcp.try_send(more) and not socket.tcp.has_answer():
        sent += len(more)
    assert sent < 10 * MAX_PAYLOAD
    assert socket.receive_end() in (1009, 1006)


def test_a_flood_of_pings_is_answered_or_ended(protocol_server: Server) -> None:
    socket = WebSocket(protocol_server, websocket(PATH))
    socket.receive()
    socket.tcp.send_beside((b"\x89\x84" + MASK + b"ping") * 50_000)
    with contextlib.suppress(Closed, TimeoutError, OSError):
        socket.send("40")
        assert str(socket.receive()).startswith("40")
    socket.tcp.reset()


@pytest.mark.parametrize(
    "headers",
    [
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n",
        "Upgrade: websocket\r\nConnection: Upgrade\r\n" + KEY.replace("13", "12"),
        "Upgrade: websocket\r\nConnection: Upgrade\r\n" + KEY.replace("==", "!!"),
        "Upgrade: websocket\r\n" + KEY,
        "Upgrade: h2c\r\nConnection: Upgrade\r\n" + KEY,
    ],
    ids=["no key", "version 12", "bad key", "no Connection", "another protocol"],
)
def test_a_bad_opening_handshake_is_refused(protocol_server: Server, headers: str) -> None:
    with Tcp(protocol_server) as tcp:
        tcp.send(f"GET {websocket(PATH)} HTTP/1.1\r\nHost: {protocol_server.host}\r\n{headers}\r\n")
        status = tcp.status()
        assert status is not None
        assert 400 <= status < 500


# Engine.IO


@pytest.mark.parametrize(
    "payload",
    [
        "b=",
        "bAQ=",
        "b\u20ac",
        "b AQ==",
        "bAQ==\n",
        "\u0664hello",
        "\uff14hello",
        "\u00b2",
        "-1",
        "\x00",
        "\x1e",
        "\x1e" * (MAX_PAYLOAD - 1),
        b"\xff\xfe",
        b"4\xed\xa0\x80",
        b"d=4hello",
    ],
    ids=lambda payload: repr(payload[:8]) + f" of {len(payload)}",
)
def test_a_bad_payload_ends_its_session(protocol_server: Server, sid: str, payload: str | bytes) -> None:
    started = time.monotonic()
    reply = post(protocol_server, polling(PATH, sid), payload)
    assert reply.status == 400
    assert time.monotonic() - started < 2.0
    assert_ended(protocol_server, sid)


def test_an_upgrade_that_is_never_finished_leaves_polling_alone(protocol_server: Server) -> None:
    with Client(protocol_server, "polling") as client:
        candidate = WebSocket(protocol_server, websocket(PATH, client.sid))
        candidate.send("2probe")
        assert candidate.receive() == "3probe"
        client.emit("message", "still polling")
        client.wait_event("message-back", "still polling")
        candidate.tcp.reset()
        client.emit("message", "and after that")
        client.wait_event("message-back", "and after that")


@pytest.mark.parametrize("stray", ["4hello", "2", "2prob", "abc", "", "3probe", b"2probe", b""])
def test_a_stray_packet_on_the_candidate_closes_the_candidate_alone(
    protocol_server: Server, stray: str | bytes
) -> None:
    with Client(protocol_server, "polling") as client:
        candidate = WebSocket(protocol_server, websocket(PATH, client.sid))
        candidate.send(stray)
        candidate.receive_end()
        client.emit("message", "still polling")
        client.wait_event("message-back", "still polling")


def test_an_upgrade_that_races_a_close_leaves_nothing(protocol_server: Server, sid: str) -> None:
    candidate = WebSocket(protocol_server, websocket(PATH, sid))
    candidate.send("2probe")
    assert candidate.receive() == "3probe"
    with Tcp(protocol_server) as closing:
        closing.send(raw_post(protocol_server, sid, "Content-Length: 1", body=b"1"))
        with contextlib.suppress(Closed):
            candidate.send("5")
        assert closing.status() in (200, 400)
    candidate.send_close(1000)
    candidate.receive_end()
    assert_ended(protocol_server, sid)


def test_the_session_of_another_engine_is_unknown(protocol_server: Server, echo_server: Server) -> None:
    foreign = json.loads(get(echo_server, polling("/engine.io/")).text[1:])["sid"]
    assert get(protocol_server, polling(PATH, foreign)).error == (400, 1, "Session ID unknown")
    assert refused(protocol_server, websocket(PATH, foreign)).error == (400, 1, "Session ID unknown")


def test_many_gets_at_once_end_one_session_once(protocol_server: Server, sid: str) -> None:
    polls = [WaitingGet(protocol_server, polling(PATH, sid)) for _ in range(20)]
    replies: list[Reply] = [poll.reply() for poll in polls]
    assert sorted({reply.status for reply in replies}) in ([200, 400], [400])
    assert_ended(protocol_server, sid)


# Socket.IO and JSON: `ends` is whether the session must end; else it is answered or ignored, and goes on


def nest(depth: int) -> str:
    return "[" * depth + "]" * depth


ENDS = {
    "no type": "4",
    "unknown type": "47[]",
    "type that is no ASCII digit": '4\u0662["message"]',
    "reserved event connect": '42["connect",1]',
    "reserved event disconnect": '42["disconnect",1]',
    "reserved event connect_error": '42["connect_error",1]',
    "reserved event disconnecting": '42["disconnecting",1]',
    "reserved event newListener": '42["newListener",1]',
    "event name of the wrong type": "42[{}]",
    "event name true": "42[true]",
    "no attachment to come": '450-["message",{"_placeholder":true,"num":0}]x',
    "more attachments than allowed": '4511-["message"]',
    "attachments without end": '459999999999-["message"]',
    "negative attachments": '45-1-["message"]',
    "attachments without a number": '45["message"]',
    "attachments of a plain event": '421-["message"]',
    "a page for which it did not connect": '42/custom,["message"]',
    "NaN": '42["message",NaN]',
    "Infinity": '42["message",-Infinity]',
    "control character in a string": '42["message","a\x01b"]',
    "unfinished escape": '42["message","\\u12"]',
    "trailing comma": '42["message",]',
    "two values": '42["message"]["message"]',
    "single quotes": "42['message']",
    "CONNECT with a list": "40/custom,[]",
    "CONNECT with a text": '40/custom,"x"',
    "ack that is no list": '431{"a":1}',
}


@pytest.mark.parametrize("packet", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_bad_packet_ends_its_session(protocol_server: Server, transport: str, packet: str) -> None:
    with Client(protocol_server, transport) as offender:
        offender.try_send(packet)
        offender.wait_ended()


@pytest.mark.parametrize("number", ["-1", '"0"', "99", "1.5", "null", "true", "[]", "1e400"])
@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_forged_placeholder_ends_its_session(protocol_server: Server, transport: str, number: str) -> None:
    with Client(protocol_server, transport) as offender:
        offender.try_send(f'451-["message",{{"_placeholder":true,"num":{number}}}]', b"\x01")
        offender.wait_ended()


@pytest.mark.parametrize(
    "packets", [[b"\x01"], ['451-["message",{"_placeholder":true,"num":0}]', '42["message"]']]
)
@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_attachments_out_of_turn_end_the_session(
    protocol_server: Server, transport: str, packets: list[str | bytes]
) -> None:
    with Client(protocol_server, transport) as offender:
        offender.try_send(*packets)
        offender.wait_ended()


GOES_ON = {
    "an integer of 10,000 digits": '42["message",' + "7" * 10_000 + "]",
    "an ack id of 100 digits": "42" + "9" * 100 + '["message-with-ack"]',
    "CONNECT with an id": "40/custom,7{}",
    "an ack without an id": "43[1]",
    "a number beyond a float": '42["message",1e999]',
    "a lone surrogate": '42["message","\\ud800"]',
    "duplicate keys": '42["message",{"a":1,"a":2}]',
    "a key of 900,000 characters": '42["message",{"' + "k" * 900_000 + '":1}]',
    "<script>": '42["message","<script>alert(1)</script>"]',
    "__proto__": '42["message",{"__proto__":{"admin":true},"constructor":{}}]',
    "an event named __proto__": '42["__proto__",1]',
    "a forged placeholder in a plain event": '42["message",{"_placeholder":true,"num":5}]',
    "nesting of 10,000": f'42["message",{nest(10_000)}]',
    "nesting of 400,000": f'42["message",{nest(400_000)}]',
    "nesting of 200": f'42["message",{nest(200)}]',
    "a thousand arguments": '42["message",' + "1," * 999 + "1]",
    "an empty event name": '42["",1]',
    "an event that is a number": "42[5,1]",
    "CONNECT twice": "40",
}


@pytest.mark.parametrize("packet", GOES_ON.values(), ids=GOES_ON)
def test_an_odd_packet_is_answered_or_ends_its_session(protocol_server: Server, packet: str) -> None:
    with Client(protocol_server, "websocket") as odd:
        odd.wait_event("auth", {})
        odd.try_send(packet, '42["message","end"]')
        give_up_at = time.monotonic() + 5
        while not odd.ended.is_set() and time.monotonic() < give_up_at:
            with contextlib.suppress(TimeoutError):
                if odd.receive(0.05) == '42["message-back","end"]':
                    return
        odd.wait_ended(0.1)


def test_a_session_joins_four_pages_and_no_more(plain_server: Server) -> None:
    with Link(plain_server, "websocket") as link:
        link.send(*[f'40/many/{number},{{"updates":"none"}}' for number in range(200)])
        answers = [str(link.receive()) for _ in range(200)]
        assert [answer[:3] for answer in answers] == ["40/"] * 4 + ["44/"] * 196


def test_a_session_that_goes_on_joining_is_refused_and_then_ended(plain_server: Server) -> None:
    with Link(plain_server, "websocket") as link:
        link.try_send(*[f'40/more/{number},{{"updates":"none"}}' for number in range(10_000)])
        link.wait_ended()
        answers = [str(answer) for answer in link.pending()]
        assert [answer[:3] for answer in answers[:4]] == ["40/"] * 4
        assert {answer[:3] for answer in answers[4:]} == {"44/"}
        assert "Too many joins: one session may join 600 pages a minute" in answers[-1]
        assert len(answers) < 1_000
        assert link.close_code == 1008


@pytest.mark.parametrize(
    "page", ["/" + "x" * 256, "/" + "\u20ac" * 86, "/\x00", "/a\nb", "/" + "x" * 100_000]
)
def test_a_bad_page_key_is_refused(plain_server: Server, page: str) -> None:
    with Link(plain_server, "websocket") as link:
        link.try_send(f"40{page},")
        assert str(link.receive()).startswith(f"44{page},")


@pytest.mark.parametrize(
    "auth", ['{"visitor":5}', '{"visitor":""}', json.dumps({"visitor": "v" * 65}), '{"visitor":{}}']
)
def test_a_bad_visitor_is_refused(plain_server: Server, auth: str) -> None:
    with Link(plain_server, "websocket") as link:
        link.send(f"40/visited,{auth}")
        assert str(link.receive()).startswith("44/visited,")


def test_random_bytes_over_each_transport(protocol_server: Server) -> None:
    for _ in range(20):
        with Tcp(protocol_server) as tcp:
            tcp.try_send(os.urandom(512))
            tcp.reset()
        socket = WebSocket(protocol_server, websocket(PATH))
        socket.receive()
        socket.tcp.try_send(os.urandom(512))
        socket.tcp.reset()
