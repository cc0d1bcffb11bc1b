"""Which origins may connect, and the headers that CORS adds."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nannin.access.origin import advise, cors_headers, find_header, is_allowed, preflight_headers

quickly = settings(
    deadline=None, max_examples=150, database=None, suppress_health_check=[HealthCheck.too_slow]
)

HOST = "live.example.com"


# The server's own origin


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://live.example.com:8124", "live.example.com:8124"),
        ("http://live.example.com", "live.example.com"),
        ("http://live.example.com:80", "live.example.com"),
        ("http://live.example.com", "live.example.com:80"),
        ("https://live.example.com", "live.example.com"),
        ("https://live.example.com:443", "live.example.com"),
        ("https://live.example.com", "live.example.com:443"),
        ("HTTP://LIVE.example.com", "live.EXAMPLE.com"),
        ("http://192.0.2.7:8124", "192.0.2.7:8124"),
        ("http://[2001:db8::7]:8124", "[2001:db8::7]:8124"),
        ("http://[2001:db8::7]", "[2001:DB8::7]:80"),
    ],
)
def test_the_servers_own_origin_is_allowed(origin: str, host: str) -> None:
    assert is_allowed(origin, host, [])


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_scheme_is_not_compared_as_a_proxy_may_have_ended_tls(scheme: str) -> None:
    assert is_allowed(f"{scheme}://live.example.com", HOST, [])
    assert is_allowed(f"{scheme}://live.example.com:8124", f"{HOST}:8124", [])


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://live.example.com:8125", "live.example.com:8124"),
        ("http://live.example.com:8124", "live.example.com"),
        ("http://live.example.com", "live.example.com:8124"),
        ("https://live.example.com", "live.example.com:80"),
        ("http://live.example.com", "live.example.com:443"),
        ("http://[2001:db8::7]:8125", "[2001:db8::7]:8124"),
    ],
)
def test_another_port_is_another_origin(origin: str, host: str) -> None:
    assert not is_allowed(origin, host, [])


@pytest.mark.parametrize(
    "origin",
    [
        "http://example.com",
        "http://evil.example",
        "http://live.example.com.evil.example",
        "http://evil-live.example.com",
        "http://live.example.com@evil.example",
        "http://evil.example/live.example.com",
        "http://evil.example?live.example.com",
        "http://evil.example#live.example.com",
        "http://[2001:db8::8]",
        "http://127.0.0.1",
    ],
)
def test_another_host_is_another_origin(origin: str) -> None:
    assert not is_allowed(origin, HOST, [])


def test_a_client_that_names_no_origin_is_allowed() -> None:
    assert is_allowed("", HOST, [])
    assert is_allowed("", "", [])


# null


@pytest.mark.parametrize("allow_origins", [[], ["*"], ["file://"]])
@pytest.mark.parametrize("host", [HOST, "localhost:8124", "null", ""])
def test_null_is_not_allowed_unless_it_is_named(allow_origins: list[str], host: str) -> None:
    assert not is_allowed("null", host, allow_origins)


@pytest.mark.parametrize("allow_origins", [["null"], ["*", "null"]])
def test_null_can_be_named(allow_origins: list[str]) -> None:
    assert is_allowed("null", HOST, allow_origins)


def test_a_file_can_be_named() -> None:
    assert is_allowed("file://", HOST, ["file://"])
    assert not is_allowed("file://", HOST, [])


# ws and wss, which native clients name


@pytest.mark.parametrize("origin", ["ws://live.example.com", "wss://live.example.com:443"])
def test_the_address_of_the_websocket_is_the_servers_own_origin(origin: str) -> None:
    assert is_allowed(origin, HOST, [])


def test_an_origin_of_a_websocket_is_compared_as_that_of_its_page() -> None:
    assert is_allowed("wss://friend.example", HOST, ["https://friend.example"])
    assert is_allowed("https://friend.example", HOST, ["wss://friend.example"])
    assert not is_allowed("ws://friend.example", HOST, ["https://friend.example"])
    assert not is_allowed("ws://live.example.com:8125", "live.example.com:8124", [])


# Loopback


@pytest.mark.parametrize("host", ["localhost:8124", "127.0.0.1:8124", "[::1]:8124", "localhost"])
@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:3000",
        "http://127.0.0.1:5173",
        "http://[::1]",
        "https://localhost",
        "http://LOCALHOST:1",
    ],
)
def test_any_loopback_origin_may_connect_to_a_loopback_host(origin: str, host: str) -> None:
    assert is_allowed(origin, host, [])


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1:8124", "http://[::1]:8124"])
def test_a_loopback_origin_may_not_connect_to_another_host(origin: str) -> None:
    assert not is_allowed(origin, f"{HOST}:8124", [])


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://[2001:db8::1]",
    ],
)
def test_a_foreign_origin_may_not_connect_to_a_loopback_host(origin: str) -> None:
    assert not is_allowed(origin, "localhost:8124", [])


# Garbage


@pytest.mark.parametrize(
    "origin",
    [
        "live.example.com",
        "//live.example.com",
        "http:",
        "http://",
        "http://:8124",
        "http:///live.example.com",
        "http://live.example.com:port",
        "http://live.example.com:99999",
        "http://live.example.com:-1",
        "http://[::1",
        "http://::1]",
        "http://[live.example.com]",
        "file://live.example.com",
        "ftp://live.example.com",
        "chrome-extension://live.example.com",
        "javascript://live.example.com",
        "__proto__",
        "*",
        " ",
        "\x00",
        "http://\u2100.example.com",
    ],
)
@pytest.mark.parametrize("allow_origins", [[], ["https://friend.example"]])
def test_garbage_is_not_allowed(origin: str, allow_origins: list[str]) -> None:
    assert not is_allowed(origin, HOST, allow_origins)


@pytest.mark.parametrize(
    "host", ["", ":", "[", "]", "live.example.com:port", ":8124", "/", "@", "[::1", "\x00"]
)
def test_a_garbled_host_has_no_origin_of_its_own(host: str) -> None:
    assert not is_allowed("http://live.example.com", host, [])


@quickly
@given(
    st.text() | st.text("htps:/[]@.*01").map("http://".__add__),
    st.text() | st.text("localhost:[]@.*01"),
    st.lists(st.sampled_from(["*", "null", "https://friend.example"]), max_size=2),
)
def test_any_headers_are_judged_without_an_error(origin: str, host: str, allow_origins: list[str]) -> None:
    assert is_allowed(origin, host, allow_origins) in (True, False)


# Allowed by name


def test_an_origin_is_allowed_by_its_whole_name() -> None:
    allow_origins = ["https://friend.example", "http://friend.example:8080"]
    assert is_allowed("https://friend.example", HOST, allow_origins)
    assert is_allowed("http://friend.example:8080", HOST, allow_origins)


@pytest.mark.parametrize(
    "origin",
    [
        "http://friend.example",
        "https://friend.example:8443",
        "https://www.friend.example",
        "https://friend.example.evil",
    ],
)
def test_an_allowed_name_allows_no_other(origin: str) -> None:
    assert not is_allowed(origin, HOST, ["https://friend.example"])


def test_the_own_origin_is_allowed_beside_those_allowed_by_name() -> None:
    assert is_allowed("https://live.example.com", HOST, ["https://friend.example"])


@pytest.mark.parametrize(
    "origin",
    [
        "https://anyone.example",
        "http://anyone.example:8080",
        "http://[2001:db8::7]",
        "wss://anyone.example",
        "capacitor://localhost",
        "ionic://localhost",
        "tauri://localhost",
        "chrome-extension://abcdefgh",
        "file://",
    ],
)
def test_a_star_allows_every_origin_but_null(origin: str) -> None:
    assert is_allowed(origin, HOST, ["*"])


# What the log says of a refused one


def test_a_site_is_told_with_the_setting_that_lets_it_in() -> None:
    told = advise("https://blog.example")
    assert (
        told
        == "pages of https://blog.example may not connect; --allow-origins https://blog.example lets them in"
    )
    assert advise("wss://blog.example").endswith("--allow-origins https://blog.example lets them in")


@pytest.mark.parametrize("origin", ["null", "file://"])
def test_a_file_is_told_to_be_served(origin: str) -> None:
    told = advise(origin)
    assert "a file or a sandboxed frame" in told
    assert "python3 -m http.server" in told
    assert "--allow-origins" not in told


@pytest.mark.parametrize(
    "origin", ["live.example.com", "*", "http://a b", "https://a.example\n", "https://" + "x" * 9_000]
)
def test_what_the_setting_would_refuse_is_not_advised(origin: str) -> None:
    told = advise(origin)
    assert "--allow-origins" not in told
    assert told.isprintable()
    assert len(told) < 200


# CORS


def test_an_allowed_origin_may_read_the_answer() -> None:
    assert dict(cors_headers("https://friend.example")) == {
        b"access-control-allow-origin": b"https://friend.example",
        b"access-control-allow-credentials": b"true",
        b"vary": b"Origin",
    }


def test_without_an_origin_cors_adds_nothing() -> None:
    assert cors_headers("") == []
    assert preflight_headers("", "content-type") == []


def test_a_preflight_is_told_the_methods_and_the_headers_it_asked_for() -> None:
    headers = dict(preflight_headers("https://friend.example", "content-type, x-custom"))
    assert headers == {
        b"access-control-allow-origin": b"https://friend.example",
        b"access-control-allow-credentials": b"true",
        b"vary": b"Origin",
        b"access-control-allow-methods": b"GET, POST, OPTIONS",
        b"access-control-allow-headers": b"content-type, x-custom",
        b"access-control-max-age": b"600",
    }


def test_a_preflight_for_a_private_network_is_told_that_it_may() -> None:
    name = b"access-control-allow-private-network"
    assert dict(preflight_headers("https://friend.example", "", private_network=True))[name] == b"true"
    assert name not in dict(preflight_headers("https://friend.example", ""))


def test_a_preflight_that_asks_for_no_headers_is_told_of_none() -> None:
    headers = dict(preflight_headers("https://friend.example", ""))
    assert b"access-control-allow-methods" in headers
    assert b"access-control-allow-headers" not in headers


def test_a_credentialed_answer_never_says_star() -> None:
    assert b"*" not in dict(preflight_headers("https://friend.example", "x")).values()


# Headers


def test_a_header_is_found_by_its_lower_case_name() -> None:
    headers = [(b"host", b"live.example.com"), (b"origin", b"https://friend.example")]
    assert find_header(headers, b"origin") == "https://friend.example"


def test_of_a_header_given_twice_the_first_counts() -> None:
    assert find_header([(b"origin", b"a"), (b"origin", b"b")], b"origin") == "a"


def test_a_header_that_is_missing_is_an_empty_text() -> None:
    assert find_header([(b"host", b"x")], b"origin") == ""


@quickly
@given(st.binary(min_size=1))
def test_any_bytes_of_an_origin_header_come_back_as_they_were(value: bytes) -> None:
    origin = find_header([(b"origin", value)], b"origin")
    assert (b"access-control-allow-origin", value) in cors_headers(origin)
