"""Where a connection is."""

from __future__ import annotations

import enum


class SocketState(enum.Enum):
    """Where a connection is."""

    JOINING = "its connect handler decides"
    JOINED = "on the page, and counted"
    LEFT = "gone"
