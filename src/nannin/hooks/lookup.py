"""Looks up the addresses of a host, within a time.

The system's lookup takes as long as it likes, and nothing can end it. So it has a thread of its own, and
whoever waits for it waits no longer than it wants to.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

__all__ = ["Resolve", "look_up", "resolve"]

Resolve = Callable[[str, int], list[str]]

# What is looked up now: one thread for each host and port, however often they are asked for meanwhile.
_under_way: Final[dict[tuple[Resolve, str, int], Future[list[str]]]] = {}
_lock: Final = threading.Lock()


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host. Whatever the system takes for an address is one: 2130706433 is 127.0.0.1."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def look_up(host: str, port: int, within_s: float, resolve: Resolve = resolve) -> list[str]:
    """The addresses of a host, in the system's order.

    Args:
        host: its name, or an address.
        port: the port there.
        within_s: seconds that it may take.
        resolve: finds them.

    Raises:
        TimeoutError: it takes longer, and goes on for whoever asks next.
        Exception: whatever `resolve` raises.
    """
    key = resolve, host, port
    with _lock:
        found = _under_way.get(key)
        if found is None:
            found = Future()
            # The end of the process does not wait for it.
            threading.Thread(target=_run, args=(key, found), name="nannin lookup", daemon=True).start()
            _under_way[key] = found
    return found.result(within_s)


def _run(key: tuple[Resolve, str, int], found: Future[list[str]]) -> None:
    resolve, host, port = key
    addresses: list[str] = []
    failed: Exception | None = None
    try:
        addresses = resolve(host, port)
    except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
        failed = error
    with _lock:
        _under_way.pop(key, None)
    if failed is None:
        found.set_result(addresses)
    else:
        found.set_exception(failed)
