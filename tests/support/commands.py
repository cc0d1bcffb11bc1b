"""Commands that end, and how they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from support.servers import Server


def run(*arguments: str, **env: str) -> tuple[int, str, str]:
    """Runs a command that ends by itself; returns its code, standard output and standard error."""
    result = subprocess.run(
        [sys.executable, "-m", "nannin", *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        env={**os.environ, "NO_COLOR": "1", "NANNIN_HISTORY": "off", **env},
    )
    return result.returncode, result.stdout, result.stderr


def end(server: Server, *signals: signal.Signals) -> tuple[float, int]:
    """Sends these signals; returns how many seconds the process then took, and its exit code."""
    assert server.process is not None
    for number in signals:
        server.process.send_signal(number)
    started = time.monotonic()
    code = server.process.wait(10)
    return time.monotonic() - started, code
