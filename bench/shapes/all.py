"""All shapes, in the order of the table."""

from __future__ import annotations

from shapes import heartbeats, large, observers, pages, polling, reconnect, room

ALL = [
    pages.SHAPE,
    room.SHAPE,
    observers.SHAPE,
    polling.SHAPE,
    large.TEN,
    large.HUNDRED,
    reconnect.SHAPE,
    heartbeats.SHAPE,
]
