"""Whom this server turned away, and why: one tally for all of it, and one line in the log for each cause."""

from __future__ import annotations

import enum
import logging
from collections import Counter
from typing import Final

from nannin.once import Once

logger = logging.getLogger("nannin.access")

# Maximum causes that the log is told of.
_MAX_TOLD = 64


class Refusal(enum.StrEnum):
    """Why a client was turned away; the words of the tally."""

    HOST = "host"  # a request for another server: by a name that this one doesn't go by
    ORIGIN = "origin"  # a page of a site that may not connect
    PAGE = "page"  # a page that doesn't exist, or that the session is on already
    TOKEN = "token"  # noqa: S105 - a page's token is missing or wrong
    EXPIRED = "expired"  # a page's token was right, and has ended
    PAYLOAD = "payload"  # a CONNECT whose payload is malformed
    LIMIT = "limit"  # more pages than one session may have
    APPLICATION = "application"  # the connect handler refused
    EVENT = "event"  # an event that doesn't fit its handler
    BUSY = "busy"  # an event that would have to wait after too many others of its client
    JOINS = "joins"  # a session joins pages too quickly
    PAGES = "pages"  # a new page, where there are too many
    MESSAGES = "messages"  # a session that sent too many, and was ended
    ADDRESS = "address"  # an address has too many connections
    ADDRESS_RATE = "address_rate"  # an address opens connections too quickly
    CONNECTIONS = "connections"  # more connections than the process may have
    HTTP = "http"  # what is no HTTP, has too large a head, or comes too slowly
    SIZE = "size"  # a message or the body of a poll that has more than max_payload
    TLS = "tls"  # a connection that began no TLS, or was too slow with its handshake
    PROTOCOL = "protocol"  # a session that was ended, since its client broke a rule of a protocol
    REQUEST = "request"  # a request or a WebSocket's opening that no protocol allows, or not at this moment
    SESSION = "session"  # a request for a session that is gone: normal after a restart
    IDLE = "idle"  # a session that was ended, since its client joined no page in time
    SLOW = "slow"  # a session or a stream that was ended, since its client did not read
    DESCRIPTORS = "descriptors"  # a connection for which the process has no file descriptor to spare
    LIST = "list"  # a list of pages, for somebody who may not read it
    METRICS = "metrics"  # the metrics, for somebody who may not read them
    EMIT = "emit"  # an event from outside, of somebody who may not send
    OUTSIDE = "outside"  # what another program sent over Redis, and could not be done
    UNKNOWN = "unknown"  # what came as a node's that the other nodes don't know, any more or at all
    GUESS = "guess"  # a token that was not looked at, after too many wrong ones


class Refusals:
    """Counts every refusal by its reason, whoever refuses.

    Attributes:
        tally: how many were turned away since the start.
    """

    def __init__(self) -> None:
        self.tally: Counter[Refusal] = Counter()
        self._once = Once(_MAX_TOLD)

    def add(self, refusal: Refusal) -> None:
        """Somebody was turned away."""
        self.tally[refusal] += 1

    def add_and_tell(self, refusal: Refusal, message: str, *args: object) -> None:
        """As `add`; the first time, the log says what to do about it.

        Args:
            refusal: the reason.
            message: one line that names the setting which changes it, and nobody's address or secret. What
                differs from client to client belongs into `args`: each message is logged once.
            args: for the message's placeholders.
        """
        self.tally[refusal] += 1
        self.tell(message, *args)

    def tell(self, message: str, *args: object) -> None:
        """As `add_and_tell`, for a refusal that somebody else adds."""
        if self._once.is_first(message):
            logger.warning(message, *args)


# Those that the process turned away before it was known which of its applications they wanted, or where it is
# no matter.
AT_THE_DOOR: Final = Refusals()
