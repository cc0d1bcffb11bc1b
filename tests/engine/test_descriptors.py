"""Which socket a session's number leads to, and that it never leads to another's."""

from __future__ import annotations

import contextlib
import socket
from array import array
from collections.abc import Iterator

import pytest

from nannin.engine.descriptors import NOT_AT_ONCE, Descriptors
from nannin.wire.outgoing import Outgoing

HELLO = Outgoing(["4hello"])


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    yield ours, theirs
    ours.close()
    theirs.close()


def test_a_session_that_has_a_socket_is_sent_frames_and_another_is_left(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    descriptors = Descriptors()
    first, second = descriptors.take_number(), descriptors.take_number()
    descriptors.set(second, pair[0].fileno())
    numbers = array("i", [first, second, NOT_AT_ONCE])
    assert descriptors.send(numbers, 0, 3, HELLO) == [(0, 0), (2, 0)]
    assert pair[1].recv(100) == HELLO.frames


def test_a_number_that_is_free_leads_nowhere_until_its_next_session_has_a_socket(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    descriptors = Descriptors()
    number = descriptors.take_number()
    descriptors.set(number, pair[0].fileno())
    descriptors.free_number(number)
    assert descriptors.send(array("i", [number]), 0, 1, HELLO) == [(0, 0)]
    assert descriptors.take_number() == number
    assert descriptors.send(array("i", [number]), 0, 1, HELLO) == [(0, 0)]
    with pytest.raises(BlockingIOError):
        pair[1].recv(1)


def test_numbers_are_used_again_and_no_two_sessions_have_one() -> None:
    descriptors = Descriptors()
    first = [descriptors.take_number() for _ in range(1_000)]
    assert len(set(first)) == 1_000
    assert NOT_AT_ONCE not in first
    for number in first:
        descriptors.free_number(number)
    assert sorted(descriptors.take_number() for _ in range(1_000)) == sorted(first)


def test_what_was_taken_of_the_frames_is_told(pair: tuple[socket.socket, socket.socket]) -> None:
    descriptors = Descriptors()
    number = descriptors.take_number()
    descriptors.set(number, pair[0].fileno())
    large = Outgoing(["4" + "x" * 4_000_000])
    ((index, taken_bytes),) = descriptors.send(array("i", [number]), 0, 1, large)
    assert index == 0
    received = b""
    with contextlib.suppress(BlockingIOError):
        while True:
            received += pair[1].recv(1_000_000)
    assert received + large.rest(taken_bytes).frames == large.frames
    assert 0 < taken_bytes == len(received)
