"""Workers that ask each other over a supervisor in the same process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import cast

import msgspec

from nannin.nodes.channel import Ask, Asked, Channel, FromSupervisor, FromWorker, Reply, Said, Who
from nannin.nodes.gathering import Gathered, Gathering
from nannin.nodes.gathering_server import GatheringServer, Member
from nannin.nodes.local import Worker

decode = msgspec.msgpack.Decoder(FromSupervisor).decode


class Desk(Worker):
    """A worker whose channel leads to a supervisor in this process."""

    def __init__(self, slot: int, server: GatheringServer) -> None:
        ours, its = socket.socketpair()
        ours.close()
        super().__init__(slot, slot, 3, its)
        its.close()
        self._server = server
        self.is_deaf = False

    def send(self, message: FromWorker) -> None:
        assert isinstance(message, Ask | Reply)
        asyncio.get_running_loop().call_soon(self._server.receive, self.mark, message)

    def hear(self, data: bytes) -> None:
        """What the supervisor sends arrives."""
        message = decode(data)
        assert isinstance(message, Asked | Who | Said)
        if not self.is_deaf and message.space < len(self.gatherings):
            self.gatherings[message.space].hear(message)


class _Wire:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def send(self, data: bytes) -> None:
        asyncio.get_running_loop().call_soon(self._desk.hear, data)


class Office:
    """Three workers, of which one says goodbye to its clients."""

    def __init__(self) -> None:
        self.server = GatheringServer(
            lambda: [
                Member(desk.mark, name, cast("Channel", _Wire(desk)))
                for desk, name in zip(self.desks, ("1", "2", "2 leaving"), strict=False)
            ]
        )
        self.desks = [Desk(slot, self.server) for slot in range(3)]
        self.gatherings = [Gathering(desk, says(desk.mark), patience_s=0.2) for desk in self.desks]


def says(mark: int) -> Callable[[], Awaitable[bytes]]:
    async def say() -> bytes:
        await asyncio.sleep(0)
        return f"I am {mark}".encode()

    return say


async def test_all_others_say_what_they_have_to_say() -> None:
    office = Office()
    assert await office.gatherings[0].ask() == Gathered("1", {"2": b"I am 1", "2 leaving": b"I am 2"}, [])
    assert await office.gatherings[2].ask() == Gathered("2 leaving", {"1": b"I am 0", "2": b"I am 1"}, [])


async def test_several_questions_at_once_are_told_apart() -> None:
    office = Office()
    answers = await asyncio.gather(*(office.gatherings[0].ask() for _ in range(3)))
    assert [len(answer.said) for answer in answers] == [2, 2, 2]


async def test_who_says_nothing_in_time_is_named() -> None:
    office = Office()
    office.desks[1].is_deaf = True
    assert await office.gatherings[0].ask() == Gathered("1", {"2 leaving": b"I am 2"}, ["2"])


async def test_where_the_supervisor_says_nothing_there_is_only_oneself() -> None:
    office = Office()
    office.desks[0].is_deaf = True
    assert await office.gatherings[0].ask() == Gathered("1", {}, [])


async def test_an_answer_that_is_too_late_is_dropped() -> None:
    office = Office()
    office.gatherings[0].hear(Said(0, 77, "2", b"late"))
    office.gatherings[0].hear(Who(0, 77, "1", ["2"]))
    assert len((await office.gatherings[0].ask()).said) == 2


async def test_each_live_of_a_process_is_asked_by_its_like() -> None:
    office = Office()
    second = [Gathering(desk, says(10 + desk.mark), patience_s=0.2) for desk in office.desks[:2]]
    gathered = await second[0].ask()
    assert (gathered.said, gathered.silent) == ({"2": b"I am 11"}, ["2 leaving"])
