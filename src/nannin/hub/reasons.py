"""Where a connection is, and why it ended."""

from __future__ import annotations

import enum


class SocketState(enum.Enum):
    """Where a connection is."""

    JOINING = "its connect handler decides"
    JOINED = "on the page, and counted"
    LEFT = "gone"


class DisconnectReason(enum.StrEnum):
    """Why a connection ended: what a `disconnect` handler is told, in Socket.IO's words where it has some."""

    CLIENT_LEFT = "client namespace disconnect"  # the client called disconnect(), or moved to another page
    SERVER_LEFT = "server namespace disconnect"  # socket.disconnect()
    TRANSPORT_CLOSE = "transport close"  # the client closed its link: the tab was closed
    TRANSPORT_ERROR = "transport error"  # the link broke
    PING_TIMEOUT = "ping timeout"  # no sign of life for ping_interval + ping_timeout
    PARSE_ERROR = "parse error"  # the client broke the protocol
    FORCED_CLOSE = "forced close"  # socket.disconnect(close=True), on another of the session's pages
    CONNECT_TIMEOUT = "connect timeout"  # no handler sees it: a client that is on no page has no socket
    SLOW_CLIENT = "slow client"  # more waited for the client than may
    SHUTTING_DOWN = "server shutting down"
