"""Numbers as a line of bars."""

from __future__ import annotations

from nannin.cli.sparks import draw_sparks


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
