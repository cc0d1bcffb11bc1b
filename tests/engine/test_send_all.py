"""One contract for both ways to send to many sockets: in C, and in Python."""

from __future__ import annotations

import contextlib
import importlib
import math
import os
import socket
import sys
from array import array
from collections.abc import Callable, Iterator
from typing import TypeAlias, cast

import pytest

from nannin.engine import send_all as module
from nannin.engine.send_all import LOOK_EVERY, Left, SendAll, send_all_in_python

HELLO = b"hello"


def in_c() -> SendAll:
    return cast(SendAll, importlib.import_module("nannin.engine._send_all").send_all)


@pytest.fixture(params=["C", "Python"])
def send_some(request: pytest.FixtureRequest) -> SendAll:
    if request.param == "Python":
        return send_all_in_python
    return in_c()


Send: TypeAlias = "Callable[[array[int], int, int, array[int], bytes], list[tuple[int, int]]]"


@pytest.fixture
def send(send_some: SendAll) -> Send:
    """Sends without a limit, and so to all."""

    def send_to_all(numbers: array[int], start: int, stop: int, descriptors: array[int], data: bytes) -> Left:
        left, reached = send_some(numbers, start, stop, descriptors, data, math.inf, sys.maxsize)
        assert reached == stop
        return left

    return send_to_all


