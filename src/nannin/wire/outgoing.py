"""Packets on their way to one client or to many: each transport's form is made once, when first asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

from nannin.wire.engine_packet import Encoded, size_bytes

# What stands before the namespace in a message: its type, the packet's type, and how many attachments follow.
_HEAD = re.compile(r"4\d(?:\d+-)?")


class Outgoing:
    """Some encoded packets that travel together; it is shared by all who get them and never changes.

    Args:
        packets: in the order in which they are sent; messages as `encode_message` makes them.
    """

    __slots__ = ("_respelled", "frames", "packets", "size_bytes")

    # The packets as a server's WebSocket frames, one after the other, uncompressed: one frame can serve all
    # only because permessage-deflate, which keeps a state for each peer, is off. Source: RFC 6455, 5.2.
    frames: bytes
    # How many bytes the packets have, without what WebSocket or HTTP puts around them.
    size_bytes: int

    def __init__(self, packets: Sequence[Encoded]) -> None:
        self.packets = tuple(packets)
        self._respelled: tuple[str, Outgoing] | None = None

    def __getattr__(self, name: str) -> bytes | int:
        """Makes the frames, or counts the bytes, when asked first; from then on the slot answers by itself.

        A property would cost a call for each recipient.
        """
        if name == "frames":
            self.frames = b"".join(map(_frame, self.packets))
            return self.frames
        if name == "size_bytes":
            self.size_bytes = sum(map(size_bytes, self.packets))
            return self.size_bytes
        raise AttributeError(name)

    def rest(self, taken_bytes: int) -> Outgoing:
        """What is left for a client that has got so many bytes of the frames: bytes, and no packets."""
        rest = Outgoing(())
        # A view, since thousands may need the same: it is only written to a transport.
        rest.frames = cast(bytes, memoryview(self.frames)[taken_bytes:])
        return rest

    def respelled(self, namespace: str, spelling: str) -> Outgoing:
        """The same packets for clients that spell their namespace in another way.

        Args:
            namespace: the one in all the packets.
            spelling: the clients' own. The packets with the last one asked for are kept, as clients that
                spell it in a way of their own mostly do so in the same way.
        """
        if self._respelled is None or self._respelled[0] != spelling:
            packets = [_respell(packet, f"{namespace},", f"{spelling},") for packet in self.packets]
            self._respelled = spelling, Outgoing(packets)
        return self._respelled[1]


def _respell(packet: Encoded, namespace: str, spelling: str) -> Encoded:
    if not isinstance(packet, str):
        return packet
    head = _HEAD.match(packet)
    if head is None or not packet.startswith(namespace, head.end()):
        return packet
    return head[0] + spelling + packet[head.end() + len(namespace) :]


def _frame(packet: Encoded) -> bytes:
    """One final, unmasked frame: a text's first byte is 0x81, a binary's 0x82, and the length follows."""
    first, payload = (b"\x81", packet.encode()) if isinstance(packet, str) else (b"\x82", packet)
    size = len(payload)
    if size < 126:
        return first + size.to_bytes(1, "big") + payload
    if size < 65_536:
        return first + b"\x7e" + size.to_bytes(2, "big") + payload
    return first + b"\x7f" + size.to_bytes(8, "big") + payload
