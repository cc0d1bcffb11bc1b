"""What a setting with several values may hold: each kind by itself, with its limits."""

from __future__ import annotations

import pytest

from nannin.audience.groups import MAX_GROUPS
from nannin.kinds import (
    WrongValue,
)
from nannin.list_kinds import ChannelNames, HostNames, Networks, Origins, PageGroups, PagePatterns, Secrets
from support.kind_checks import is_refused, read


def test_origins_come_by_comma_and_are_kept_once_and_as_browsers_send_them() -> None:
    text = "https://Example.com, http://a.test:8080,https://b.test:443,,http://[::1]:80,*,https://example.com"
    expected = ("https://example.com", "http://a.test:8080", "https://b.test", "http://[::1]", "*")
    assert read(Origins(), text) == expected
    assert read(Origins(), "") == ()


def test_origins_may_be_a_list_a_tuple_or_a_text() -> None:
    for value in ("https://a.test", ["https://a.test"], ("https://a.test",)):
        assert Origins().check(value) == ("https://a.test",)


def test_an_origin_keeps_a_port_that_its_scheme_does_not_imply() -> None:
    assert Origins().check("http://a.test:443") == ("http://a.test:443",)
    assert Origins().check("capacitor://localhost") == ("capacitor://localhost",)


def test_an_origin_may_end_with_the_slash_of_the_address_bar() -> None:
    assert Origins().check("https://www.example.org/") == ("https://www.example.org",)
    assert read(Origins(), "http://a.test:80/,https://a.test:8443/") == (
        "http://a.test",
        "https://a.test:8443",
    )


def test_the_origins_of_files_frames_and_applications_can_be_named() -> None:
    names = ("null", "file://", "app://localhost", "ionic://localhost", "chrome-extension://abcdef", "*")
    assert Origins().check(list(names)) == names
    assert Origins().check("NULL") == ("null",)


def test_host_names_are_kept_in_small_letters_and_may_stand_for_all_below_them() -> None:
    assert read(HostNames(), "Live.Example.ORG., *.example.net,[2001:db8::7],192.0.2.7,nas,*") == (
        "live.example.org",
        "*.example.net",
        "[2001:db8::7]",
        "192.0.2.7",
        "nas",
        "*",
    )
    assert read(HostNames(), "") == ()


@pytest.mark.parametrize(
    "value",
    ["a b", "-a", "a*", "*a", "**", "*.", ".", "", "a,b", "käse.example", "a@b", "a?b", "[x", 1, None, [1]],
)
def test_what_is_not_a_host_name_is_refused(value: object) -> None:
    assert is_refused(HostNames(), [value])


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("https://live.example.org", "leave out https://"),
        ("live.example.org/live", "leave out https:// and whatever follows"),
        ("live.example.org:8124", "leave out the port"),
        ("[::1]:8124", "leave out the port"),
    ],
)
def test_what_is_more_than_a_host_name_is_told_what_to_leave_out(value: str, why: str) -> None:
    with pytest.raises(WrongValue, match=why):
        HostNames().check(value)


def test_the_address_of_a_websocket_means_the_page_that_opens_it() -> None:
    assert read(Origins(), "wss://a.test,ws://a.test:80,ws://b.test:8124/") == (
        "https://a.test",
        "http://a.test",
        "http://b.test:8124",
    )


def test_an_origin_with_a_path_is_refused_with_the_reason() -> None:
    with pytest.raises(WrongValue, match="an origin ends after the host and the port"):
        Origins().check("https://a.test/page")


@pytest.mark.parametrize(
    "value",
    [
        "example.com",
        "https://a.test/page",
        "https://*.a.test",
        "https://a.test:",
        "https://",
        "//a.test",
        1,
        None,
        [1],
        ["*", ""],
    ],
)
def test_what_no_browser_sends_as_an_origin_is_refused(value: object) -> None:
    assert is_refused(Origins(), value)


def test_page_patterns_come_by_comma_or_as_a_list_and_are_kept_once() -> None:
    assert read(PagePatterns(), "/, /news/*,,/人,/*/x*,/") == ("/", "/news/*", "/人", "/*/x*")
    assert read(PagePatterns(), "") == ()
    assert PagePatterns().check(["/", "/a b"]) == ("/", "/a b")


