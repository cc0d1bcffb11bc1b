"""What all workers of this machine have to say: the supervisor's side, which passes that on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from nannin.nodes.channel import Ask, Asked, Channel, Reply, Said, Who

__all__ = ["GatheringServer", "Member"]


class Member(NamedTuple):
    """A process that can be asked.

    Attributes:
        mark: its number, which no other living process has.
        name: what its worker is called; no other process has the same.
        channel: leads to it.
    """

    mark: int
    name: str
    channel: Channel


class GatheringServer:
    """Passes on what workers ask each other.

    Args:
        members: the processes that can be asked now.
    """

    def __init__(self, members: Callable[[], Iterable[Member]]) -> None:
        self._members = members
        self._encode = msgspec.msgpack.Encoder().encode

    def receive(self, mark: int, message: Ask | Reply) -> None:
        """The process of this mark asks, or answers."""
        members = {member.mark: member for member in self._members()}
        sender = members.get(mark)
        if sender is None:
            return
        if isinstance(message, Reply):
            if (asker := members.get(message.asker)) is not None:
                said = Said(message.space, message.call, sender.name, message.said)
                asker.channel.send(self._encode(said))
            return
        others = [member for member in members.values() if member is not sender]
        question = self._encode(Asked(message.space, message.call, mark))
        for member in others:
            member.channel.send(question)
        who = Who(message.space, message.call, sender.name, [member.name for member in others])
        sender.channel.send(self._encode(who))
