"""What a setting may hold: each kind by itself, with its limits."""

from __future__ import annotations

import math

import pytest

from nannin.audience.groups import MAX_GROUPS
from nannin.kinds import (
    ChannelNames,
    Choice,
    Descriptor,
    Float,
    HistoryPlace,
    HostNames,
    Integer,
    IntegerOrAutomatic,
    Kind,
    Networks,
    OptionalText,
    Origins,
    PageGroups,
    PagePatterns,
    RedisAddress,
    RootPath,
    Secret,
    Secrets,
    Switch,
    Text,
    WrongValue,
)


def is_refused(kind: Kind, value: object) -> bool:
    """Whether `check` refuses this value."""
    try:
        kind.check(value)
    except ValueError:
        return True
    return False


def is_unreadable(kind: Kind, text: str) -> bool:
    """Whether `parse` refuses this text of a flag or a variable."""
    try:
        kind.parse(text)
    except ValueError:
        return True
    return False


def read(kind: Kind, text: str) -> object:
    """The value that this text of a flag or a variable gives."""
    return kind.check(kind.parse(text))


def test_a_text_is_kept_as_it_is() -> None:
    assert read(Kind(), "127.0.0.1, ::1") == "127.0.0.1, ::1"
    assert read(Kind(), "") == ""


@pytest.mark.parametrize("value", [1, None, ["a"], "two\nlines", "\x1b[2J", "\udc80"])
def test_a_text_holds_nothing_but_characters_that_can_be_shown(value: object) -> None:
    assert is_refused(Kind(), value)
    assert is_refused(Text("HOST"), value)


def test_a_word_is_not_empty() -> None:
    assert read(Text("HOST"), "localhost") == "localhost"
    assert is_refused(Text("HOST"), "")


def test_an_empty_text_is_none_where_a_setting_may_be_unset() -> None:
    kind = OptionalText("PATH")
    assert read(kind, "") is None
    assert read(kind, "x.sock") == "x.sock"
    assert kind.check(None) is None
    assert is_refused(kind, "")
    assert is_refused(kind, 7)


def test_what_may_be_unset_is_called_a_path_or_by_its_form() -> None:
    assert OptionalText("PATH").expected == "a path"
    assert OptionalText("FILE:NAME").expected == "a text such as FILE:NAME"


def test_a_choice_is_one_of_its_words_in_any_case() -> None:
    kind = Choice("info", "debug")
    assert read(kind, "DEBUG") == "debug"
    assert is_refused(kind, "loud")
    assert is_refused(kind, [])
    assert kind.expected == "one of info, debug"


def test_a_whole_number_is_within_limits_that_it_may_reach() -> None:
    kind = Integer(-1, 65535, "PORT")
    assert [read(kind, text) for text in ("-1", "0", "007", "65535")] == [-1, 0, 7, 65535]
    assert is_refused(kind, -2)
    assert is_refused(kind, 65536)
    assert kind.expected == "a whole number from -1 to 65535"


@pytest.mark.parametrize("text", ["", " 7", "7\n", "+7", "7.0", "7e1", "0x7", "1_000", "８１２４", "9" * 21])
def test_a_whole_number_is_written_in_plain_digits(text: str) -> None:
    assert is_unreadable(Integer(0, 2**62), text)


@pytest.mark.parametrize("value", ["7", 7.0, True, None])
def test_a_whole_number_is_no_text_no_fraction_and_no_switch(value: object) -> None:
    assert is_refused(Integer(0, 100), value)


def test_a_number_is_within_limits_that_it_may_reach_and_is_kept_as_a_float() -> None:
    kind = Float(0.001, 10, "a number of seconds")
    assert [read(kind, text) for text in ("0.001", ".5", "10", "010.0")] == [0.001, 0.5, 10.0, 10.0]
    assert type(kind.check(1)) is float
    assert is_refused(kind, 0)
    assert is_refused(kind, 10.1)
    assert (kind.expected, kind.metavar) == ("a number of seconds", "SECONDS")


@pytest.mark.parametrize("text", ["", ".", "1.", "-1", "1e3", "inf", "nan", "1_0.0", "10s", "１"])
def test_a_number_is_written_in_digits_with_at_most_one_point(text: str) -> None:
    assert is_unreadable(Float(0, 1e6, "a number"), text)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400, True, "1", None])
