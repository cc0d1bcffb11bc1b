"""What a session puts out for whoever holds its sockets: one class for each thing that is to be done.

They are classes so that `match` tells them apart, and Structs because each message that arrives costs one.
NamedTuples would not do: two of those with the same content compare equal.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from nannin.wire.disconnect_reason import DisconnectReason
from nannin.wire.engine_packet import Encoded


class Deliver(msgspec.Struct, frozen=True, gc=False):
    """Give the message to the application."""

    data: str | bytes


class Answer(msgspec.Struct, frozen=True):
    """Answer the waiting GET with these packets."""

    packets: Sequence[Encoded]


class Refuse(msgspec.Struct, frozen=True, gc=False):
    """Refuse the request, or close the WebSocket, that is in hand."""


class Send(msgspec.Struct, frozen=True):
    """Send these packets over the WebSocket in force."""

    packets: Sequence[Encoded]


class SendPing(msgspec.Struct, frozen=True, gc=False):
    """Send a ping over the WebSocket in force."""


class SendCandidate(msgspec.Struct, frozen=True):
    """Send these packets over the candidate."""

    packets: Sequence[Encoded]


class Switch(msgspec.Struct, frozen=True, gc=False):
    """The candidate is now the WebSocket in force."""


class CloseCandidate(msgspec.Struct, frozen=True, gc=False):
    """Close the candidate."""


class CloseWebSocket(msgspec.Struct, frozen=True, gc=False):
    """Close the WebSocket in force with this code."""

    code: int


class Ended(msgspec.Struct, frozen=True, gc=False):
    """Tell the application that the session ended, and why."""

    reason: DisconnectReason


Output = (
    Deliver
    | Answer
    | Refuse
    | Send
    | SendPing
    | SendCandidate
    | Switch
    | CloseCandidate
    | CloseWebSocket
    | Ended
)
Outputs = list[Output]
