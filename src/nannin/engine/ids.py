"""Ids that nobody can guess, made many at once: the system is asked for randomness by each hundredth.

Where several processes serve together, each has a number, its mark, and the first character of an id tells
whose it is.
"""

from __future__ import annotations

import base64
import os
from typing import Final

# 120 random bits: nobody guesses a session that is not theirs. Without a remainder in base64, ids can be cut
# out of one text. With a mark it is 114 bits.
ID_BYTES: Final = 15
ID_CHARACTERS: Final = ID_BYTES * 4 // 3
_AT_ONCE: Final = 100
# How many processes can be told apart by one character.
MAX_MARKS: Final = 64
_CHARACTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

_made: list[str] = []
_first = ""  # what each id of this process begins with


def new_id() -> str:
    """An id that was never given before, in the characters of a URL."""
    if not _made:
        text = base64.urlsafe_b64encode(os.urandom(ID_BYTES * _AT_ONCE)).decode()
        cut = len(_first)
        _made.extend(
            _first + text[at + cut : at + ID_CHARACTERS] for at in range(0, len(text), ID_CHARACTERS)
        )
    return _made.pop()


def mark_ids(mark: int | None) -> None:
    """Has every id of this process begin with its mark.

    Args:
        mark: under `MAX_MARKS`; None: a process that serves alone.
    """
    global _first
    _first = "" if mark is None else _CHARACTERS[mark]
    _made.clear()


def mark_of(character: str) -> int:
    """The mark that a character stands for; -1 for none."""
    return _CHARACTERS.find(character) if len(character) == 1 else -1


if hasattr(os, "register_at_fork"):  # a process and its copy must not give the same ids
    os.register_at_fork(after_in_child=_made.clear)
