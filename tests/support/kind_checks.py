"""Reads and checks a value as one of a kind that a setting may hold."""

from __future__ import annotations

from nannin.kinds import Kind


def is_refused(kind: Kind, value: object) -> bool:
    """Whether `check` refuses this value."""
    try:
        kind.check(value)
    except ValueError:
        return True
    return False


def is_unreadable(kind: Kind, text: str) -> bool:
    """Whether `parse` refuses this text of a flag or a variable."""
    try:
        kind.parse(text)
    except ValueError:
        return True
    return False


def read(kind: Kind, text: str) -> object:
    """The value that this text of a flag or a variable gives."""
    return kind.check(kind.parse(text))
