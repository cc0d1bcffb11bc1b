"""What a join or a leave does to the count of a page, by counting before and after it."""

from __future__ import annotations

from typing import Any

from nannin.audience.roster import Change, Roster


def join(roster: Roster[Any], page: str, *args: Any, **options: Any) -> Change:
    """Has a connection join; the arguments are those of `Roster.join`."""
    before = roster.count(page)
    roster.join(page, *args, **options)
    return Change(page, before, roster.count(page))


def leave(roster: Roster[Any], page: str, *args: Any, **options: Any) -> Change | None:
    """Has a connection leave; the arguments are those of `Roster.leave`. None if it was not there."""
    before = roster.count(page)
    return Change(page, before, roster.count(page)) if roster.leave(page, *args, **options) else None
