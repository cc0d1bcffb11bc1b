"""Reads JSON as JavaScript does: texts may be cut in the middle of an emoji, and numbers be of any size."""

from __future__ import annotations

import json
import re
from typing import Any, Never

import msgspec

# In JSON: an escaped pair of surrogates, a surrogate without its other half, or any other escape; and,
# outside of escapes, a surrogate that a text held as it is.
_ESCAPES = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
    r"|([\ud800-\udfff])",
    re.DOTALL,
)


def decode(text: str) -> Any:
    """What a text of JSON says.

    U+FFFD stands in the place of half a character. A number that no float can hold is infinite, as in
    JavaScript; an integer is exact, unless it has more digits than Python reads.

    Raises:
        ValueError: it is not JSON.
        RecursionError: it nests too deeply.
    """
    try:
        return msgspec.json.decode(text)
    except ValueError as error:
        mended = _ESCAPES.sub(_mend, text)
        if mended == text and not isinstance(error, msgspec.ValidationError):
            raise
    try:
        return msgspec.json.decode(mended)
    except msgspec.ValidationError:  # of a number's size: nothing else is asked of the value
        return json.loads(mended, parse_int=_read_integer, parse_constant=_refuse)


def find_half_character(text: str) -> str | None:
    r"""The first half of a character in a text of JSON, such as `\ud83d`; None if all are whole."""
    for found in _ESCAPES.finditer(text):
        if found[1] or found[2]:
            return ascii(found[0])[1:-1] if found[2] else found[0]
    return None


def _mend(escape: re.Match[str]) -> str:
    """U+FFFD in the place of half a character, else the escape as it is. Source: Unicode, 3.9, D93b."""
    return "\ufffd" if escape[1] or escape[2] else escape[0]


def _read_integer(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:  # more digits than `sys.set_int_max_str_digits` allows
        return float(digits)


def _refuse(constant: str) -> Never:
    """JSON has no NaN and no Infinity, though Python's reader takes them."""
    raise ValueError(f"JSON has no {constant}")
