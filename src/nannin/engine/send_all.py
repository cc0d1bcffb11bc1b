"""Sends the same bytes to many sockets in one call: in C where that could be built, else in Python.

A fan-out costs little beside the kernel's own work that way. `NANNIN_PURE=1` in the environment chooses
Python's twin.
"""

from __future__ import annotations

import importlib
import os
import time
from array import array
from collections.abc import Callable
from typing import Final, TypeAlias

from nannin.sources import PURE_VARIABLE

Left: TypeAlias = "list[tuple[int, int]]"
SendAll: TypeAlias = "Callable[[array[int], int, int, array[int], bytes, float, int], tuple[Left, int]]"

# How many are sent to between two looks at the clock.
LOOK_EVERY: Final = 16


def send_all_in_python(
    numbers: array[int],
    start: int,
    stop: int,
    descriptors: array[int],
    data: bytes,
    seconds: float,
    most_left: int,
) -> tuple[Left, int]:
    """Sends bytes to each of a range of recipients, without waiting for any.

    Args:
        numbers: the recipients, each a number; those below 0 are skipped.
        start: the index of the first recipient.
        stop: the index after the last one.
        descriptors: the socket of each number; -1, or none, for one that cannot be sent to this way.
        data: what is sent.
        seconds: how long it may take; `LOOK_EVERY` recipients are sent to in any case.
        most_left: how many may be left, until it ends.

    Returns:
        Who did not take it whole: the index of each such recipient, and how many bytes it took; 0 also where
        its socket is broken, or there is none. And the index after the last one who was looked at.

    Raises:
        IndexError: the range is not within the numbers.
    """
    if start < 0 or stop > len(numbers):
        raise IndexError("expected a range within the numbers")
    left: Left = []
    known, size_bytes, write, sent, at = len(descriptors), len(data), os.write, 0, start
    until = time.monotonic() + seconds
    while at < stop and len(left) < most_left:
        number = numbers[at]
        at += 1
        if number < 0:
            continue
        descriptor = descriptors[number] if number < known else -1
        try:
            taken_bytes = write(descriptor, data) if descriptor >= 0 else 0
        except OSError:
            taken_bytes = 0  # full or broken: the transport finds out when it sends what is left
        if taken_bytes < size_bytes:
            left.append((at - 1, taken_bytes))
        sent += 1
        if not sent % LOOK_EVERY and time.monotonic() >= until:
            break
    return left, at


def choose() -> tuple[SendAll, bool]:
    """The way to send to many sockets that this process takes, and whether it is the one in C."""
    if not os.environ.get(PURE_VARIABLE):
        try:
            return importlib.import_module("nannin.engine._send_all").send_all, True
        except ImportError:
            pass
    return send_all_in_python, False


_CHOSEN: Final = choose()
send_all: Final = _CHOSEN[0]
IS_NATIVE: Final = _CHOSEN[1]
