"""What a session puts out: closed, and each kind told apart from the others."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from nannin.wire import engine_outputs
from nannin.wire.engine_outputs import Answer, Output, Send, SendCandidate


def test_the_union_has_every_class_of_the_module() -> None:
    classes = {
        value
        for value in vars(engine_outputs).values()
        if isinstance(value, type) and issubclass(value, msgspec.Struct) and value is not msgspec.Struct
    }
    assert set(get_args(Output)) == classes


def test_two_kinds_with_the_same_content_are_not_equal() -> None:
    kinds: list[type[Answer | Send | SendCandidate]] = [Answer, Send, SendCandidate]
    for one in kinds:
        assert [kind for kind in kinds if kind(["4a"]) == one(["4a"])] == [one]


def test_an_output_can_not_be_changed_on_its_way() -> None:
    with pytest.raises(AttributeError):
        Send(["4a"]).packets = []  # type: ignore[misc]
