"""What a setting may hold: each kind by itself, with its limits."""

from __future__ import annotations

import math

import pytest

from nannin.kinds import (
    Choice,
    Descriptor,
    Float,
    HistoryPlace,
    Integer,
    IntegerOrAutomatic,
    Kind,
    OptionalText,
    RedisAddress,
    RootPath,
    Secret,
    Switch,
    Text,
)
from support.kind_checks import is_refused, is_unreadable, read


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


def test_a_descriptor_is_a_small_number_or_none() -> None:
    assert read(Descriptor(), "3") == 3
    assert read(Descriptor(), "") is None
    for value in (-1, 2**21, True, "3"):
        assert is_refused(Descriptor(), value)


def test_a_single_secret_fits_a_header() -> None:
    assert read(Secret(), "!0123,456789abc~") == "!0123,456789abc~"
    assert read(Secret(), "") is None
    assert Secret().check(None) is None
    for value in ("", "x" * 15, "x" * 16 + " ", "x" * 16 + "\n", "é" * 16, 10**16, ["x" * 16]):
        assert is_refused(Secret(), value)


def test_what_may_hold_a_password_is_secret_and_nothing_else() -> None:
    assert [kind.is_secret for kind in (Secret(), RedisAddress(), HistoryPlace())] == [True] * 3
    assert not Kind().is_secret


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
