"""Numbers as a line of bars."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from nannin.cli.sparks import GAP, draw_sparks


def test_the_greatest_number_is_the_full_bar() -> None:
    assert draw_sparks((0, 1, 4, 7)) == "▁▂▅█"
    assert draw_sparks((0, 0)) == "▁▁"
    assert draw_sparks((1, 1_000_000)) == "▂█"


def test_what_is_under_one_does_not_fill_the_bar() -> None:
    assert draw_sparks((0.0, 0.1, 0.5)) == "▁▂▅"
    assert draw_sparks((2.5, 0.0)) == "█▁"


def test_what_is_not_known_is_a_gap() -> None:
    assert draw_sparks((None, 1, None)) == "·█·"
    assert draw_sparks((None,)) == "·"
    assert draw_sparks(()) == ""


@given(st.lists(st.none() | st.floats(0, 1e9, allow_subnormal=False)))
@example([1.2, None])
def test_every_number_has_a_bar_and_the_greatest_the_full_one(numbers: list[float | None]) -> None:
    sparks = draw_sparks(numbers)
    assert [spark == GAP for spark in sparks] == [number is None for number in numbers]
    known = [number for number in numbers if number is not None]
    if known and max(known) >= 1:
        assert sparks[numbers.index(max(known))] == "█"