def test_a_page_pattern_is_as_long_as_a_page_key_may_be() -> None:
    assert PagePatterns().check("/" + "人" * 84 + "ab") == ("/" + "人" * 84 + "ab",)
    assert is_refused(PagePatterns(), "/" + "人" * 84 + "abc")


@pytest.mark.parametrize("value", ["news", "*", "/,news", ["/a,b"], ["/\n"], ["/\ud800"], [""], [1], 1, None])
def test_what_can_be_no_page_is_no_page_pattern(value: object) -> None:
    assert is_refused(PagePatterns(), value)


def test_groups_of_pages_come_by_comma_or_as_a_list_in_one_spelling_each() -> None:
    assert read(PageGroups(), "/shop/*, /*,,/shop/*") == ("/shop/*", "/*")
    assert PageGroups().check(["/人/*", "/%e4%ba%ba/*"]) == ("/%E4%BA%BA/*",)
    assert read(PageGroups(), "") == ()


@pytest.mark.parametrize("value", ["/", "/shop", "*", "shop/*", "/*/a", "/{x}/*", ["/a,*"], [1], 1, None])
def test_what_can_be_no_group_of_pages_is_none(value: object) -> None:
    assert is_refused(PageGroups(), value)


def test_there_are_not_too_many_groups() -> None:
    assert len(PageGroups().check([f"/{n}/*" for n in range(MAX_GROUPS)])) == MAX_GROUPS  # type: ignore[arg-type]
    assert is_refused(PageGroups(), [f"/{n}/*" for n in range(MAX_GROUPS + 1)])


def test_secrets_come_by_comma_or_as_a_list_in_the_order_of_their_use() -> None:
    first, second = "0123456789abcdef", "ひみつ" * 6
    assert read(Secrets(), f"{first}, {second}") == (first, second)
    assert Secrets().check([second, first]) == (second, first)
    assert Secrets().check(first) == (first,)


def test_no_secrets_are_none() -> None:
    assert read(Secrets(), "") is None
    assert read(Secrets(), " , ") is None
    assert Secrets().check(None) is None


@pytest.mark.parametrize(
    "value",
    ["", [], "x" * 15, ["x" * 16, "y" * 15], ["x" * 16 + ","], ["x" * 16 + "\n"], [None], 10**16, b"x" * 16],
)
def test_a_secret_that_could_be_guessed_or_was_not_meant_is_refused(value: object) -> None:
    assert is_refused(Secrets(), value)


def test_only_secrets_are_secret() -> None:
    assert Secrets().is_secret
    assert not Origins().is_secret


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("https://a.test https://b.test", "separate origins with commas, not with spaces"),
        ("https://*.a.test", "an origin has no wildcard: name each of them, or \\* for all"),
        ("*.a.test", "an origin has no wildcard: name each of them, or \\* for all"),
        ("www.a.test", "an origin starts with https:// or http://"),
        ("https://a_test:x", "^$"),
    ],
)
def test_a_frequent_mistake_in_an_origin_is_explained(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read(Origins(), text)


def test_addresses_and_networks_are_kept_in_their_short_form() -> None:
    text = "127.0.0.1, 2001:DB8:0:0::1,10.1.2.3/8,2001:db8::/32,*,127.0.0.1"
    expected = ("127.0.0.1", "2001:db8::1", "10.0.0.0/8", "2001:db8::/32", "*")
    assert read(Networks(), text) == expected
    assert Networks().check(["10.0.0.1"]) == ("10.0.0.1",)
    assert read(Networks(), "") == ()


@pytest.mark.parametrize(
    "value",
    ["localhost", "10.0.0", "10.0.0.1/33", "fe80::1%eth0", "**", [1], 7, ["1.1.1.1/x"]],
)
def test_what_is_neither_an_address_nor_a_network_is_refused(value: object) -> None:
    assert is_refused(Networks(), value)


def test_names_of_channels_hold_no_pattern() -> None:
    assert read(ChannelNames(), "socketio, socket.io,a:b/c@d-e_f") == ("socketio", "socket.io", "a:b/c@d-e_f")
    assert read(ChannelNames(), "none") == ("none",)
    for value in ("a*", "a?", "[a]", "a#b", "a b", "", "a" * 101, "\\", "é"):
        assert is_refused(ChannelNames(), [value])
    assert is_refused(ChannelNames(), [5])
