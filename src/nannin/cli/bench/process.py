"""What the operating system says of a server's processes: CPU time, memory, who listens on a port.

Source: proc(5).
"""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Iterable

PROC = pathlib.Path("/proc")
_LISTENING = "0A"
_FIRST_AFTER_NAME = 3  # the number of the field after the command's name in /proc/PID/stat


class Processes:
    """A server's processes: the given ones and all below them.

    Args:
        pids: at least one.
    """

    def __init__(self, pids: Iterable[int]) -> None:
        self.pids = with_children(pids)

    def cpu_s(self) -> float:
        """The CPU time that they have used, in user and system mode."""
        return sum(_cpu_s(pid) for pid in self.pids)

    def rss_bytes(self) -> int:
        """How much memory of theirs is resident."""
        return sum(_rss_bytes(pid) for pid in self.pids)


def with_children(pids: Iterable[int]) -> list[int]:
    """These processes and all that descend from them."""
    parents: dict[int, list[int]] = {}
    for pid in _all_pids():
        with contextlib.suppress(OSError, ValueError):
            parents.setdefault(int(_stat(pid)[4 - _FIRST_AFTER_NAME]), []).append(pid)
    found = list(dict.fromkeys(pids))
    for pid in found:
        found += [child for child in parents.get(pid, []) if child not in found]
    return found


def find_listeners(port: int) -> list[int]:
    """The processes that listen on a TCP port of this machine, as far as they can be seen."""
    inodes = {f"socket:[{inode}]" for name in ("tcp", "tcp6") for inode in _listening(name, port)}
    return [pid for pid in _all_pids() if inodes and _holds(pid, inodes)]


def _listening(name: str, port: int) -> list[str]:
    try:
        lines = (PROC / "net" / name).read_text().splitlines()[1:]
    except OSError:
        return []
    rows = [line.split() for line in lines]
    return [row[9] for row in rows if row[3] == _LISTENING and int(row[1].rpartition(":")[2], 16) == port]


def _holds(pid: int, inodes: set[str]) -> bool:
    with contextlib.suppress(OSError):
        for entry in os.scandir(PROC / str(pid) / "fd"):
            with contextlib.suppress(OSError):
                if os.readlink(entry.path) in inodes:
                    return True
    return False


def _all_pids() -> list[int]:
    try:
        return [int(name) for name in os.listdir(PROC) if name.isdigit()]
    except OSError:
        return []


def _stat(pid: int) -> list[str]:
    """The fields after the command's name, which may itself hold blanks and brackets."""
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def _cpu_s(pid: int) -> float:
    fields = _stat(pid)
    ticks = int(fields[14 - _FIRST_AFTER_NAME]) + int(fields[15 - _FIRST_AFTER_NAME])
    return ticks / os.sysconf("SC_CLK_TCK")


def _rss_bytes(pid: int) -> int:
    pages = int((PROC / str(pid) / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
