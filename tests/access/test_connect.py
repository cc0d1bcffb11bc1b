"""The payload of a CONNECT packet: what each of the server's own keys may hold, and what it is without it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nannin.access.connect import MAX_VISITOR_BYTES, Connect, Format

VISITOR = "Invalid visitor: expected a string of 1 to 64 bytes"
UPDATES = 'Invalid updates: "classic", "audience" or "none"'
FLAGS = ("visible", "observe", "recover")
WRONG_VISITORS: list[Any] = ["", "x" * 65, "é" * 33, 5, True, b"ann", ["ann"], {}]
WRONG_UPDATES: list[Any] = ["all", "", None, 1, ["audience"], {}]
WRONG_FLAGS: list[Any] = [None, 0, 1, "true", []]


def test_an_empty_payload_has_every_default() -> None:
    assert Connect.read({}) == Connect()


def test_every_key_is_read() -> None:
    read = Connect.read(
        {
            "visitor": "ann",
            "updates": "audience",
            "token": "t",
            "visible": False,
            "observe": True,
            "recover": False,
            "pid": "p",
            "offset": "o",
        }
    )
    assert read == Connect("ann", Format.AUDIENCE, "t", False, True, False, "p", "o")


def test_keys_of_the_application_are_left_to_it() -> None:
    assert Connect.read({"name": "Ann", "problem": "none", "bytes": b"x"}) == Connect()


@pytest.mark.parametrize("visitor", [None, "a", "x" * MAX_VISITOR_BYTES, "é" * 32, "\ud800"])
def test_a_visitor_is_a_short_text_or_nobody_known(visitor: str | None) -> None:
    assert Connect.read({"visitor": visitor}) == Connect(visitor=visitor)


@pytest.mark.parametrize(
    ("auth", "problem"),
    [
        *[({"visitor": wrong}, VISITOR) for wrong in WRONG_VISITORS],
        *[({"updates": wrong}, UPDATES) for wrong in WRONG_UPDATES],
        *[({name: wrong}, f"Invalid {name}: true or false") for name in FLAGS for wrong in WRONG_FLAGS],
    ],
)
def test_what_is_wrong_counts_as_missing_and_is_the_problem(auth: dict[str, Any], problem: str) -> None:
    assert Connect.read(auth) == Connect(problem=problem)


def test_the_first_problem_is_told_whatever_the_order_of_the_keys() -> None:
    assert Connect.read({"recover": 1, "updates": 2, "visitor": 3}).problem == VISITOR
    assert Connect.read({"recover": 1, "updates": 2, "token": "t"}) == Connect(token="t", problem=UPDATES)


@pytest.mark.parametrize("name", ["token", "pid", "offset"])
@pytest.mark.parametrize("value", [None, 5, True, b"x", ["x"], {}])
def test_what_is_no_text_is_nobodys_token_or_past(name: str, value: Any) -> None:
    assert Connect.read({name: value}) == Connect()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*Connect.__struct_fields__, "else"]), JSON))
def test_nothing_that_a_client_sends_raises(auth: dict[str, Any]) -> None:
    Connect.read(auth)


def test_a_payload_over_the_limit_is_a_problem_whatever_is_in_it() -> None:
    auth = {"visitor": 5}
    assert Connect.read(auth, 101, 100).problem == "Invalid auth: expected up to 100 bytes, not 101"
    assert Connect.read({}, 100, 100).problem == ""
    assert Connect.read({}, 101, 0).problem == ""