class Sockets:
    """Pairs of connected sockets: the ends that are sent to here, and those that read."""

    def __init__(self) -> None:
        self.ours: list[socket.socket] = []
        self.theirs: list[socket.socket] = []

    def open(self, count: int) -> array[int]:
        """So many more; returns the descriptors of all ends here, a client's number being its place."""
        for _ in range(count):
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            theirs.setblocking(False)
            self.ours.append(ours)
            self.theirs.append(theirs)
        return array("i", [end.fileno() for end in self.ours])

    def fill(self, index: int) -> None:
        """Fills the kernel's buffer, as a client does that reads nothing."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.ours[index].send(bytes(4_096))

    def close(self) -> None:
        for end in self.ours + self.theirs:
            end.close()


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    opened = Sockets()
    yield opened
    opened.close()


def test_each_recipient_in_the_range_gets_the_bytes_once(send: Send, sockets: Sockets) -> None:
    descriptors = sockets.open(5)
    assert send(array("i", [4, 2, 0, 1]), 1, 4, descriptors, HELLO) == []
    for number in (0, 1, 2):
        assert sockets.theirs[number].recv(100) == HELLO
    for number in (3, 4):
        with pytest.raises(BlockingIOError):
            sockets.theirs[number].recv(100)


def test_a_number_below_zero_is_nobody(send: Send, sockets: Sockets) -> None:
    descriptors = sockets.open(1)
    assert send(array("i", [-1, 0, -1]), 0, 3, descriptors, HELLO) == []
    assert sockets.theirs[0].recv(100) == HELLO


def test_one_without_a_socket_is_left_and_took_nothing(send: Send, sockets: Sockets) -> None:
    descriptors = sockets.open(2)
    descriptors[0] = -1
    assert send(array("i", [0, 1, 7]), 0, 3, descriptors, HELLO) == [(0, 0), (2, 0)]
    assert sockets.theirs[1].recv(100) == HELLO


def test_one_whose_buffer_is_full_is_left_and_the_others_are_served(send: Send, sockets: Sockets) -> None:
    descriptors = sockets.open(3)
    sockets.fill(1)
    assert send(array("i", [0, 1, 2]), 0, 3, descriptors, HELLO) == [(1, 0)]
    assert [sockets.theirs[number].recv(100) for number in (0, 2)] == [HELLO, HELLO]


def test_one_that_takes_a_part_is_left_with_what_it_took(send: Send, sockets: Sockets) -> None:
    descriptors = sockets.open(1)
    data = os.urandom(4_000_000)
    ((index, taken_bytes),) = send(array("i", [0]), 0, 1, descriptors, data)
    assert index == 0
    assert 0 < taken_bytes < len(data)
    received = b""
    while len(received) < taken_bytes:
        received += sockets.theirs[0].recv(1_000_000)
    assert received == data[:taken_bytes]
    with pytest.raises(BlockingIOError):
        sockets.theirs[0].recv(1)


def test_a_broken_socket_is_left_without_an_error_or_a_signal(send: Send, sockets: Sockets) -> None:
    descriptors = sockets.open(2)
    sockets.theirs[0].close()
    assert send(array("i", [0, 1]), 0, 2, descriptors, HELLO) == [(0, 0)]
    assert sockets.theirs[1].recv(100) == HELLO


def test_an_empty_range_sends_nothing(send: Send, sockets: Sockets) -> None:
    descriptors = sockets.open(1)
    assert send(array("i", [0]), 1, 1, descriptors, HELLO) == []
    assert send(array("i"), 0, 0, descriptors, HELLO) == []


@pytest.mark.parametrize(("start", "stop"), [(-1, 1), (0, 2)])
def test_a_range_beyond_the_numbers_is_an_error(send: Send, sockets: Sockets, start: int, stop: int) -> None:
    with pytest.raises(IndexError, match="expected a range within the numbers"):
        send(array("i", [0]), start, stop, sockets.open(1), HELLO)


def test_in_c_other_arrays_than_of_int_are_an_error(sockets: Sockets) -> None:
    with pytest.raises(TypeError, match="expected arrays of type 'i'"):
        in_c()(array("q", [0]), 0, 1, sockets.open(1), HELLO, math.inf, 1)


def test_it_ends_after_so_many_that_are_left(send_some: SendAll, sockets: Sockets) -> None:
    descriptors = sockets.open(6)
    for number in (1, 3):
        descriptors[number] = -1
    everyone = array("i", range(6))
    assert send_some(everyone, 0, 6, descriptors, HELLO, math.inf, 2) == ([(1, 0), (3, 0)], 4)
    assert [sockets.theirs[number].recv(100) for number in (0, 2)] == [HELLO, HELLO]
    with pytest.raises(BlockingIOError):
        sockets.theirs[4].recv(100)
    assert send_some(everyone, 4, 6, descriptors, HELLO, math.inf, 2) == ([], 6)
    assert send_some(everyone, 0, 6, descriptors, HELLO, math.inf, 0) == ([], 0)


def test_many_that_are_left_are_all_named(send_some: SendAll) -> None:
    many = array("i", [7] * 1_000)
    left, reached = send_some(many, 0, 1_000, array("i"), HELLO, math.inf, sys.maxsize)
    assert left == [(index, 0) for index in range(1_000)]
    assert reached == 1_000


def test_it_ends_when_its_time_is_over_but_serves_some_in_any_case(
    send_some: SendAll, sockets: Sockets
) -> None:
    descriptors = sockets.open(50)
    numbers = array("i", [-1, *range(50)])
    assert send_some(numbers, 0, 51, descriptors, HELLO, 0.0, 1) == ([], 1 + LOOK_EVERY)
    assert send_some(numbers, 17, 51, descriptors, HELLO, -1.0, 1) == ([], 1 + 2 * LOOK_EVERY)
    assert send_some(numbers, 33, 51, descriptors, HELLO, 60.0, 1) == ([], 51)
    assert [end.recv(100) for end in sockets.theirs] == [HELLO] * 50


@pytest.mark.parametrize(("pure", "is_native"), [("", True), ("1", False)])
def test_the_environment_chooses_the_twin(
    monkeypatch: pytest.MonkeyPatch, pure: str, is_native: bool
) -> None:
    monkeypatch.setenv("NANNIN_PURE", pure)
    chosen, native = module.choose()
    assert native is is_native
    assert (chosen is send_all_in_python) is not is_native


def test_where_nothing_was_built_the_twin_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NANNIN_PURE", raising=False)
    monkeypatch.setitem(sys.modules, "nannin.engine._send_all", None)
    assert module.choose() == (send_all_in_python, False)
