"""Ids that nobody can guess, made many at once: the system is asked for randomness by each hundredth."""

from __future__ import annotations

import base64
import os
from typing import Final

# 120 random bits: nobody guesses a session that is not theirs. Without a remainder in base64, ids can be cut
# out of one text.
ID_BYTES: Final = 15
_ID_CHARACTERS: Final = ID_BYTES * 4 // 3
_AT_ONCE: Final = 100

_made: list[str] = []


def new_id() -> str:
    """An id that was never given before, in the characters of a URL."""
    if not _made:
        text = base64.urlsafe_b64encode(os.urandom(ID_BYTES * _AT_ONCE)).decode()
        _made.extend(text[at : at + _ID_CHARACTERS] for at in range(0, len(text), _ID_CHARACTERS))
    return _made.pop()


if hasattr(os, "register_at_fork"):  # a process and its copy must not give the same ids
    os.register_at_fork(after_in_child=_made.clear)
