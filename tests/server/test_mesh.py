"""The mesh, with the supervisor and all its processes in this one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from nannin.engine.neighbours import Ends
from nannin.server.mesh import MAX_INLINE_BYTES, MAX_WAITING, VARIABLE, Mesh, Neighbourhood
from support.peers import turn

ENDS = Ends(("192.0.2.1", 5), ("203.0.113.9", 443))


class Member:
    """One of the processes."""

    def __init__(self, mesh: Mesh, mark: int, *, sessions: int = 0) -> None:
        environ = mesh.environment(mark)
        # A process has copies of its own.
        numbers = [int(number) for number in environ[VARIABLE].split(",")]
        environ[VARIABLE] = ",".join(map(str, [mark, *map(os.dup, numbers[1:])]))
        inherited = Mesh.inherited(environ)
        assert inherited is not None
        assert not environ
        self.here: Neighbourhood = inherited
        self.taken: list[tuple[int, bytes, Ends | None, int]] = []
        self.sessions = sessions
        self.open()

    def open(self) -> None:
        self.here.open(asyncio.get_running_loop(), lambda *one: self.taken.append(one), lambda: self.sessions)

    async def wait_for(self, number: int) -> None:
        async with asyncio.timeout(5):
            while len(self.taken) < number:
                await asyncio.sleep(0.001)

    def leave(self) -> None:
        self.here.close()
        assert not any(self.here.is_there(mark) for mark in range(9))
        assert self.here.for_new_session() is None
        for descriptor, *_ in self.taken:
            os.close(descriptor)
        del self.here


@contextlib.contextmanager
def meeting(*sessions: int, marks: int = 0) -> Iterator[tuple[Mesh, list[Member]]]:
    """A mesh with so many members, each of which has so many sessions."""
    mesh = Mesh(marks or len(sessions))
    members = [Member(mesh, mark, sessions=number) for mark, number in enumerate(sessions)]
    try:
        yield mesh, members
    finally:
        for member in members:
            member.leave()
        mesh.close()


@pytest.fixture(autouse=True)
def descriptors() -> Iterator[None]:
    before = os.listdir("/dev/fd")
    yield
    assert os.listdir("/dev/fd") == before


@contextlib.contextmanager
def pair() -> Iterator[tuple[socket.socket, int]]:
    """A client's end, and the descriptor of the server's, which is given away."""
    client, server = socket.socketpair()
    with client:
        client.settimeout(5)
        yield client, server.detach()


async def test_a_connection_arrives_with_what_was_read_of_it_and_where_it_came_from() -> None:
    with meeting(0, 0) as (_, [one, two]), pair() as (client, descriptor):
        one.here.send(1, descriptor, b"GET /", ENDS, 7)
        await two.wait_for(1)
        [(theirs, data, ends, hops)] = two.taken
        assert (data, ends, hops) == (b"GET /", ENDS, 7)
        assert not os.get_inheritable(theirs)
        os.write(theirs, b"hello")
        assert client.recv(9) == b"hello"
        assert not one.taken
        os.close(theirs)
        two.taken.clear()
        assert client.recv(9) == b"", "no other descriptor of it is left"


@pytest.mark.parametrize("size", [0, MAX_INLINE_BYTES, MAX_INLINE_BYTES + 1, 1_000_000])
async def test_whatever_was_read_arrives_whole(size: int) -> None:
    data = os.urandom(size)
    with meeting(0, 0) as (_, [one, two]), pair() as (_, descriptor):
        one.here.send(1, descriptor, data, None)
        await two.wait_for(1)
        assert two.taken[0][1:] == (data, None, 0)


async def test_more_than_the_kernels_queue_holds_arrives_in_order() -> None:
    with meeting(0, 0) as (_, [one, two]), contextlib.ExitStack() as stack:
        for number in range(700):
            _, descriptor = stack.enter_context(pair())
            one.here.send(1, descriptor, b"%d" % number, None)
        await two.wait_for(700)
        assert [data for _, data, *_ in two.taken] == [b"%d" % number for number in range(700)]
        assert not one.taken


async def test_what_waits_for_a_process_that_reads_nothing_is_bounded() -> None:
    with meeting(0, 0) as (_, [one, two]), contextlib.ExitStack() as stack:
        source, descriptor = stack.enter_context(pair())
        os.close(descriptor)
        two.here._loop.remove_reader(two.here._receiving.fileno())
        for _ in range(MAX_WAITING + 2_000):
            one.here.send(1, os.dup(source.fileno()), b"", None)
            if one.taken:
                break
        assert len(one.taken) == 1, "this one is taken up here"


@pytest.mark.parametrize("kept", [0, 1])
async def test_a_connection_for_which_there_are_too_few_descriptors_is_cut_off(kept: int) -> None:
    with meeting(0, 0) as (mesh, (one, other)):
        connection, client = socket.socketpair()
        with client:
            one.here.send(1, connection.detach(), b"x" * 2 * MAX_INLINE_BYTES, None)
            # As the system does it where the process has too few left.
            receiving = socket.socket(fileno=os.dup(mesh.descriptors(1)[1]))
            packet, descriptors, _, _ = socket.recv_fds(receiving, 65_536, 2)
            with socket.socket(fileno=os.dup(mesh.descriptors(0)[3])) as sending:
                socket.send_fds(sending, [packet], descriptors[:kept])
            receiving.close()
            for descriptor in descriptors:
                os.close(descriptor)
            await turn()
            assert not other.taken
            assert client.recv(1) == b""


async def test_a_process_that_is_not_there_gets_nothing() -> None:
    with meeting(0, marks=3) as (_, [one]), pair() as (_, descriptor):
        assert not one.here.is_there(1)
        assert not one.here.is_there(0), "that is itself"
        one.here.send(1, descriptor, b"GET /", None)
        assert one.taken == [(descriptor, b"GET /", None, 0)]


async def test_what_waited_for_a_process_that_has_ended_goes_to_another() -> None:
    with meeting(0, 0, 0) as (mesh, [one, two, three]), contextlib.ExitStack() as stack:
        for end in (two, three):
            end.here._loop.remove_reader(end.here._receiving.fileno())
        for number in range(30):
            _, descriptor = stack.enter_context(pair())
            one.here.send(1, descriptor, b"%d" % number, ENDS)
        mesh.lost(1)
        assert not one.here.is_there(1)
        three.open()
        async with asyncio.timeout(5):
            while len(one.taken) + len(three.taken) < 30:
                await asyncio.sleep(0.001)
        came = sorted(int(data) for _, data, *_ in one.taken + three.taken)
        assert came == list(range(30)), "of the kernel's queue and of the sender's"
        assert not two.taken


async def test_what_waits_for_a_process_waits_for_its_successor_where_nobody_else_is_there() -> None:
    with meeting(0, marks=2) as (mesh, [one]), pair() as (_, descriptor):
        one.here._loop.remove_reader(one.here._receiving.fileno())
        other = Member(mesh, 1)
        other.here.send(0, descriptor, b"GET /", None)
        other.leave()
        mesh.lost(0)
        one.open()
        await one.wait_for(1)


async def test_those_whom_a_closed_process_could_not_send_are_cut_off() -> None:
    mesh = Mesh(2)
    one, two = Member(mesh, 0), Member(mesh, 1)
    two.here._loop.remove_reader(two.here._receiving.fileno())
    with contextlib.ExitStack() as stack:
        while not one.here._waiting:
            client, descriptor = stack.enter_context(pair())
            one.here.send(1, descriptor, b"", None)
        one.leave()
        assert client.recv(1) == b""
    two.leave()
    mesh.close()


async def test_a_new_session_goes_to_the_process_with_the_fewest() -> None:
    with meeting(20, 18, 15) as (_, members):
        here = members[0].here
        assert here.for_new_session() == 2
        for member, number in zip(members, (20, 18, 17), strict=True):
            member.sessions = number
            member.here.show(is_open=True)
        await asyncio.sleep(0.11)
        assert here.for_new_session() is None, "about as many"
        assert members[2].here.for_new_session() is None


async def test_the_first_few_sessions_stay_where_they_come_in() -> None:
    with meeting(2, 0) as (_, [one, _]):
        assert one.here.for_new_session() is None
        one.sessions = 3
        assert one.here.for_new_session() == 1


async def test_those_sent_a_moment_ago_count_where_they_were_sent() -> None:
    with meeting(20, 0, 0) as (_, [one, _, _]):
        targets = [one.here.for_new_session() for _ in range(40)]
        assert targets[:34] == [1, 2] * 17
        assert targets[34:] == [None] * 6


async def test_nobody_sends_new_sessions_to_a_process_that_drains_but_those_of_its_own() -> None:
    with meeting(20, 0) as (_, [one, two]):
        two.here.show(is_open=False)
        assert one.here.for_new_session() is None
        assert one.here.is_there(1)
        two.here.show(is_open=True)
        assert one.here.for_new_session() == 1


async def test_a_process_that_drains_sends_its_new_sessions_to_another() -> None:
    with meeting(0, 8, 9) as (_, [one, two, three]):
        one.here.show(is_open=False)
        assert one.here.for_new_session() == 1
        two.here.show(is_open=False)
        three.here.show(is_open=False)
        assert one.here.for_new_session() is None, "nobody takes any"


async def test_a_descriptor_that_can_not_be_sent_stays_here(caplog: Any) -> None:
    with meeting(0, 0) as (_, [one, _]):
        one.here.send(1, 999_999, b"", None)
        one.here.send(1, 999_999, b"", None)
        assert one.taken == [(999_999, b"", None, 0)] * 2
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        one.taken.clear()


def test_a_process_that_serves_alone_has_inherited_nothing() -> None:
    assert Mesh.inherited({}) is None


async def test_a_process_that_does_not_answer_is_spared_until_it_shows_itself_again() -> None:
    with meeting(10, 0) as (mesh, [one, two]):
        mesh.spare(1)
        assert one.here.for_new_session() is None
        assert one.here.is_there(1)
        two.here.show(is_open=True)
        assert one.here.for_new_session() == 1
    mesh = Mesh(1)
    mesh.spare(0)  # nobody is there
    mesh.close()
