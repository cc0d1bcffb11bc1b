"""By which names a client may call the server, and what tells a rebound name from a proxy's."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nannin.access.hosts import ForeignHost, Hosts, has_one_host, is_forwarded, take_authority

quickly = settings(
    deadline=None, max_examples=150, database=None, suppress_health_check=[HealthCheck.too_slow]
)

LOOPBACK, LOOPBACK_6 = ("127.0.0.1", 8124), ("::1", 8124)
PRIVATE, PUBLIC = ("192.168.1.10", 8124), ("1.1.1.1", 8124)
HERE, NEAR, AWAY = ("127.0.0.1", 50_000), ("192.168.1.20", 50_000), ("8.8.8.8", 50_000)
NAMED = Hosts(["live.example.org", "*.example.net"])
ANY = Hosts()
PROXIED = {"x-forwarded-for": "8.8.8.8"}


def judged(
    hosts: Hosts, host: str | None, server: object = LOOPBACK, client: object = HERE, **more: str
) -> ForeignHost | None:
    pairs = [(b"user-agent", b"x")]
    if host is not None:
        pairs.append((b"host", host.encode("latin-1")))
    pairs += [(name.replace("_", "-").encode(), value.encode()) for name, value in more.items()]
    return hosts.judge(pairs, server, client)  # type: ignore[arg-type]


# A name that a foreign site may have led to this machine


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8124",
        "EVIL.example:8124",
        "evil.example.:8124",
        "evil.example",
        "evil.example:80",
        "localhost.evil.example:8124",
        "127.0.0.1.evil.example:8124",
        "evil-localhost.example",
        "local.example:8124",
        "127.0.0.1.nip.io:8124",
    ],
)
@pytest.mark.parametrize(
    ("server", "client"),
    [
        (LOOPBACK, HERE),
        (LOOPBACK_6, ("::1", 1)),
        (("::ffff:127.0.0.1", 8124), HERE),
        (("127.9.9.9", 8124), ("127.0.0.2", 1)),
        (LOOPBACK, AWAY),
        (PRIVATE, NEAR),
        (PRIVATE, ("100.64.0.9", 1)),
        (PRIVATE, None),
        (("fd00::10", 8124), ("fe80::1%eth0", 1)),
    ],
)
def test_a_foreign_name_is_refused_where_a_browser_can_be_led(
    host: str, server: object, client: object
) -> None:
    assert judged(ANY, host, server, client) is ForeignHost.UNKNOWN


@pytest.mark.parametrize(
    "host",
    [
        "localhost:8124",
        "localhost",
        "LOCALHOST.",
        "live.localhost:8124",
        "127.0.0.1:8124",
        "127.0.0.1",
        "[::1]:8124",
        "192.168.1.10:8124",
        "[2001:db8::7]",
        "8.8.8.8:8124",
        "nas:8124",
        "my_container:8124",
        "printer.local:8124",
        "live.corp.internal",
        "server.lan:8124",
        "router.home.arpa",
        "",
        None,
    ],
)
@pytest.mark.parametrize("server", [LOOPBACK, PRIVATE, PUBLIC, None])
def test_what_no_foreign_site_can_be_called_is_accepted(host: str | None, server: object) -> None:
    assert judged(ANY, host, server) is None
    assert judged(ANY, host, server) is None  # the second time it is known


def test_this_machines_own_name_is_accepted() -> None:
    assert judged(Hosts(own_name="Web1.example.org"), "web1.example.org:8124") is None
    assert judged(Hosts(own_name="web1.example.org"), "evil.example:8124") is ForeignHost.UNKNOWN


def test_the_host_of_an_allowed_origin_is_accepted() -> None:
    hosts = Hosts(allow_origins=["https://www.example.org:8443", "null", "file://"])
    assert judged(hosts, "www.example.org:8124") is None
    assert judged(hosts, "example.org:8124") is ForeignHost.UNKNOWN


def test_where_every_origin_is_allowed_a_rebound_name_gains_nothing() -> None:
    assert judged(Hosts(allow_origins=["*"]), "evil.example:8124") is None
    assert judged(Hosts(["live.example.org"], ["*"]), "evil.example:8124") is ForeignHost.UNKNOWN


@pytest.mark.parametrize(
    ("server", "client"),
    [
        (PUBLIC, AWAY),  # anybody can connect to a public address
        (PUBLIC, NEAR),
        (PRIVATE, AWAY),  # a machine in a cloud, or a container: the client is no browser of this network
        (None, None),  # a Unix socket
        (("/run/nannin/nannin.sock", None), ("", 0)),
        (("testserver", 80), ("testclient", 50_000)),
    ],
)
def test_any_name_is_accepted_where_no_browser_can_be_led(server: object, client: object) -> None:
    assert judged(ANY, "live.example.org:8124", server, client) is None


@pytest.mark.parametrize("header", ["x_forwarded_for", "x_forwarded_proto", "forwarded", "x_real_ip", "via"])
@pytest.mark.parametrize("host", ["live.example.org", "live.example.org:443", "live.example.org:8443"])
@pytest.mark.parametrize(("server", "client"), [(LOOPBACK, AWAY), (PRIVATE, NEAR)])
def test_a_proxy_may_pass_on_any_name_with_the_port_at_which_it_listens(
    header: str, host: str, server: object, client: object
) -> None:
    assert judged(ANY, host, server, client, **{header: "1"}) is None


@pytest.mark.parametrize("server", [LOOPBACK, PRIVATE])
def test_a_page_that_forges_a_proxys_headers_cannot_leave_out_our_port(server: object) -> None:
    assert judged(ANY, "evil.example:8124", server, NEAR, **PROXIED) is ForeignHost.UNKNOWN
    at_80 = (server[0], 80)  # type: ignore[index]
    assert judged(ANY, "evil.example", at_80, NEAR, **PROXIED) is ForeignHost.UNKNOWN
    assert judged(ANY, "evil.example:", at_80, NEAR, **PROXIED) is ForeignHost.UNKNOWN


@pytest.mark.parametrize(
    "connection", ["keep-alive", "Keep-Alive", "upgrade,keep-alive", "keep-alive, Upgrade"]
)
@pytest.mark.parametrize("host", ["evil.example:9000", "evil.example"])
@pytest.mark.parametrize("header", ["x_forwarded_for", "x_forwarded_foo", "forwarded"])
def test_a_page_that_forges_a_proxys_headers_cannot_hide_that_its_browser_sends_them(
    header: str, host: str, connection: str
) -> None:
    for server in (LOOPBACK, PRIVATE):  # at another port, as through `ssh -L` or a port of a container
        forged = {header: "8.8.8.8", "connection": connection}
        for client in (NEAR, AWAY):  # by what it forges, if its own address is that of a proxy
            assert judged(ANY, host, server, client, **forged) is ForeignHost.UNKNOWN
        assert judged(NAMED, "live.example.org", server, NEAR, **forged) is None


@pytest.mark.parametrize("connection", ["", "upgrade", "close", "x-keep-alive"])
def test_a_proxy_says_of_its_own_connection_what_no_browser_says(connection: str) -> None:
    assert judged(ANY, "live.example.org", LOOPBACK, AWAY, connection=connection, **PROXIED) is None


# Names that are set


@pytest.mark.parametrize("server", [LOOPBACK, PRIVATE, PUBLIC, None])
@pytest.mark.parametrize(
    "host", ["live.example.org", "LIVE.example.org.:8124", "a.example.net", "a.b.example.net:1"]
)
def test_a_name_that_is_set_is_accepted_everywhere(host: str, server: object) -> None:
    assert judged(NAMED, host, server) is None


@pytest.mark.parametrize(("server", "client"), [(LOOPBACK, HERE), (PUBLIC, AWAY), (None, None)])
@pytest.mark.parametrize(
    "host", ["evil.example", "example.org", "example.net", "xexample.net", "nas", "8.8.8.8", "", None]
)
@pytest.mark.parametrize("more", [{}, PROXIED])
def test_where_names_are_set_no_other_is_accepted(
    host: str | None, server: object, client: object, more: dict[str, str]
) -> None:
    assert judged(NAMED, host, server, client, **more) is ForeignHost.UNKNOWN


@pytest.mark.parametrize("host", ["localhost:8124", "127.0.0.1:8124", "[::1]"])
def test_a_program_on_this_machine_needs_no_name(host: str) -> None:
    assert judged(NAMED, host, LOOPBACK) is None
    assert judged(NAMED, host, None) is None
    assert judged(NAMED, host, PUBLIC) is ForeignHost.UNKNOWN


def test_a_health_check_may_use_the_address_to_which_it_connects() -> None:
    assert judged(NAMED, "192.168.1.10:8124", PRIVATE) is None
    assert judged(NAMED, "[2001:db8::7]:8124", ("2001:db8::7", 8124)) is None
    assert judged(NAMED, "192.168.1.11:8124", PRIVATE) is ForeignHost.UNKNOWN


def test_a_star_accepts_any_name() -> None:
    assert judged(Hosts(["*"]), "evil.example:8124") is None


# What is no host


@pytest.mark.parametrize("hosts", [ANY, NAMED, Hosts(["*"])])
@pytest.mark.parametrize(
    "host",
    [
        "a b",
        "localhost:8124:1",
        "localhost:port",
        "localhost:123456",
        "evil@localhost",
        "localhost/x",
        "localhost\x00",
        "localhost,evil.example",
        "::1",
        "[::1",
        "[localhost]",
        "käse.example",
        "%6cocalhost",
    ],
)
def test_what_is_no_host_is_malformed(hosts: Hosts, host: str) -> None:
    assert judged(hosts, host) is ForeignHost.MALFORMED


@pytest.mark.parametrize("second", ["localhost", "evil.example"])
def test_two_hosts_are_malformed_even_where_they_are_the_same(second: str) -> None:
    pairs = [(b"host", b"localhost"), (b"host", second.encode())]
    assert Hosts().judge(pairs, LOOPBACK, HERE) is ForeignHost.MALFORMED


def test_the_answer_has_a_status_and_says_what_was_expected() -> None:
    assert ForeignHost.MALFORMED.http_status == 400
    assert "one Host header" in ForeignHost.MALFORMED.words
    assert ForeignHost.UNKNOWN.http_status == 421
    assert "hosts" in ForeignHost.UNKNOWN.words


@quickly
@given(st.binary(max_size=60), st.sampled_from([LOOPBACK, PRIVATE, PUBLIC, None]))
def test_any_host_is_judged_without_an_error(host: bytes, server: tuple[object, object] | None) -> None:
    for hosts in (ANY, NAMED):
        assert hosts.judge([(b"host", host)], server, HERE) in (None, *ForeignHost)


def test_what_is_remembered_is_bounded_and_changes_nothing() -> None:
    hosts = Hosts()
    for number in range(1_000):
        assert judged(hosts, f"name{number}") is None
        assert judged(hosts, f"evil{number}.example:8124") is ForeignHost.UNKNOWN
    assert judged(hosts, "another") is None
    assert judged(hosts, "name0") is None


# The head of a request


def test_http_1_1_names_the_server_once() -> None:
    one, two = [(b"host", b"x")], [(b"host", b"x"), (b"host", b"x")]
    assert has_one_host(one, "1.1")
    assert not has_one_host(two, "1.1")
    assert not has_one_host([(b"origin", b"x")], "1.1")


def test_http_1_0_may_leave_it_out() -> None:
    assert has_one_host([], "1.0")
    assert has_one_host([(b"host", b"x")], "1.0")
    assert not has_one_host([(b"host", b"x"), (b"host", b"y")], "1.0")


def test_a_proxy_is_known_by_its_headers() -> None:
    assert is_forwarded([(b"host", b"x"), (b"x-forwarded-host", b"")])
    assert is_forwarded([(b"true-client-ip", b"8.8.8.8")])
    assert not is_forwarded([(b"host", b"x"), (b"x-requested-with", b"y"), (b"origin", b"z")])


# Targets that name a server


@pytest.mark.parametrize(
    ("target", "rest", "host"),
    [
        (b"http://evil.example/a?b=http://c/", b"/a?b=http://c/", b"evil.example"),
        (b"HTTPS://evil.example:9000", b"/", b"evil.example:9000"),
        (b"ws://[::1]:8124?a=/b", b"/?a=/b", b"[::1]:8124"),
        (b"http://ann@evil.example/", b"/", b"ann@evil.example"),
    ],
)
def test_a_target_that_names_a_server_replaces_the_host(target: bytes, rest: bytes, host: bytes) -> None:
    headers = [(b"a", b"b"), (b"host", b"localhost:8124")]
    assert take_authority(target, headers) == rest
    assert headers == [(b"host", host), (b"a", b"b")]
    headers = []
    assert take_authority(target, headers) == rest
    assert headers == [(b"host", host)]


def test_a_name_with_a_user_in_it_is_refused() -> None:
    assert Hosts(["*"]).judge([(b"host", b"ann@evil.example")], LOOPBACK, HERE) is ForeignHost.MALFORMED


@pytest.mark.parametrize(
    "target", [b"/a?b", b"//evil.example/a", b"/http://evil.example/", b"*", b"http:///a", b""]
)
def test_any_other_target_is_left_as_it_is(target: bytes) -> None:
    headers = [(b"host", b"localhost:8124")]
    assert take_authority(target, headers) == target
    assert headers == [(b"host", b"localhost:8124")]
