"""JSON as JavaScript writes it: half an emoji, numbers of any size, and what is no JSON nevertheless."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nannin.wire.json_text import decode, find_half_character

# Half an emoji


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"\ud800"', "\ufffd"),
        (r'"Nice \ud83d"', "Nice \ufffd"),
        (r'"\udc00\ud800"', "\ufffd\ufffd"),
        (r'"\uD83D\uDE00 \uD83D"', "\U0001f600 \ufffd"),
        (r'"\\ud83d \ud83d"', "\\ud83d \ufffd"),
        (r'"\\\ud83d\n"', "\\\ufffd\n"),
        ('"a\ud83db"', "a\ufffdb"),
        (r'{"\ud83d":1e400}', {"\ufffd": math.inf}),
    ],
)
def test_half_an_emoji_becomes_the_replacement_character(text: str, value: Any) -> None:
    assert decode(text) == value


@pytest.mark.parametrize("text", [r'"\ud83d",', r'"\ud83d"}', r'{"\ud83d":NaN}', r'["\ud83d",1e400,]'])
def test_half_an_emoji_excuses_no_other_fault(text: str) -> None:
    with pytest.raises(ValueError):
        decode(text)


@pytest.mark.parametrize(
    ("text", "half"),
    [
        (r'{"a":"Nice \ud83d"}', r"\ud83d"),
        (r'"\uDE00\ud83d"', r"\uDE00"),
        ('"a\ud83d"', r"\ud83d"),
        (r'"\ud83d\ude00"', None),
        (r'"\\ud83d\n"', None),
        ("[1,", None),
    ],
)
def test_half_a_character_is_found(text: str, half: str | None) -> None:
    assert find_half_character(text) == half


# Numbers


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e400", math.inf),
        ("[-1e999]", [-math.inf]),
        ("0.1e999999999999", math.inf),
        ('{"a":[1e309,1.5,7]}', {"a": [math.inf, 1.5, 7]}),
        ("1e-400", 0.0),
        ("9" * 400, int("9" * 400)),
        ("1" * 10_000, math.inf),
        ("-" + "1" * 10_000, -math.inf),
        ("[18446744073709551616,1e400]", [18446744073709551616, math.inf]),
    ],
    ids=lambda value: repr(value)[:20] if isinstance(value, str) else "",
)
def test_a_number_that_no_float_holds_is_infinite_and_an_integer_exact(text: str, value: Any) -> None:
    assert decode(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "[1e400,NaN]",
        "[1e400,-Infinity]",
        "[1e400",
        "1e400 1",
        '[1e400,"\x01"]',
        "[1e400,01]",
        "NaN",
        "",
        "[1,]",
    ],
)
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        decode(text)


@pytest.mark.parametrize("text", ["[" * 100_000, "[1e400," * 100_000, r'["\ud83d",' * 100_000])
def test_what_nests_too_deeply_is_told_as_such(text: str) -> None:
    with pytest.raises((RecursionError, ValueError)):
        decode(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**300), 10**300) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(JSON)
def test_any_json_is_read_as_pythons_own_reader_reads_it(value: Any) -> None:
    text = json.dumps(value).replace("Infinity", "1e400")
    assert decode(text) == json.loads(text)
