"""What nodes and the census say to each other, as bytes and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from nannin.audience.census_calls import (
    Answer,
    Applied,
    Apply,
    Beat,
    Beaten,
    Call,
    Emit,
    Exited,
    Former,
    Gap,
    Leave,
    Message,
    Read,
    Reap,
    Reaped,
    Register,
    Registered,
    Returned,
    Told,
    Top,
    Total,
    Totals,
    Unknown,
    Watch,
    Watching,
    What,
    from_wire,
    to_wire,
)
from nannin.audience.roster import Count, Given

TOTAL = Total("/何人", 7, 3, 2, 1)
CALLS: list[Call] = [
    Register(1, "abc", True),
    Apply(2, 1, "abc", 1, "/何人", 3, 1, 1, False, ["cann"], ["cbob"], ["aeve"]),
    Apply(2, 1, "abc", 1, "/", 2, 0, 0, False, ["cann"], [], [], ["cann"]),
    Beat(3, 1, "abc"),
    Leave(4, 1, "abc", 2),
    Reap(5, 1, "abc:2:3"),
    Read(6, ["/", "/何人"]),
    Top(7, 10),
    Emit(8, 1, "/", b"\x00\xff"),
    Emit(9, 1, "/", b"", [2, 3]),
    Watch(10, 1, "abc", True),
]
ANSWERS: list[Answer] = [
    Registered(1, 1, "name", [TOTAL]),
    Former(1, {2: "abc:1:0"}),
    Applied(2, TOTAL, ["cann"], ["cbob"]),
    Gap(2, 1),
    Unknown(2),
    Beaten(3, "name", {1: "abc:2:3"}),
    Reaped(4, "abc:-", [Exited("/", ["cann"])]),
    Totals(6, [TOTAL]),
    Told(8, [2, 3]),
    Watching(10, [TOTAL]),
]
TOLD: list[What] = [TOTAL, Exited("/", ["cann"]), Returned("/", ["cann"]), Message(1, "/", b"\x00\xff")]


KINDS: list[tuple[object, Sequence[msgspec.Struct]]] = [(Call, CALLS), (Answer, ANSWERS), (What, TOLD)]


@pytest.mark.parametrize(("kind", "said"), [(kind, said) for kind, each in KINDS for said in each])
def test_what_is_said_is_read_as_it_was(kind: Any, said: msgspec.Struct) -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(said), type=kind) == said


@pytest.mark.parametrize("visitors", [[""], [1], [None], "cann"])
@pytest.mark.parametrize("kind", [22, 24])
def test_visitors_without_a_name_are_not_read(kind: int, visitors: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(msgspec.msgpack.encode([kind, "/", visitors]), type=What)


@pytest.mark.parametrize("place", range(2, 6))
def test_a_total_with_a_number_below_zero_is_not_read(place: int) -> None:
    numbers: list[object] = [20, "/", 7, 3, 2, 1]
    numbers[place] = -1
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(msgspec.msgpack.encode(numbers), type=What)


def test_calls_answers_and_what_is_told_are_told_apart_by_their_kind() -> None:
    kinds = [
        type(said).__struct_config__.tag for said in [*CALLS[:2], *CALLS[3:9], CALLS[-1], *ANSWERS, *TOLD]
    ]
    assert len(set(kinds)) == len(kinds)


def test_a_total_is_a_count_of_a_page() -> None:
    assert TOTAL.count == Count(connections=3, visitors=2, visible=1)


@pytest.mark.parametrize("visitor", ["ann", "", "aann", Given("ann"), Given("")])
def test_a_visitors_name_says_who_gave_the_id(visitor: str | Given) -> None:
    assert from_wire(to_wire(visitor)) == visitor
    assert isinstance(from_wire(to_wire(visitor)), Given) is isinstance(visitor, Given)


def test_the_same_id_from_two_sources_has_two_names() -> None:
    assert to_wire("ann") != to_wire(Given("ann"))


def test_no_visitor_is_without_a_connection() -> None:
    """On a group, somebody may have taken the last place to a node that was left meanwhile."""
    assert Total("/何人", 7, 3, 2, 1).count == Count(3, 2, 1)
    assert Total("/shop/*", 7, 1, 2, 1).count == Count(2, 2, 1)


@pytest.mark.parametrize("numbers", [(1, -1, 0, 0), (1, 10**12, 1, 1), (1, 1e12, 1, 1), (2**60, 1, 1, 1)])
def test_a_total_that_cant_be_is_refused(numbers: tuple[float, ...]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(msgspec.msgpack.encode([20, "/", *numbers]), type=What)
