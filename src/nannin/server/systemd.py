"""What systemd and a service say to each other: sockets that it passes, readiness, and its journal.

Source: systemd's manual pages sd_listen_fds(3), sd_notify(3), and systemd.exec(5) on JOURNAL_STREAM.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import MutableMapping
from typing import Final, TextIO

__all__ = ["notify", "passed_sockets", "writes_to_journal"]

_FIRST_PASSED: Final = 3


def passed_sockets(environ: MutableMapping[str, str] = os.environ) -> list[int]:
    """The descriptors of the sockets that systemd passed to this process.

    Their variables are taken out of the environment, so that no child process takes them for its own.
    """
    pid, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count.isdecimal():
        return []
    return list(range(_FIRST_PASSED, _FIRST_PASSED + int(count)))


def notify(state: str, environ: MutableMapping[str, str] = os.environ) -> None:
    """Tells systemd how this service is, if it asks for that with `Type=notify`.

    Args:
        state: such as `READY=1` or `STOPPING=1`.
        environ: where the address of systemd's socket is.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return
    if address[0] == "@":  # a name in Linux's abstract namespace
        address = "\0" + address[1:]
    # A service that can't tell systemd still serves.
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(address)
        sender.sendall(state.encode())


def writes_to_journal(stream: TextIO, environ: MutableMapping[str, str] = os.environ) -> bool:
    """Whether this stream goes into the journal, which keeps the time of each line itself."""
    named = environ.get("JOURNAL_STREAM", "")
    with contextlib.suppress(OSError, ValueError):  # a stream need not be a file
        found = os.fstat(stream.fileno())
        return named == f"{found.st_dev}:{found.st_ino}"
    return False
