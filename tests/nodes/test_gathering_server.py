"""What the supervisor passes on."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from nannin.nodes.channel import Ask, Asked, Channel, FromSupervisor, Reply, Said, Who
from nannin.nodes.gathering_server import GatheringServer, Member


class Wire:
    """The side of a channel that is sent to."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, data: bytes) -> None:
        self.sent.append(msgspec.msgpack.decode(data, type=FromSupervisor))


def test_a_question_goes_to_all_others_and_an_answer_to_whoever_asked() -> None:
    wires = {3: Wire(), 5: Wire(), 8: Wire()}
    names = {3: "1", 5: "2", 8: "2 leaving"}
    server = GatheringServer(
        lambda: [Member(mark, names[mark], cast("Channel", wire)) for mark, wire in wires.items()]
    )
    server.receive(5, Ask(0, 7))
    assert wires[3].sent == wires[8].sent == [Asked(0, 7, 5)]
    assert wires[5].sent == [Who(0, 7, "2", ["1", "2 leaving"])]
    server.receive(8, Reply(0, 7, 5, b"so many"))
    assert wires[5].sent[1:] == [Said(0, 7, "2 leaving", b"so many")]
    del wires[5]
    server.receive(3, Reply(0, 7, 5, b"so many"))  # whoever asked has gone
    server.receive(5, Ask(0, 8))  # this came before its end
    assert len(wires[3].sent) == 1
