"""What this node's hub and those of other nodes have to say to each other."""

from __future__ import annotations

import logging

import msgspec

from nannin.audience.recovery import Aim
from nannin.audience.roster import VisitorName
from nannin.hub.hub import Hub
from nannin.hub.reports import Inquired, Reported, Reports
from nannin.nodes.node import Node
from nannin.wire.outgoing import Outgoing

logger = logging.getLogger("nannin.nodes")


class Emitted(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """An event of the application, encoded as its node encoded it.

    Attributes:
        rooms, except_: as in `Aim`.
        volatile: whether it is dropped for clients that can't take it at once.
        text: the event's packet.
        attachments: the binary packets that follow it.
    """

    rooms: list[str] | None
    except_: list[str]
    volatile: bool
    text: str
    attachments: list[bytes]


class Neighbours:
    """Brings to the hub what other nodes say, and to them what it sends.

    Args:
        hub: this node's.
        node: this node among the others.
        name: this node's, as people read it.

    Attributes:
        reports: what each node has of a page.
    """

    def __init__(self, hub: Hub, node: Node, name: str = "") -> None:
        self.reports = Reports(node, hub.counts, name)
        self._hub = hub
        self._node = node
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Emitted | Inquired | Reported).decode
        hub.emitter.on_emit = self._emit

    def open(self) -> None:
        """Joins the other nodes; a second call does nothing."""
        self._node.open(self)

    # What the other nodes say

    def change(self, page: str) -> None:
        """The page's count, or whether it is sure, may have changed."""
        self._hub.teller.change(page)

    def change_all(self) -> None:
        """Whether counts are sure has changed."""
        self._hub.teller.change_all()

    def entered(self, page: str, visitor: VisitorName) -> None:
        """A visitor is new on a page, over all nodes."""
        self._hub.presence.entered(page, visitor)

    def exited(self, page: str, visitor: VisitorName) -> None:
        """A visitor has gone from a page, on all nodes."""
        self._hub.presence.exited(page, visitor)

    def returned(self, page: str, visitor: VisitorName) -> None:
        """A visitor of this node has come to the page through another."""
        self._hub.grace.end_one(page, visitor)

    def message(self, number: int, page: str, message: bytes) -> None:
        """Another node has sent a message about a page."""
        try:
            said: Emitted | Inquired | Reported = self._decode(message)
        except msgspec.MsgspecError:
            logger.warning("node %d sent something that this version does not know", number)
            return
        match said:
            case Emitted():
                event = Outgoing([said.text, *said.attachments])
                aim = Aim(None if said.rooms is None else frozenset(said.rooms), frozenset(said.except_))
                self._hub.emitter.deliver(page, aim, event, volatile=said.volatile)
            case Inquired():
                self.reports.inquire(number, page, said)
            case Reported():
                self.reports.receive(number, said)

    def _emit(self, page: str, aim: Aim, event: Outgoing, volatile: bool) -> None:
        """The application has sent an event here: the other nodes send it to their clients."""
        rooms = None if aim.rooms is None else sorted(aim.rooms)
        text, *attachments = event.packets
        emitted = Emitted(
            rooms,
            sorted(aim.except_),
            volatile,
            str(text),
            [bytes(one) for one in attachments if not isinstance(one, str)],
        )
        self._node.emit(page, self._encode(emitted))
