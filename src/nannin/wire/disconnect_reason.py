"""Every way in which a connection or its session can end, and what follows from it: one table."""

from __future__ import annotations

import enum


class GraceKind(enum.Enum):
    """For how long a visitor still counts after an end; the settings say the seconds."""

    NONE = "not at all"
    CLEAN = "`grace`"
    LOST = "`grace_lost`"
    LOST_IN_SILENCE = "`grace_lost`, less the `ping_timeout` for which the client has been silent already"


class DisconnectReason(enum.StrEnum):
    """Why a connection ended: what a `disconnect` handler is told, in Socket.IO's words where it has some.

    Attributes:
        close_code: the WebSocket close code that says the same to the client. An end that leaves a page, and
            not the session, closes no WebSocket. Source: RFC 6455, 7.4.1, and IANA's registry.
        grace: for how long the visitor still counts.
        may_return: whether the client can come back as who it was. The other ends were meant by somebody.
    """

    close_code: int
    grace: GraceKind
    may_return: bool

    # The defaults are for callers that look a reason up by its word; every row below is written in full.
    def __new__(
        cls, word: str, close_code: int = 1000, grace: GraceKind = GraceKind.NONE, may_return: bool = False
    ) -> DisconnectReason:
        """One row of the table: its word, then its attributes in the order in which they stand above."""
        reason = str.__new__(cls, word)
        reason._value_ = word
        reason.close_code, reason.grace, reason.may_return = close_code, grace, may_return
        return reason

    # The client called disconnect(), or moved to another page.
    CLIENT_LEFT = ("client namespace disconnect", 1000, GraceKind.CLEAN, False)
    # The server called socket.disconnect().
    SERVER_LEFT = ("server namespace disconnect", 1000, GraceKind.NONE, False)
    # The client closed its link: the tab was closed.
    TRANSPORT_CLOSE = ("transport close", 1000, GraceKind.CLEAN, True)
    # The link broke.
    TRANSPORT_ERROR = ("transport error", 1002, GraceKind.LOST, True)
    # There was no sign of life for ping_interval + ping_timeout.
    PING_TIMEOUT = ("ping timeout", 1000, GraceKind.LOST_IN_SILENCE, True)
    # The client broke the protocol.
    PARSE_ERROR = ("parse error", 1002, GraceKind.NONE, False)
    # The client sent a larger WebSocket message than `max_payload`.
    TOO_LARGE = ("message too large", 1009, GraceKind.LOST, True)
    # The client sent more messages than `max_messages`.
    TOO_MANY = ("too many messages", 1008, GraceKind.LOST, True)
    # The server called socket.disconnect(close=True) on another of the session's pages.
    FORCED_CLOSE = ("forced close", 1000, GraceKind.NONE, False)
    # The client joined no page in time. Handlers never see this: a client without a page has no socket.
    CONNECT_TIMEOUT = ("connect timeout", 1000, GraceKind.NONE, False)
    # More waited for the client than may, or it did not read in time.
    SLOW_CLIENT = ("slow client", 1008, GraceKind.LOST, True)
    # The server stops; its clients come back to the next one, or to the other workers.
    SHUTTING_DOWN = ("server shutting down", 1012, GraceKind.LOST, False)
