"""What is told once, however often it happens."""

from __future__ import annotations

from nannin.once import Once


def test_each_thing_is_told_the_first_time_only() -> None:
    once = Once(10)
    assert [once.is_first("a", "b"), once.is_first("a", "b"), once.is_first("a", "c")] == [True, False, True]


def test_after_so_many_things_nothing_is_told() -> None:
    once = Once(2)
    assert [once.is_first(name) for name in "abca"] == [True, True, False, False]


def test_to_ask_whether_a_thing_is_new_remembers_nothing() -> None:
    once = Once(1)
    assert once.is_new("a")
    assert once.is_first("a")
    assert not once.is_new("a")
    assert not once.is_new("b"), "so many are told, and no more"


def test_of_a_long_name_only_the_beginning_is_kept() -> None:
    once = Once(10)
    assert once.is_first("a", "b" * 1_000_000)
    assert not once.is_first("a", "b" * 1_000)
    assert once.is_first("a", "b" * 200)
    assert all(len(name) < 1_000 for names in once._told for name in names)
