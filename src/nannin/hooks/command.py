"""Runs a command for a notice: without a shell, for a limited time, and with everything that it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

__all__ = ["NotRun", "run"]


class NotRun(Exception):
    """The command failed; the text says how, and has none of its arguments."""


def run(command: Sequence[str], body: bytes, timeout_s: float, environ: Mapping[str, str]) -> None:
    """Runs a command, and returns once it has ended well.

    It gets the notice on its standard input. What it writes to its standard output is lost; its standard
    error is the server's. When it ends, or its time is over, every process of its group is killed.

    Args:
        command: the program and its arguments.
        body: what it reads.
        timeout_s: seconds that it may take.
        environ: the environment. Settings of ours are taken out of it, since some of them are secrets, and
            what systemd and a supervisor tell us is not meant for it.

    Raises:
        NotRun: it could not be started, took too long, or ended with another code than 0.
    """
    program = os.path.basename(command[0])
    own = {
        name: value
        for name, value in environ.items()
        if not name.lstrip("_").startswith(("NANNIN_", "LISTEN_")) and name != "NOTIFY_SOCKET"
    }
    try:
        process = subprocess.Popen(  # noqa: S603 - the command is the owner's, and no shell reads it
            list(command), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=own, start_new_session=True
        )
    except OSError as error:
        raise NotRun(f"{program} can't be started: {error.strerror or error}") from None
    try:
        process.communicate(body, timeout_s)
    except subprocess.TimeoutExpired:
        raise NotRun(f"{program} took over {timeout_s:g} s, and was killed") from None
    finally:
        _kill(process)
    if process.returncode:
        how = f"with {process.returncode}" if process.returncode > 0 else f"by signal {-process.returncode}"
        raise NotRun(f"{program} ended {how}")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kills the group: the command, if it still runs, and whatever it has left behind."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    process.wait()
