"""What the system says of this process: its time, its memory and its descriptors."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import Final

__all__ = ["cpu_s", "memory_bytes", "most_descriptors", "open_descriptors", "started_unix_s"]

_began: Final = {"unix_s": time.time()}


def started_unix_s() -> float:
    """When this process began, as far as nannin knows."""
    return _began["unix_s"]


if hasattr(os, "register_at_fork"):  # a host may load nannin, and then fork its workers
    os.register_at_fork(after_in_child=lambda: _began.update(unix_s=time.time()))


def cpu_s() -> float:
    """How many seconds of a core it has used."""
    return time.process_time()


def memory_bytes(path: str = "/proc/self/statm") -> int | None:
    """How much memory it has; None where the system doesn't tell. Source: proc_pid_statm(5)."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return None


def open_descriptors(path: str = "/proc/self/fd") -> int | None:
    """How many descriptors are in use; None where the system doesn't tell in one look.

    Source: proc_pid_fd(5); Linux since 6.2.
    """
    with contextlib.suppress(OSError):
        return os.stat(path).st_size or None
    return None


def most_descriptors() -> int | None:
    """How many descriptors it may have; None for any number."""
    if sys.platform == "win32":
        return None
    import resource  # not there on Windows

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft
