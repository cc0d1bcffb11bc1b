"""The other processes that serve the same address, and which of them a request is for.

A request may arrive at any of them. Where it is for a session of another one, its connection goes there. The
path is not looked at: all of them have the same paths, and answer alike what has no session.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple, Protocol

from nannin.engine.ids import ID_CHARACTERS, mark_of

# The first line of a request, as far as the end of its target.
_METHOD_AND_TARGET: Final = re.compile(rb"([A-Z]{1,16}) (/[!-~]*) [^\r\n]*\r\n")
_PROTOCOL: Final = re.compile(rb"[?&]EIO=4(?:&|$)")
# Of a parameter given twice the first counts.
_SID: Final = re.compile(rb"[?&]sid=([^&]*)")


class Ends(NamedTuple):
    """Both ends of a connection whose own addresses are not theirs, since another process relays it.

    Attributes:
        client: the address and port of the client; None where it has none.
        server: the address and port that it has connected to.
    """

    client: tuple[str, int] | None
    server: tuple[str, int | None] | None


class Neighbours(Protocol):
    """The other processes.

    Attributes:
        mark: the number of this one, which its ids begin with.
    """

    mark: int

    def is_there(self, mark: int) -> bool:
        """Whether there is another process with this mark."""

    def for_new_session(self) -> int | None:
        """The mark of the process that should have a new session, since ours has more; None: this one."""

    def send(self, mark: int, descriptor: int, data: bytes, ends: Ends | None, hops: int = 0) -> None:
        """Sends a connection to another process, or takes it up here if that process can't have it.

        Args:
            mark: whose it is.
            descriptor: of the connection; it is the callee's to close.
            data: what was read from the connection.
            ends: its addresses, where they aren't those of the descriptor.
            hops: how often it was sent on in a row while requests waited in it for their answers.
        """


def find_target(data: bytes, neighbours: Neighbours) -> tuple[bool, int | None]:
    """Finds out which process a connection is for, by the first bytes that came over it.

    Returns:
        Whether the first line was whole, and the mark of the process, None for this one.
    """
    line = _METHOD_AND_TARGET.match(data)
    if line is None:
        return False, None
    return True, target_of(line[1], line[2], neighbours)


def target_of(method: bytes, target: bytes, neighbours: Neighbours) -> int | None:
    """Finds out which process a request is for.

    Args:
        method: of the request, in capitals.
        target: its path and query.
        neighbours: the processes that it may be for.

    Returns:
        The mark of the process; None for this one.
    """
    if _PROTOCOL.search(target) is None:
        return None
    sid = _SID.search(target)
    if sid is None or not sid[1]:  # an empty one asks for a handshake, too
        return neighbours.for_new_session() if method == b"GET" else None
    if len(sid[1]) != ID_CHARACTERS:
        return None
    mark = mark_of(chr(sid[1][0]))
    return mark if mark not in (-1, neighbours.mark) and neighbours.is_there(mark) else None
