"""A server as a child process of another, which holds its sockets."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Final

from nannin.settings import SETTINGS

__all__ = ["inherited_sockets", "start_server"]

# What the parent tells the server: the descriptors of its sockets.
SOCKETS: Final = "_NANNIN_SOCKETS"
# Settings that say where to listen, which the sockets say already.
_PLACES: Final = frozenset(SETTINGS[name].variable for name in ("port", "uds", "fd"))


def start_server(
    sockets: Sequence[int], variables: Mapping[str, str], passed: Sequence[int] = (), *, apart: bool = False
) -> subprocess.Popen[bytes]:
    """Starts `nannin serve` with this process's settings, on sockets of this process.

    Args:
        sockets: the descriptors of listening sockets.
        variables: what its environment has besides this one's.
        passed: other descriptors that it inherits.
        apart: whether a terminal's signals, such as that of Ctrl-C, don't reach it.
    """
    environ = {name: value for name, value in os.environ.items() if name not in _PLACES}
    environ[SOCKETS] = ",".join(map(str, sockets))
    return subprocess.Popen(
        [sys.executable, "-m", "nannin", "serve"],
        env={**environ, **variables},
        pass_fds=[*sockets, *passed],
        process_group=0 if apart else None,
    )


def inherited_sockets(environ: MutableMapping[str, str] = os.environ) -> list[int]:
    """The descriptors of the sockets that a parent has passed to this process."""
    return [int(number) for number in environ.pop(SOCKETS, "").split(",") if number]