def test_a_number_is_finite_and_no_switch(value: object) -> None:
    assert is_refused(Float(0, 1e6, "a number"), value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", True), ("Yes", True), ("on", True), ("true", True), ("0", False), ("FALSE", False), ("no", False)],
)
def test_a_switch_reads_yes_and_no_in_several_words(text: str, value: bool) -> None:
    assert read(Switch(), text) is value


def test_a_switch_is_nothing_else() -> None:
    assert is_unreadable(Switch(), "perhaps")
    assert is_unreadable(Switch(), "")
    assert is_refused(Switch(), 1)
    assert is_refused(Switch(), "true")


def test_a_slash_at_the_end_of_a_root_path_is_dropped() -> None:
    assert read(RootPath(), "/live/") == "/live"
    assert read(RootPath(), "/a/b") == "/a/b"
    assert read(RootPath(), "/") == ""
    assert read(RootPath(), "") == ""


@pytest.mark.parametrize("value", ["live", "/a//b", "/a?b", "/a#b", "/a b", "/人", "/a\n", 1, None])
def test_a_root_path_is_a_plain_path_in_ascii(value: object) -> None:
    assert is_refused(RootPath(), value)


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


def test_a_descriptor_is_a_small_number_or_none() -> None:
    assert read(Descriptor(), "3") == 3
    assert read(Descriptor(), "") is None
    for value in (-1, 2**21, True, "3"):
        assert is_refused(Descriptor(), value)


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


def test_a_single_secret_fits_a_header() -> None:
    assert read(Secret(), "!0123,456789abc~") == "!0123,456789abc~"
    assert read(Secret(), "") is None
    assert Secret().check(None) is None
    for value in ("", "x" * 15, "x" * 16 + " ", "x" * 16 + "\n", "é" * 16, 10**16, ["x" * 16]):
        assert is_refused(Secret(), value)


def test_only_secrets_are_secret() -> None:
    assert Secret().is_secret
    assert Secrets().is_secret
    assert not Kind().is_secret
    assert not Origins().is_secret


@pytest.mark.parametrize(
    ("value", "taken"), [(0, True), (64, True), (63, False), (False, False), (-1, False)]
)
def test_a_size_may_be_left_to_the_server(value: object, taken: bool) -> None:
    kind = IntegerOrAutomatic(64, 128)
    if taken:
        assert kind.check(value) == value
    else:
        with pytest.raises(ValueError):
            kind.check(value)


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


# Networks


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


@pytest.mark.parametrize(
    "value",
    [
        "redis://127.0.0.1:6379/0",
        "rediss://user:word@redis.example",
        "unix:///run/redis.sock",
        "redis+sentinel://a:1,b:2/main",
        "rediss+cluster://a:1",
    ],
)
def test_an_address_of_redis_begins_with_its_scheme(value: str) -> None:
    assert read(RedisAddress(), value) == value
    assert read(RedisAddress(), "") is None


@pytest.mark.parametrize("value", ["redis", "redis:", "redis://", "http://a", "redis://a b", 6379])
def test_anything_else_is_no_address_of_redis(value: object) -> None:
    assert is_refused(RedisAddress(), value)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (None, None),
        (True, "on"),
        (False, "off"),
        ("on", "on"),
        ("False", "off"),
        ("postgresql://user:word@db/nannin", "postgresql://user:word@db/nannin"),
        ("postgres://db", "postgres://db"),
    ],
)
def test_history_is_on_off_or_in_a_database(value: object, kept: str | None) -> None:
    assert HistoryPlace().check(value) == kept
    assert HistoryPlace().is_secret


def test_history_that_is_not_named_is_none() -> None:
    assert read(HistoryPlace(), "") is None


@pytest.mark.parametrize("value", ["", "sqlite", "mysql://db", "postgresql://", "postgresql://a b", 1])
def test_history_is_nowhere_else(value: object) -> None:
    with pytest.raises(ValueError):
        HistoryPlace().check(value)


def test_names_of_channels_hold_no_pattern() -> None:
    assert read(ChannelNames(), "socketio, socket.io,a:b/c@d-e_f") == ("socketio", "socket.io", "a:b/c@d-e_f")
    assert read(ChannelNames(), "none") == ("none",)
    for value in ("a*", "a?", "[a]", "a#b", "a b", "", "a" * 101, "\\", "é"):
        assert is_refused(ChannelNames(), [value])
    assert is_refused(ChannelNames(), [5])
