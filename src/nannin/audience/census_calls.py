"""What nodes and the census say to each other: calls, their answers, and what a node is told unasked.

Each is an array on the wire that begins with a number for its kind, as msgspec encodes it. Every call
carries a number, `call`, that its node never uses again, and its answer repeats it. So a late answer, or a
call that comes twice, is recognised, also after the census has lost what it knew.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from nannin.audience.roster import Count, Given, VisitorName

# What comes over Redis may be anybody's: what could not be understood later is refused as it is read.
_Number = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
# A version: Redis counts in floating-point numbers, which are exact up to this one.
_Version = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
# A visitor's name as `to_wire` makes it.
_Name = Annotated[str, msgspec.Meta(min_length=1)]


class Register(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """A node asks for a number. It is answered by `Registered`, or by `Former`.

    Attributes:
        call: the call's number.
        epoch: which process the node is: text without a colon that no other process uses.
        everything: whether the node is told of every page, also of those that it has no part of.
    """

    call: int
    epoch: str
    everything: bool = False


class Apply(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """A node says what its part of a page is now. It is answered by `Applied`, `Gap` or `Unknown`.

    All of it is what is, not what changed, so that saying it twice does no harm.

    Attributes:
        call: the call's number, which also numbers this write among those of its node.
        number, epoch: the node's.
        previous: the number of the write before, or of the registration.
        page: the page's key.
        connections: how many connections of this node count on the page.
        anonymous: how many of them have no visitor's id.
        anonymous_visible: how many of those see the page.
        stays: whether the node is told of the page, though it may have no connections there.
        visible: visitors who are on the page with this node, and see it.
        hidden: visitors who are on the page with this node, and don't see it.
        absent: visitors who are not on the page with this node.
        joined: visitors who were on the page with this node already, and have joined once more without
            taking a place in grace here; each as often as that.
    """

    call: int
    number: int
    epoch: str
    previous: int
    page: str
    connections: int
    anonymous: int
    anonymous_visible: int
    stays: bool
    visible: list[str]
    hidden: list[str]
    absent: list[str]
    joined: list[str] = []


class Beat(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """A node says that it lives. It is answered by `Beaten` or `Unknown`."""

    call: int
    number: int
    epoch: str


class Leave(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """A node leaves in good order: its parts are removed as far as `most` goes, the rest by `Reap`.

    It is answered by `Reaped`, `Gap` or `Unknown`. `previous` is that of an `Apply`.
    """

    call: int
    number: int
    epoch: str
    previous: int
    most: int = 1_000


class Reap(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """Removes some of the parts of a node that is gone. It is answered by `Reaped`.

    Attributes:
        call: the call's number.
        number: the node that is gone.
        seen: its value, as `Beaten` or `Former` gave it. If the value has changed, nothing is done.
        most: how many of its pages to take at most.
    """

    call: int
    number: int
    seen: str
    most: int = 1_000


class Read(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """Asks for the totals of pages. It is answered by `Totals`, in the order asked for."""

    call: int
    pages: list[str]


class Top(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """Asks for the pages with the most visitors. It is answered by `Totals`, the largest first."""

    call: int
    most: int


class Emit(msgspec.Struct, frozen=True, array_like=True, tag=7):
    """Sends a message to nodes. It is answered by `Told`.

    Attributes:
        call: the call's number.
        number: who sends; this node gets no copy.
        page: the page it is about.
        message: what is sent, which the census doesn't look at.
        nodes: the nodes that get it; without them all that are told of the page.
    """

    call: int
    number: int
    page: str
    message: bytes
    nodes: list[int] | None = None


class Watch(msgspec.Struct, frozen=True, array_like=True, tag=8):
    """A node wants to be told of every page from now on, or no more. Answered by `Watching` or `Unknown`."""

    call: int
    number: int
    epoch: str
    watches: bool


Call = Register | Apply | Beat | Leave | Reap | Read | Top | Emit | Watch


class Total(msgspec.Struct, frozen=True, array_like=True, tag=20):
    """A page's count over all nodes.

    Attributes:
        page: the page's key.
        version: grows with each change of the page; a number with a smaller version is older.
        connections, visitors, visible: as in `Count`.
    """

    page: str
    version: _Version
    connections: _Number
    visitors: _Number
    visible: _Number

    @property
    def count(self) -> Count:
        """The same without the page and version. No visitor is without a connection, on a group either."""
        return Count(max(self.connections, self.visitors), self.visitors, self.visible)


class Exited(msgspec.Struct, frozen=True, array_like=True, tag=22):
    """Visitors who were with a node that is gone, and are on the page with no other. One node is told."""

    page: str
    visitors: list[_Name]


class Returned(msgspec.Struct, frozen=True, array_like=True, tag=24):
    """Visitors who are with this node, and have just joined the page through another, each as often as that.

    One who is in grace here has moved: the place that is kept is not needed any more.
    """

    page: str
    visitors: list[_Name]


class Gone(msgspec.Struct, frozen=True, array_like=True, tag=25):
    """Another node has gone. This comes before what that makes of the totals."""

    number: int


class Message(msgspec.Struct, frozen=True, array_like=True, tag=21):
    """What another node has emitted."""

    number: int
    page: str
    message: bytes


class Registered(msgspec.Struct, frozen=True, array_like=True, tag=10):
    """The node has this number now, and no part anywhere.

    Attributes:
        call: the call's number.
        number: the node's.
        id: the random name of the census's data. Another name is another census.
        totals: those of all pages that somebody is on, for a node that is told of every page.
        version: with totals, that of the last change up to then: all other pages were empty.
    """

    call: int
    number: int
    id: str
    totals: list[Total] = []
    version: int = 0


class Former(msgspec.Struct, frozen=True, array_like=True, tag=11):
    """The process has numbers already. They must be reaped before it gets a new one, or it would count twice.

    Attributes:
        call: the call's number.
        nodes: these numbers, each with its value.
    """

    call: int
    nodes: dict[int, str]


class Applied(msgspec.Struct, frozen=True, array_like=True, tag=12):
    """The write is done, now or already.

    Attributes:
        call: the call's number.
        total: what the page has now.
        entered: visitors of this write who were on the page with no node before.
        exited: visitors of this write who were on the page, and are with no node now.
    """

    call: int
    total: Total
    entered: list[str] = []
    exited: list[str] = []


class Gap(msgspec.Struct, frozen=True, array_like=True, tag=13):
    """The write before is missing. Nothing was done.

    Attributes:
        call: the call's number.
        last: the last write that the census has. All later ones must be made again.
    """

    call: int
    last: int


class Unknown(msgspec.Struct, frozen=True, array_like=True, tag=14):
    """The census doesn't know this node, or not any more. Nothing was done; the node must register."""

    call: int


