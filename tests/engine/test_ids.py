"""Ids that nobody can guess."""

from __future__ import annotations

import os
import re

import pytest

from nannin.engine.ids import new_id


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
