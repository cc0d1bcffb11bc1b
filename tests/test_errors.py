"""The tree of exceptions: what catches what, and what a peer's error carries."""

from __future__ import annotations

import re

import pytest

import nannin.errors
from nannin.errors import (
    CallTimeout,
    ConnectionRefused,
    NanninError,
    PacketError,
    PayloadError,
    WrongThread,
)

ERRORS = [getattr(nannin.errors, name) for name in nannin.errors.__all__]


@pytest.mark.parametrize("error", ERRORS)
def test_whoever_catches_the_root_catches_every_error(error: type[Exception]) -> None:
    assert issubclass(error, NanninError)


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (ConnectionRefused, ConnectionRefusedError),
        (CallTimeout, TimeoutError),
        (PayloadError, ValueError),
        (WrongThread, RuntimeError),
    ],
)
def test_an_error_of_a_known_kind_is_caught_as_that_kind(
    error: type[Exception], builtin: type[Exception]
) -> None:
    with pytest.raises(builtin):
        raise error("why")


def test_the_tree_that_is_drawn_is_the_tree_that_there_is() -> None:
    drawn = re.findall(
        r"^(?:[├└│ ─]*)(\w+)(?: \((\w+)\))?(?: {2,}.*)?$", nannin.errors.__doc__ or "", re.MULTILINE
    )
    assert {name for name, _ in drawn} == set(nannin.errors.__all__)
    for name, builtin in drawn:
        kinds = [kind.__name__ for kind in getattr(nannin.errors, name).__mro__]
        assert not builtin or builtin in kinds


def test_a_refusal_keeps_its_message_and_data() -> None:
    refusal = ConnectionRefused("full", {"free": 0})
    assert (str(refusal), refusal.message, refusal.data) == ("full", "full", {"free": 0})
    assert (ConnectionRefused().message, ConnectionRefused().data) == ("Connection refused", None)


def test_a_malformed_packet_is_a_value_with_its_words() -> None:
    assert str(PacketError("expected a type, not x")) == "expected a type, not x"