class Beaten(msgspec.Struct, frozen=True, array_like=True, tag=15):
    """Who there is.

    Attributes:
        call: the call's number.
        id: the random name of the census's data.
        nodes: every node's number with its value, which stands still once it is gone: `epoch:write:beat`,
            or `epoch:-` while the node's parts are being removed.
        refused: how many calls of nodes that it doesn't know the census has answered by `Unknown`.
    """

    call: int
    id: str
    nodes: dict[int, str]
    refused: int = 0


class Reaped(msgspec.Struct, frozen=True, array_like=True, tag=16):
    """Some of the node's parts were removed.

    Attributes:
        call: the call's number.
        seen: the node's value now, for the next `Reap`; empty where nothing is left to do.
        exited: visitors who were on a page with this node, and are there with no other.
    """

    call: int
    seen: str
    exited: list[Exited] = []


class Totals(msgspec.Struct, frozen=True, array_like=True, tag=17):
    """The totals that were asked for."""

    call: int
    totals: list[Total]


class Told(msgspec.Struct, frozen=True, array_like=True, tag=18):
    """The nodes that a message was sent to, without the sender."""

    call: int
    nodes: list[int]


class Watching(msgspec.Struct, frozen=True, array_like=True, tag=19):
    """The node is told of every page from now on, or of its own only.

    Attributes:
        call: the call's number.
        totals: those of all pages that somebody is on; none for a node that watches no more.
        version: as in `Registered`.
    """

    call: int
    totals: list[Total]
    version: int = 0


What = Total | Message | Exited | Returned | Gone
Answer = Registered | Former | Applied | Gap | Unknown | Beaten | Reaped | Totals | Told | Watching


def to_wire(visitor: VisitorName) -> str:
    """A visitor's name as one text: a letter tells who gave the id."""
    return f"a{visitor.id}" if isinstance(visitor, Given) else f"c{visitor}"


def from_wire(name: str) -> VisitorName:
    """Whose name that is."""
    return Given(name[1:]) if name[0] == "a" else name[1:]
