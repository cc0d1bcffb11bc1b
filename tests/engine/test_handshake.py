"""What is known of the request that opened a session."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from nannin.engine.handshake import Handshake


def handshake(*headers: tuple[bytes, bytes], **scope: Any) -> Handshake:
    return Handshake({"headers": list(headers), **scope})


def test_header_names_are_in_lower_case_and_values_as_they_came() -> None:
    assert handshake((b"Accept", b"text/HTML"), (b"x-name", b"caf\xe9")).headers == {
        "accept": "text/HTML",
        "x-name": "café",
    }


def test_headers_of_one_name_are_joined() -> None:
    assert handshake((b"x", b"1"), (b"y", b"2"), (b"X", b"3")).headers == {"x": "1, 3", "y": "2"}


def test_the_query_is_read_by_name_and_the_last_of_a_name_counts() -> None:
    query = handshake(query_string=b"EIO=4&a=1&a=2&b=&c=%E4%BA%BA+x%26y").query
    assert query == {"EIO": "4", "a": "2", "b": "", "c": "人 x&y"}


@pytest.mark.parametrize("raw", [b"", b"&&&", b"&".join(b"a%d=1" % number for number in range(101))])
def test_a_query_of_nothing_or_of_far_too_much_is_empty(raw: bytes) -> None:
    assert handshake(query_string=raw).query == {}


def test_a_hundred_parameters_are_not_too_many() -> None:
    raw = b"&".join(b"a%d=1" % number for number in range(100))
    assert len(handshake(query_string=raw).query) == 100


@pytest.mark.parametrize("raw", [b"a=%", b"a=%zz", b"a=%ff", b"a=\xff", b"=b"])
def test_a_query_that_is_not_well_formed_is_read_without_an_error(raw: bytes) -> None:
    assert len(handshake(query_string=raw).query) == 1


def test_the_address_is_the_clients() -> None:
    assert handshake(client=("192.0.2.1", 5)).address == "192.0.2.1"
    assert handshake(client=["2001:db8::1", 5]).address == "2001:db8::1"
    assert handshake(client=None).address == ""


def test_the_user_agent_is_the_first_header_of_that_name() -> None:
    assert handshake((b"host", b"a"), (b"user-agent", b"Mozilla \xe9")).user_agent == "Mozilla é"
    assert handshake((b"user-agent", b"one"), (b"user-agent", b"two")).user_agent == "one"
    assert handshake((b"host", b"a")).user_agent == ""


def test_a_scope_that_says_nothing_is_a_handshake_of_nothing() -> None:
    empty = Handshake({})
    assert (empty.headers, empty.query, empty.address, empty.user_agent) == ({}, {}, "", "")


def test_what_middleware_put_into_the_scope_is_there() -> None:
    assert handshake(user="ann").scope["user"] == "ann"


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ('prefs={"x":1}; sid=abc', {"prefs": '{"x":1}', "sid": "abc"}),
        ("sid=abc; bad", {"sid": "abc"}),
        ("bad; sid=abc; =x", {"sid": "abc"}),
        ("a[b]=1; sid=abc; c@d=2", {"a[b]": "1", "sid": "abc", "c@d": "2"}),
        ('sid="a b"; theme=', {"sid": "a b", "theme": ""}),
        ("sid=a=b", {"sid": "a=b"}),
        ("", {}),
    ],
)
def test_an_odd_cookie_hides_no_other(header: str, cookies: dict[str, str]) -> None:
    assert Handshake({"headers": [(b"cookie", header.encode())]}).cookies == cookies


def test_cookies_in_several_headers_are_one_jar_and_other_headers_a_list() -> None:
    # HTTP/2 may send each cookie in a header of its own.
    headers = [(b"cookie", b"sid=abc"), (b"accept", b"a/b"), (b"cookie", b"theme=dark"), (b"accept", b"c/d")]
    handshake = Handshake({"headers": headers})
    assert handshake.cookies == {"sid": "abc", "theme": "dark"}
    assert handshake.headers == {"cookie": "sid=abc; theme=dark", "accept": "a/b, c/d"}


# Packed


def full_scope(**more: Any) -> dict[str, Any]:
    return {
        "type": "websocket",
        "http_version": "1.1",
        "scheme": "ws",
        "root_path": "/live",
        "path": "/live/socket.io/",
        "raw_path": b"/live/socket.io/",
        "query_string": b"EIO=4&transport=websocket&a=1",
        "server": ("127.0.0.1", 8124),
        "client": ("192.0.2.1", 5),
        "headers": [
            (b"host", b"a:80"),
            (b"cookie", b"x=1"),
            (b"user-agent", b""),
            (b"user-agent", b"caf\xe9"),
        ],
        "subprotocols": ["one"],
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "state": {},
        "extensions": {"nannin.direct": {"link": object()}},
        **more,
    }


def packed(scope: dict[str, Any]) -> Handshake:
    handshake = Handshake(scope)
    handshake.pack()
    return handshake


def test_a_packed_handshake_says_the_same() -> None:
    plain, small = Handshake(full_scope()), packed(full_scope())
    for name in ("headers", "cookies", "query", "address", "user_agent"):
        assert getattr(small, name) == getattr(plain, name)
    assert small.scope == full_scope(extensions={})
    assert packed(full_scope(headers=[])).scope["headers"] == []


def test_a_packed_scope_keeps_what_somebody_put_into_it_and_the_servers_state() -> None:
    state = {"pool": object()}
    small = packed(full_scope(user="ann", state=state))
    assert small.scope["user"] == "ann"
    assert small.scope["state"] is state


def test_once_the_scope_was_seen_it_stays_the_same() -> None:
    scope = full_scope()
    handshake = Handshake(scope)
    assert handshake.scope is scope
    handshake.pack()
    assert handshake.scope is scope
    small = packed(full_scope())
    small.pack()
    assert small.scope is small.scope


def test_a_scope_of_another_kind_is_kept_as_it_is() -> None:
    odd: list[dict[str, Any]] = [
        {"type": "websocket"},
        full_scope(headers=[(b"a", b"1\nb:2")]),
        full_scope(server=["127.0.0.1", 8124]),
        {name: value for name, value in full_scope(user="ann").items() if name != "extensions"},
    ]
    for scope in odd:
        assert packed(scope).scope is scope


def test_a_handshake_that_an_idle_client_keeps_is_small() -> None:
    headers = [(b"name-%d" % number, b"x" * 40) for number in range(12)]
    tracemalloc.start()
    try:
        small = [packed(full_scope(headers=[(bytes(a), bytes(b)) for a, b in headers])) for _ in range(200)]
        size_bytes = tracemalloc.get_traced_memory()[0] / len(small)
    finally:
        tracemalloc.stop()
    assert size_bytes < 1_200, "as a scope it takes 3,500"
