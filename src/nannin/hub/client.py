"""A session's share of the hub: its packets in pieces, and its connections by page."""

from __future__ import annotations

from nannin.audience.roster import VisitorName
from nannin.engine.session import Session
from nannin.hub.connection import Connection
from nannin.hub.lane import Lane
from nannin.wire.socket_packet import Decoder

# How many left pages to remember per session. Packets still in flight for them are at most one round trip
# old.
MAX_LEFT = 16


class Client:
    """What the hub keeps for one session.

    Args:
        max_attachments: how many attachments a packet of the client may have.
        keeps_attachments: whether a handler may read them; if not, events with attachments are dropped.
        is_crawler: whether the client is a known crawler, which is told but not counted.

    Attributes:
        decoder: puts the client's packets together.
        is_crawler: as above.
        connections: its connections, by the keys of their pages; also those whose connect handler still runs.
        lane: its async handlers; None while none run.
        joins_whole_s: when its budget of joins is whole again.
    """

    __slots__ = ("_left", "_visitor", "connections", "decoder", "is_crawler", "joins_whole_s", "lane")

    def __init__(self, max_attachments: int, *, keeps_attachments: bool = True, is_crawler: bool) -> None:
        self.decoder = Decoder(max_attachments, keeps_attachments=keeps_attachments)
        self.is_crawler = is_crawler
        self.connections: dict[str, Connection] = {}
        self.lane: Lane | None = None
        self.joins_whole_s = 0.0
        self._left: set[str] | None = None
        self._visitor: VisitorName | None = None

    def may_count_on(self, visitor: VisitorName | None) -> bool:
        """Whether this visitor may count for a while without a connection, once the session has left a page.

        A session is one tab, so that is one visitor: the first who leaves. Else one tab that joins under ever
        new names would be a crowd.
        """
        if self._visitor is None:
            self._visitor = visitor
        return visitor == self._visitor

    def awaits_ack(self) -> bool:
        """Whether the application waits for an ack of the client."""
        return any(connection.awaits_ack for connection in self.connections.values())

    def tally(self, *, but: Connection | None = None) -> tuple[int, int]:
        """How many pages the session observes, and how many it is counted on.

        Args:
            but: a connection that is about to leave, and is left out.
        """
        if not self.connections:
            return 0, 0
        observes = [one.observes for one in self.connections.values() if one is not but]
        return sum(observes), len(observes) - sum(observes)

    def enter(self, connection: Connection) -> None:
        """The session has a connection to one more page."""
        self.connections[connection.key] = connection
        if self._left is not None:
            self._left.discard(connection.key)

    def leave(self, key: str) -> None:
        """The session's connection to a page has ended; the client may not have heard of it yet."""
        self.connections.pop(key, None)
        self.note_left(key)

    def note_left(self, key: str) -> None:
        """The session is not on this page: it was taken off, or refused. The client may not know yet."""
        if self._left is None or len(self._left) >= MAX_LEFT:
            self._left = set()
        self._left.add(key)

    def was_on(self, key: str) -> bool:
        """Whether a packet for this page, which the session is not on, may have been sent in good faith."""
        return self._left is not None and key in self._left


def client_of(session: Session) -> Client:
    """The hub's share of a session, which the hub keeps as the session's `data`."""
    client: Client = session.data
    return client
