"""Where a connection is."""

from __future__ import annotations

import enum


class SocketState(enum.Enum):
    """Where a connection is."""

    JOINING = "its connect handler decides"
    COUNTED = "let in and counted, but its node has yet to learn the count that all nodes come to"
    JOINED = "on the page, and counted"
    LEFT = "gone"
