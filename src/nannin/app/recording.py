"""Makes the history of a Live: where it is kept, and by what it hears of counts."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from nannin.audience.rollup import Bounds
from nannin.audience.roster import Counts, Roster
from nannin.clock import Clock
from nannin.errors import SettingsError
from nannin.history.points import Step
from nannin.nodes.local import this_worker
from nannin.nodes.node import Node
from nannin.settings import Settings
from nannin.web.past import Past

if TYPE_CHECKING:
    from nannin.history.leader import Lead
    from nannin.history.place import Place
    from nannin.history.recorder import History

__all__ = ["make_history", "make_past"]

DAY_S: Final = 86_400

logger = logging.getLogger("nannin.history")


def make_history(
    settings: Settings,
    clock: Clock,
    unix_s: Callable[[], float],
    roster: Roster[Any],
    counts: Counts,
    node: Node | None,
) -> History | None:
    """The history of a Live; None where the settings want none, or it can't be kept.

    Args:
        settings: the Live's.
        clock: time.
        unix_s: the time of day.
        roster: who is on which page of this node.
        counts: how many are on each page.
        node: this node, where there are others.

    Raises:
        SettingsError: history can't be kept where it was asked for, or what is there is not history.
    """
    if settings.history in (None, "off"):
        return None
    from nannin.history.place import find_place  # an application without history does without
    from nannin.history.recorder import History

    place = find_place(settings)
    target = place.target
    if target is None:
        logger.warning("no history is kept: %s", place.why_not)
        return None
    # This loads SQLAlchemy, which takes a quarter of a second: now, while nobody is there who would wait.
    from nannin.history.store import open_store

    history = History(
        clock,
        unix_s,
        lambda: counts,
        lambda: open_store(target, minutes_days=settings.history_minutes, hours_days=settings.history_hours),
        lambda: _make_lead(place),
        place.words,
        _bounds(settings),
        most_pages=settings.history_pages,
        is_shared=node is not None,
    )
    if node is None:
        roster.on_count = history.count
    else:
        roster.on_count = history.join
        node.on_count, node.on_known = history.hear, history.know
        node.share.watch_all()
        if settings.redis is None and (worker := this_worker()) is not None:  # else other machines serve on
            worker.on_stopping.append(history.close)
    return history


def make_past(settings: Settings, clock: Clock, unix_s: Callable[[], float], history: History | None) -> Past:
    """What the web shows of a history, or that there is none.

    Args:
        settings: the Live's.
        clock: time.
        unix_s: the time of day.
        history: from `make_history`.
    """
    kept_s = {Step.MINUTE: settings.history_minutes * DAY_S, Step.HOUR: settings.history_hours * DAY_S}
    return Past(history, clock, unix_s, settings.timezone, kept_s)


def _make_lead(place: Place) -> Lead:
    from nannin.history.leader import DatabaseLead, FileLead

    assert place.target is not None
    if place.is_file:
        server = os.getppid() if this_worker() is not None else os.getpid()
        return FileLead(place.target + ".lock", str(server))
    target = place.target

    def connect() -> Any:
        from nannin.history.engines import open_database

        pooled = open_database(target).engine.raw_connection()
        connection = pooled.driver_connection
        pooled.detach()  # so that closing the connection closes it, and gives up the lock
        return connection

    return DatabaseLead(connect)


def _bounds(settings: Settings) -> Callable[[int], Bounds]:
    """The hour and the day of a minute in the owner's time zone."""
    from nannin.history.zones import floor, following, machine, named

    try:
        zone = machine() if settings.timezone is None else named(settings.timezone)
    except ValueError as error:
        raise SettingsError(f"timezone: {error}") from None

    def find(start_s: int) -> Bounds:
        hour_s, day_s = floor(start_s, Step.HOUR, zone), floor(start_s, Step.DAY, zone)
        return Bounds(hour_s, following(hour_s, Step.HOUR, zone), day_s, following(day_s, Step.DAY, zone))

    return find
