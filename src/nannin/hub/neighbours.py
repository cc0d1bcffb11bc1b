"""What this node's hub and those of other nodes have to say to each other."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Collection
from functools import partial
from typing import Final

import msgspec

from nannin.access.refusals import Refusal
from nannin.audience.recovery import Aim
from nannin.audience.roster import VisitorName
from nannin.hub.answering import Answering
from nannin.hub.asking import Asking
from nannin.hub.hub import Hub
from nannin.hub.node_messages import (
    Called,
    Emitted,
    Leaving,
    Ordered,
    Reply,
    Returned,
    Sought,
    encode_message,
    join,
    split,
)
from nannin.hub.node_messages import NodeMessage as OwnMessage
from nannin.hub.reports import Inquired, Reported, Reports
from nannin.hub.targets import carry_out
from nannin.nodes.node import Node
from nannin.wire.outgoing import Outgoing

# Maximum seconds for which a node can say that it sends its clients away.
MAX_LEAVING_S: Final = 3_600.0
# Maximum characters of a client's `pid` that other nodes are asked about: theirs have 20.
MAX_PID: Final = 64


NodeMessage = OwnMessage | Inquired | Reported


class Neighbours:
    """Brings to the hub what other nodes say, and to them what it sends and asks.

    Args:
        hub: this node's.
        node: this node among the others.
        name: this node's, as people read it.

    Attributes:
        reports: what each node has of a page.
        on_leaving: called when another node sends its clients away, with over how many seconds it does so;
            and with 0 when it has gone.
    """

    def __init__(self, hub: Hub, node: Node, name: str = "") -> None:
        self.reports = Reports(node, hub.counts, name)
        self._hub = hub
        self._node = node
        self._decode = msgspec.msgpack.Decoder(NodeMessage).decode
        self._calls = itertools.count()
        self._asking: dict[int, Asking] = {}
        self.on_leaving: Callable[[float], None] = lambda for_s: None
        self._live: frozenset[int] = frozenset()
        self._listening: Counter[str] = Counter()  # the reasons why a page is listened to
        hub.emitter.on_emit = self._emit
        hub.others = self
        hub.recovery.on_use = hub.teller.on_observe = self._listen

    def open(self) -> None:
        """Joins the other nodes; a second call does nothing."""
        self._node.open(self)

    # What the hub wants of the other nodes

    def order(self, page: str, ordered: Ordered) -> None:
        """Has them do something with their connections."""
        if not self._hub.emitter.is_local(page, ordered.aim):
            self._node.emit(page, encode_message(ordered))

    def seek(self, page: str, aim: Aim, *, counts: bool) -> Asking:
        """Asks which of their connections an aim means, or only how many."""
        return self._ask(page, Sought(next(self._calls), aim, counts))

    def call(self, page: str, aim: Aim, event: Outgoing, last: object, within_s: float) -> Asking:
        """Sends an event that wants acks; see `Called`."""
        text, attachments = split(event)
        kept = last if isinstance(last, str) else None
        return self._ask(page, Called(next(self._calls), aim, text, attachments, kept, within_s))

    def _ask(self, page: str, question: Sought | Called) -> Asking:
        asking = self._asking[question.call] = Asking(max(1, len(self._node.others)))
        asking.done.add_done_callback(lambda _: self._asking.pop(question.call, None))
        if self._hub.emitter.is_local(page, question.aim):
            asking.told(())
        else:
            self._node.emit(page, encode_message(question), None, asking.told)
        return asking

    def tell_returned(self, page: str, pid: str) -> None:
        """A client has come here as a new one that may have been with one of them; see `Returned`."""
        if self._hub.recovery.is_on and len(pid) <= MAX_PID:
            self._node.emit(page, encode_message(Returned(pid)))

    def leave_soon(self, for_s: float) -> None:
        """Tells the others that this node sends its clients away, over so many seconds."""
        if self._node.others:
            self._node.emit("/", encode_message(Leaving(for_s)), sorted(self._node.others))

    def _listen(self, page: str, listens: bool) -> None:
        """Whether events of a page have to come here though nobody is counted on it here.

        Somebody observes it, who may be in a room or sent to by id; or somebody may come back to it, who
        must not have missed anything then.
        """
        before = self._listening[page]
        self._listening[page] += 1 if listens else -1
        if not self._listening[page]:
            del self._listening[page]
        if bool(before) is not (page in self._listening):
            self._node.hear(page, page in self._listening)

    def _emit(self, page: str, aim: Aim, event: Outgoing, volatile: bool) -> None:
        """The application has sent an event here: the other nodes send it to their clients."""
        self._node.emit(page, encode_message(Emitted(aim, volatile, *split(event))))

    # What the other nodes say

    def change(self, page: str) -> None:
        """The page's count, or whether it is sure, may have changed."""
        self._hub.teller.change(page)
        self._hub.presence.settle(page)

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

    def refused(self) -> None:
        """Another program has sent something on the channels of the nodes."""
        refused = "refused what another program sent in Redis on the channels of nannin's nodes"
        self._hub.refusals.add_and_tell(Refusal.OUTSIDE, f"{refused}: give each program a prefix of its own")

    def unknown(self, calls: int) -> None:
        """The census has refused calls of nodes that it doesn't know."""
        self._hub.refusals.tally[Refusal.UNKNOWN] += calls
        self._hub.refusals.tell(
            "refused calls of a node that is not known: a process stood still or was cut off until it was "
            "taken for dead, or another program calls nannin's scripts in Redis"
        )

    def live(self, nodes: Collection[int]) -> None:
        """These nodes are there, this one among them."""
        gone, self._live = self._live - frozenset(nodes), frozenset(nodes)
        if gone:
            self.on_leaving(0.0)
        for asking in list(self._asking.values()):
            asking.live(nodes)

    def message(self, number: int, page: str, message: bytes) -> None:
        """Another node has sent a message about a page."""
        try:
            said: NodeMessage = self._decode(message)
        except (msgspec.MsgspecError, ValueError, RecursionError):  # of any bytes, msgspec raises all three
            refused = "node %d sent something that this version does not know"
            self._hub.refusals.add_and_tell(Refusal.OUTSIDE, refused, number)
            return
        match said:
            case Emitted():
                event = join(said.text, said.attachments)
                self._hub.emitter.deliver(page, said.aim, event, volatile=said.volatile)
            case Ordered():
                carry_out(self._hub, page, said)
            case Reply():
                if (asking := self._asking.get(said.call)) is not None:
                    asking.receive(number, said)
            case Sought():
                self._answer(number, page, said)
            case Called():
                self._put_through(number, page, said)
            case Returned():
                self._hub.comebacks.give_up(page, said.pid)
            case Leaving():
                self.on_leaving(min(max(said.for_s, 0.0), MAX_LEAVING_S))
            case Inquired():
                self.reports.inquire(number, page, said)
            case Reported():
                self.reports.receive(number, said)

    def _answer(self, number: int, page: str, sought: Sought) -> None:
        """Answers which connections of this node an aim means."""
        connections = self._hub.emitter.recipients(page, sought.aim)
        if sought.counts:
            self._reply(number, page, Reply(sought.call, len(connections), is_last=True))
        else:
            Answering(sought.call, connections, partial(self._reply, number, page), self._node.clock)

    def _put_through(self, number: int, page: str, called: Called) -> None:
        """Sends an event of another node that wants acks, and sends back what comes."""
        emitter = self._hub.emitter
        event = join(called.text, called.attachments)
        acks = emitter.ask(page, emitter.recipients(page, called.aim), event, called.last)
        reply = partial(self._reply, number, page)
        Answering(called.call, list(acks), reply, self._node.clock, acks, called.within_s)

    def _reply(self, number: int, page: str, reply: Reply) -> None:
        self._node.emit(page, encode_message(reply), [number])
