"""The client's address behind proxies: what they add is believed, what the client wrote is not."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nannin.access.client_address import Forwarded, Proxies, read_address

NAMED = Proxies(("127.0.0.1", "10.0.0.0/8", "2001:db8:aaaa::/48"))
ALL = Proxies(("*",))
TCP = ("127.0.0.1", 8124)


def read_for(value: str, proxies: Proxies = NAMED, *, header: bytes = b"x-forwarded-for") -> str | None:
    """The client's address that this header tells of."""
    client = proxies.read([(header, value.encode("latin-1"))]).client
    return client[0] if client else None


# Who is believed


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.1.2.3", "2001:db8:aaaa:1::5", "::ffff:10.1.2.3"])
def test_a_named_proxy_is_believed(peer: str) -> None:
    assert NAMED.believes((peer, 50_000), TCP)


@pytest.mark.parametrize("peer", ["127.0.0.2", "11.0.0.1", "2001:db8:bbbb::1", "testclient", "", "1" * 999])
def test_nobody_else_is_believed(peer: str) -> None:
    assert not NAMED.believes((peer, 50_000), TCP)
    assert not Proxies(()).believes((peer, 50_000), TCP)
    assert ALL.believes((peer, 50_000), TCP)


def test_who_connects_to_a_unix_socket_is_a_proxy() -> None:
    assert Proxies(()).believes(None, ("/run/nannin.sock", None))


def test_a_connection_that_is_lost_already_and_so_has_no_address_is_not_believed() -> None:
    assert not ALL.believes(None, TCP)
    assert not ALL.believes(None, None)


# X-Forwarded-For


