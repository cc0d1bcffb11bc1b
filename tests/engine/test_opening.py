"""The opening handshake: what is read of it, and the head of the answer."""

from __future__ import annotations

import pytest

from nannin.engine.opening import MAX_PLAIN_BYTES, OpeningRefused, find_opening, make_head, read_opening

# The example of RFC 6455, 1.3.
KEY, ACCEPT_KEY = b"dGhlIHNhbXBsZSBub25jZQ==", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def head(first: bytes = b"GET /chat%20room?a=1 HTTP/1.1", *lines: bytes) -> bytes:
    given = lines or (b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: " + KEY)
    return b"\r\n".join([first, *given, b"", b""])


def test_the_key_is_answered_as_the_rfc_does() -> None:
    assert read_opening(head()).accept_key == ACCEPT_KEY


def test_the_scope_tells_of_the_request() -> None:
    opening = read_opening(
        head(
            b"GET /chat%20room?a=1?b HTTP/1.1",
            b"Sec-WebSocket-Version: 13",
            b"Sec-WebSocket-Key: " + KEY,
            b"Sec-WebSocket-Protocol: chat, superchat",
            b"Sec-WebSocket-Protocol: ,third",
        )
    )
    scope = opening.scope("/mounted")
    assert scope["path"] == "/mounted/chat room"
    assert (scope["raw_path"], scope["query_string"]) == (b"/mounted/chat%20room", b"a=1?b")
    assert scope["subprotocols"] == ["chat", "superchat", "third"]
    assert scope["headers"][0] == (b"sec-websocket-version", b"13")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"Sec-WebSocket-Version: 13", "no more"),
        (b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "no more"),
        (b"Content-Length: 1", "no body"),
        (b"Transfer-Encoding: chunked", "no body"),
    ],
)
def test_what_a_proxy_may_understand_otherwise_than_we_do_is_refused(line: bytes, expected: str) -> None:
    lines = (b"X: y", b"X: z", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: " + KEY)
    assert read_opening(head(b"GET / HTTP/1.1", *lines, b"Content-Length: 0")).accept_key == ACCEPT_KEY
    with pytest.raises(OpeningRefused, match=rf"^expected .*{expected}$") as refused:
        read_opening(head(b"GET / HTTP/1.1", *lines, line))
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (head(b"POST / HTTP/1.1"), 400),
        (head(b"GET / HTTP/0.9"), 400),
        (head(b"GET / HTTP/1.0"), 400),
        (head(b"GET / HTTP/2.0"), 400),
        (head(b"GET / HTTP/1.1", b"Sec-WebSocket-Key: " + KEY), 426),
        (head(b"GET / HTTP/1.1", b"Sec-WebSocket-Version: 8", b"Sec-WebSocket-Key: " + KEY), 426),
        (head(b"GET / HTTP/1.1", b"Sec-WebSocket-Version: 13"), 400),
        (head(b"GET / HTTP/1.1", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: x"), 400),
    ],
)
def test_another_request_is_refused_with_what_was_expected(data: bytes, status: int) -> None:
    with pytest.raises(OpeningRefused, match=r"^expected ") as refused:
        read_opening(data)
    assert refused.value.status == status
    assert (b"Sec-WebSocket-Version", b"13") in list(refused.value.headers) or status == 400


def test_a_target_that_names_a_server_replaces_the_host() -> None:
    lines = (b"Host: localhost", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: " + KEY)
    opening = read_opening(head(b"GET ws://evil.example:1/a?b HTTP/1.1", *lines))
    assert (opening.target, opening.headers[0]) == (b"/a?b", (b"host", b"evil.example:1"))
    assert len(opening.headers) == len(lines)


PLAIN = (
    b"Host: x",
    b"upgrade:websocket ",
    b"Connection:\tkeep-alive, Upgrade",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: " + KEY,
)


def test_a_whole_plain_opening_is_read_as_any_other() -> None:
    data = head(b"GET /a%20b?c HTTP/1.1", *PLAIN)
    assert find_opening(data) == read_opening(data)
    assert (b"connection", b"keep-alive, Upgrade") in read_opening(data).headers
    assert (b"upgrade", b"websocket") in read_opening(data).headers


@pytest.mark.parametrize("number", range(len(PLAIN)))
def test_a_head_that_lacks_a_line_of_an_opening_is_for_an_http_protocol(number: int) -> None:
    lines = [line for at, line in enumerate(PLAIN) if at != number]
    assert find_opening(head(b"GET / HTTP/1.1", *lines)) is None


@pytest.mark.parametrize(
    "first",
    [
        b"POST / HTTP/1.1",
        b"GET / HTTP/1.0",
        b"GET  / HTTP/1.1",
        b"GET x HTTP/1.1",
        b"GET /# HTTP/1.1",
        "GET /人 HTTP/1.1".encode(),
        b"GET http://x/ HTTP/1.1",
    ],
)
def test_an_unusual_first_line_is_for_an_http_protocol(first: bytes) -> None:
    assert find_opening(head(first, *PLAIN)) is None


@pytest.mark.parametrize(
    "line",
    [
        b"Content-Length: 0",
        b"Transfer-Encoding: chunked",
        b"X : y",
        b" folded",
        b"no colon",
        b"X: a\x00b",
        b"X: a\nb",
        b"X: a\rb",
        b": y",
        b"Host: x",
    ],
)
def test_an_unusual_header_is_for_an_http_protocol(line: bytes) -> None:
    assert find_opening(head(b"GET / HTTP/1.1", *PLAIN, line)) is None


def test_too_many_headers_or_bytes_are_for_an_http_protocol() -> None:
    more = [b"X: y"] * (100 - len(PLAIN))
    assert find_opening(head(b"GET / HTTP/1.1", *PLAIN, *more)) is not None
    assert find_opening(head(b"GET / HTTP/1.1", *PLAIN, *more, b"X: y")) is None
    room = MAX_PLAIN_BYTES - len(head(b"GET / HTTP/1.1", *PLAIN)) - len(b"X: \r\n")
    assert find_opening(head(b"GET / HTTP/1.1", *PLAIN, b"X: " + b"y" * room)) is not None
    assert find_opening(head(b"GET / HTTP/1.1", *PLAIN, b"X: " + b"y" * (room + 1))) is None


def test_a_head_that_is_not_whole_or_not_alone_is_for_an_http_protocol() -> None:
    data = head(b"GET / HTTP/1.1", *PLAIN)
    assert all(find_opening(data[:end]) is None for end in range(len(data)))
    assert find_opening(data + b"\x81") is None
    assert find_opening(data + data) is None


def test_a_head_is_a_status_line_and_headers() -> None:
    assert make_head(403, [(b"A", b"b")]) == b"HTTP/1.1 403 Forbidden\r\nA: b\r\n\r\n"


@pytest.mark.parametrize("value", [b"a\r\nb", b"a\nb", b"a\rb"])
def test_a_header_with_a_line_break_is_an_error(value: bytes) -> None:
    with pytest.raises(ValueError, match="line break"):
        make_head(101, [(b"A", value)])
