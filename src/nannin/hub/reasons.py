"""Where a connection is."""

from __future__ import annotations

import enum


class SocketState(enum.Enum):
    """Where a connection is."""

    JOINING = "its connect handler decides"
    COUNTED = "let in, and counted unless it observes, but the count of all nodes is not known here yet"
    JOINED = "on the page, and counted"
    LEFT = "gone"
