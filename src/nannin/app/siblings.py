"""Finds another process that serves at the same address without sharing its count with this one.

A process claims each address at which it serves by a name that only one process of the machine can have: that
of a Unix socket in Linux's abstract namespace, which needs no file and ends with the process. Whoever finds
the name taken looks once more after a while, since an old process may be about to end, and then logs it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import stat
import struct
import sys
from collections.abc import Callable
from typing import Any, Final

from nannin.app.workers import tell_once

__all__ = ["AGAIN_S", "CLAIMS", "LOOK_S", "Claims", "Siblings", "addresses"]

# Seconds after the first request until the first look: sockets are bound by then.
LOOK_S: Final = 1.0
# Seconds until the second look.
AGAIN_S: Final = 5.0
# How many descriptors are looked at. A server listens before its clients come, so its sockets are low.
_DESCRIPTORS: Final = 128
# The kernel's struct ucred: process, user, group. Source: Linux, unix(7).
_CREDENTIALS: Final = struct.Struct("3i")


class Claims:
    """The addresses that this process has claimed, and what others have.

    Args:
        prefix: begins each name.
    """

    def __init__(self, prefix: str = "nannin:") -> None:
        self._prefix = prefix
        self._held: dict[str, socket.socket] = {}

    def claim(self, address: str) -> int | None:
        """Claims an address.

        Returns:
            None if it is this process's now; else the process that has it, or 0 if the system doesn't tell.
        """
        if address in self._held:
            return None
        name = f"\0{self._prefix}{address}"
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(name)
            claim.listen(_DESCRIPTORS)
        except OSError as error:
            claim.close()
            return _holder(name) if error.errno == errno.EADDRINUSE else None
        self._held[address] = claim
        return None

    def release(self) -> None:
        """Leaves all addresses to others."""
        while self._held:
            self._held.popitem()[1].close()


CLAIMS: Final = Claims()


class Siblings:
    """Looks for other processes at the address of one Live.

    Args:
        claims: those of this process.
        find: the addresses at which this process listens with a port.
        call_later: waits.
    """

    def __init__(
        self,
        claims: Claims = CLAIMS,
        find: Callable[[int | None], list[str]] | None = None,
        call_later: Callable[[float, Callable[[], None]], Any] | None = None,
    ) -> None:
        self._claims = claims
        self._find = find or addresses
        self._call_later = call_later
        self._is_over = False

    def notice(self, server: tuple[str, int | None] | None) -> None:
        """A request has come to this address, as ASGI says it; to be called once."""
        if server is not None and sys.platform == "linux":
            self._is_over = False
            self._later(LOOK_S, lambda: self._look(server[1], again=False))

    def release(self) -> None:
        """This process ends, and another one may take its place already."""
        self._is_over = True
        self._claims.release()

    def _later(self, delay_s: float, callback: Callable[[], None]) -> None:
        (self._call_later or asyncio.get_running_loop().call_later)(delay_s, callback)

    def _look(self, port: int | None, *, again: bool) -> None:
        if self._is_over:
            return
        others = {
            address: process
            for address in self._find(port)
            if (process := self._claims.claim(address)) is not None
        }
        if others and not again:
            self._later(AGAIN_S, lambda: self._look(port, again=True))
        elif others:
            address, process = next(iter(others.items()))
            tell_once(
                "another process%s serves %s as well, and each counts by itself",
                f" ({process})" if process else "",
                address,
            )


def addresses(port: int | None) -> list[str]:
    """The addresses at which this process listens with a port; None: its Unix sockets."""
    found = []
    for number in range(3, _DESCRIPTORS):
        # `socket` leaves a descriptor open that turns out to be something else.
        with contextlib.suppress(OSError):
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(number)) as copy:
            if not copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                continue
            if copy.family == socket.AF_UNIX:
                if port is None and copy.getsockname()[:1] not in (b"\0", "\0"):
                    found.append(f"the Unix socket {os.fstat(number).st_ino}")
            elif (name := copy.getsockname())[1] == port:
                found.append(f"{name[0]}, port {port}")
    return found


def _holder(name: str) -> int | None:
    """The process that has a name; None if it is not one of ours, or has just ended."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0.1)
        probe.connect(name)
        size = _CREDENTIALS.size
        process, user, _ = _CREDENTIALS.unpack(probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
        return process if user == os.getuid() and process != os.getpid() else None
    return None