@pytest.mark.parametrize(
    ("value", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        (" 203.0.113.9 ", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9, 10.1.1.1,127.0.0.1", "203.0.113.9"),
        ("10.0.0.1, 10.0.0.2", "10.0.0.1"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("", None),
        ("unknown", None),
        ("1.2.3", None),
        ("fe80::1%eth0", None),
        ("[::1", None),
        ("203.0.113.9:", None),
        ("203.0.113.9:123456", None),
        ("<script>, 10.0.0.1", "10.0.0.1"),
        ("x" * 8_000, None),
        ("é", None),
    ],
)
def test_the_client_is_the_last_address_that_no_named_proxy_has(value: str, client: str | None) -> None:
    assert read_for(value) == client


def test_the_port_is_kept_where_there_is_one() -> None:
    assert NAMED.read([(b"x-forwarded-for", b"203.0.113.9:4711")]).client == ("203.0.113.9", 4711)
    assert NAMED.read([(b"x-forwarded-for", b"2001:db8::1")]).client == ("2001:db8::1", 0)


@pytest.mark.parametrize(
    ("value", "client"),
    [
        ("198.51.100.1, 203.0.113.9", "198.51.100.1"),
        ("<script>, 198.51.100.1, 203.0.113.9", "198.51.100.1"),
        ("x" * 8_000, None),
    ],
)
def test_where_all_proxies_are_believed_the_client_is_the_first_address(
    value: str, client: str | None
) -> None:
    assert read_for(value, ALL) == client


def test_several_lines_are_one_list() -> None:
    lines = [(b"x-forwarded-for", b"198.51.100.1"), (b"x-forwarded-for", b"203.0.113.9, 10.0.0.1")]
    assert NAMED.read(lines).client == ("203.0.113.9", 0)


def test_a_list_without_end_is_not_followed() -> None:
    assert read_for("198.51.100.1," + "10.0.0.1," * 500 + "10.0.0.2") == "10.0.0.1"


# Forwarded


@pytest.mark.parametrize(
    ("value", "client"),
    [
        ("for=203.0.113.9", "203.0.113.9"),
        ('For="[2001:db8::1]:4711"', "2001:db8::1"),
        ("for=198.51.100.1, for=203.0.113.9;proto=https;by=10.0.0.1, for=10.0.0.2", "203.0.113.9"),
        ("for=_hidden", None),
        ("for=unknown, for=10.0.0.2", "10.0.0.2"),
        ("proto=https", None),
        (";;==,", None),
        # What the client wrote can't swallow what the proxy adds.
        ('for="198.51.100.1, for=203.0.113.9', "203.0.113.9"),
    ],
)
def test_the_standard_header_is_read_alike(value: str, client: str | None) -> None:
    assert read_for(value, header=b"forwarded") == client


def test_of_both_headers_the_usual_one_is_read() -> None:
    both = [(b"forwarded", b"for=198.51.100.1"), (b"x-forwarded-for", b"203.0.113.9")]
    assert NAMED.read(both).client == ("203.0.113.9", 0)


# The scheme


@pytest.mark.parametrize(
    ("headers", "scheme"),
    [
        ([(b"x-forwarded-proto", b"https")], "https"),
        ([(b"x-forwarded-proto", b"WSS")], "https"),
        ([(b"x-forwarded-proto", b"gopher, http")], "http"),
        ([(b"x-forwarded-proto", b"https"), (b"x-forwarded-proto", b"http")], "http"),
        ([(b"x-forwarded-proto", b"gopher")], None),
        ([(b"forwarded", b"for=203.0.113.9;proto=https")], "https"),
        ([(b"forwarded", b"for=203.0.113.9;proto=https, for=10.0.0.1;proto=http")], "https"),
        ([(b"forwarded", b"for=203.0.113.9")], None),
        ([(b"host", b"x")], None),
        ([], None),
    ],
)
def test_the_scheme_is_what_the_client_began_with(
    headers: list[tuple[bytes, bytes]], scheme: str | None
) -> None:
    assert NAMED.read(headers).scheme == scheme


def test_headers_that_say_nothing_change_nothing() -> None:
    assert NAMED.read([(b"host", b"x"), (b"x-real-ip", b"203.0.113.9")]) == Forwarded()


# What is limited as one


def test_an_ipv6_address_is_limited_with_its_network_and_an_ipv4_one_by_itself() -> None:
    one, same, other = (NAMED.limited_as(f"2001:db8:0:{n}") for n in ("1::1", "1:ffff::2", "2::1"))
    assert one == same != other
    assert NAMED.limited_as("203.0.113.9") != NAMED.limited_as("203.0.113.8")
    assert NAMED.limited_as("::ffff:203.0.113.9") == NAMED.limited_as("203.0.113.9")


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "10.1.2.3", "", "testclient"]
)
def test_this_machine_and_the_proxies_are_not_limited(address: str) -> None:
    assert NAMED.limited_as(address) is None


def test_where_all_proxies_are_believed_clients_are_limited_all_the_same() -> None:
    assert ALL.limited_as("203.0.113.9") is not None


# Whatever comes

addresses = st.ip_addresses().map(str)
proxy_addresses = st.ip_addresses(network="10.0.0.0/8")


@given(st.lists(addresses, max_size=5), addresses, st.lists(proxy_addresses, max_size=5))
def test_nothing_that_the_client_writes_changes_its_address(
    forged: list[str], client: str, through: list[ipaddress.IPv4Address]
) -> None:
    assume(NAMED.limited_as(client) is not None)
    value = ", ".join([*forged, client, *map(str, through)])
    assert read_for(value) == str(read_address(client))


@given(st.binary(max_size=300), st.sampled_from([b"x-forwarded-for", b"forwarded", b"x-forwarded-proto"]))
def test_any_bytes_give_an_address_or_nothing(value: bytes, header: bytes) -> None:
    for proxies in (NAMED, ALL):
        client, scheme = proxies.read([(header, value)])
        assert client is None or (ipaddress.ip_address(client[0]) and 0 <= client[1] <= 99_999)
        assert scheme in (None, "http", "https")
