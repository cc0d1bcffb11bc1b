"""Ids that nobody can guess."""

from __future__ import annotations

import os
import re

import pytest

from nannin.engine.ids import MAX_MARKS, mark_ids, mark_of, new_id


def test_no_id_is_given_twice() -> None:
    ids = [new_id() for _ in range(1_000)]
    assert len(set(ids)) == 1_000


def test_an_id_has_120_bits_in_the_characters_of_a_url() -> None:
    ids = [new_id() for _ in range(1_000)]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{20}", one) for one in ids)
    assert {character for one in ids for character in one} >= {"_", "-", "A", "z", "9"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_process_and_its_copy_give_different_ids() -> None:
    new_id()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, " ".join(new_id() for _ in range(5)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, 1_000).decode().split()
    os.close(reading)
    os.close(writing)
    assert len(theirs) == 5
    assert not {new_id() for _ in range(200)} & set(theirs)


@pytest.mark.parametrize(("mark", "character"), [(0, "A"), (26, "a"), (63, "_")])
def test_the_ids_of_a_process_with_a_mark_begin_with_its_character(mark: int, character: str) -> None:
    new_id()
    mark_ids(mark)
    try:
        ids = [new_id() for _ in range(1_000)]
    finally:
        mark_ids(None)
    assert len(set(ids)) == 1_000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{20}", one) for one in ids)
    assert {one[0] for one in ids} == {character}
    assert mark_of(ids[0][0]) == mark
    assert len({new_id()[0] for _ in range(1_000)}) > 40, "no mark any more"


def test_every_mark_has_a_character_of_its_own() -> None:
    marks = {mark_of(character) for character in map(chr, range(256))} - {-1}
    assert marks == set(range(MAX_MARKS))
    assert mark_of("") == mark_of("AB") == -1
