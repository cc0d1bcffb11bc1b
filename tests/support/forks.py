"""Starts `python -m nannin` by a fork, in a fifth of the CPU time that starting and importing takes.

So are the workers of such a server, and the server that `--reload` starts again.

As a script, this is the process that has imported everything and is forked. It takes orders from a socket,
its standard input. Each fork runs its module as `python -m` does, with its own environment and output.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import logging
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import traceback
import types
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

MODULES = ("nannin", "uvicorn")
# What a server imports before it loads an application.
PRELOADED = ("nannin.cli.command", "nannin.server.process", "nannin.app.live", "uvicorn.main", "uvloop")
ORDER_BYTES = 128 * 1024
_one_by_one = threading.Lock()


class Fork:
    """A forked process, with what subprocess.Popen has of it.

    Args:
        module: one of MODULES.
        arguments: of its command line.
        env: its environment.
        cwd: its folder.
        output: a file descriptor for its standard output and standard error.
    """

    def __init__(
        self, module: str, arguments: list[str], *, env: dict[str, str], cwd: str, output: int
    ) -> None:
        self._status, end = socket.socketpair()
        order = json.dumps({"module": module, "arguments": arguments, "env": env, "cwd": cwd}).encode()
        with _one_by_one, end:
            orders = _nursery()
            socket.send_fds(orders, [order], [output, end.fileno()])
            self.pid = int(orders.recv(100))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Waits for the end; returns the exit code, negative if a signal was the end.

        Raises:
            subprocess.TimeoutExpired: after `timeout` seconds.
        """
        if self.returncode is None:
            self._status.settimeout(timeout)
            try:
                self.returncode = int(self._status.recv(100))
            except (BlockingIOError, TimeoutError):
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout) from None
            self._status.close()
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Sends a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Ends the process at once."""
        self.send_signal(signal.SIGKILL)


@functools.cache
def _nursery() -> socket.socket:
    """Starts the process that is forked; it ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, __file__], stdin=theirs.fileno(), env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )

    def end() -> None:
        ours.close()
        process.wait(10)

    atexit.register(end)
    return ours


def _take_orders(orders: socket.socket) -> dict[str, Any]:
    """Forks for every order, and returns in the fork, with its order."""
    ends: dict[int, int] = {}

    def reap(*_: object) -> None:
        while ends and (ended := os.waitpid(-1, os.WNOHANG))[0]:
            end = ends.pop(ended[0])
            with contextlib.suppress(BrokenPipeError):
                os.write(end, str(os.waitstatus_to_exitcode(ended[1])).encode())
            os.close(end)

    signal.signal(signal.SIGCHLD, reap)
    while True:
        message, descriptors, _, _ = socket.recv_fds(orders, ORDER_BYTES, 2)
        if not message:
            sys.exit()
        output, end = descriptors
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])  # until the fork's end is known
        pid = os.fork()
        if not pid:
            break
        os.close(output)
        ends[pid] = end
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        orders.send(str(pid).encode())
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    orders.close()
    os.open(os.devnull, os.O_RDONLY)  # takes the place of the orders, which were standard input
    os.dup2(output, 1)
    os.dup2(output, 2)
    for descriptor in (output, end, *ends.values()):
        os.close(descriptor)
    order: dict[str, Any] = json.loads(message)
    return order


class _ForkedServer:
    """The child of a supervisor, or of `--reload`: `nannin serve`, forked as its parent was."""

    def __init__(
        self, args: list[str], *, env: Mapping[str, str], pass_fds: Sequence[int], process_group: int | None
    ) -> None:
        assert args == [sys.executable, "-m", "nannin", "serve"]
        self.returncode: int | None = None
        self.pid = os.fork()
        if not self.pid:
            _serve_anew(args[2:], {0, 1, 2, *pass_fds}, env, process_group)

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._reap(os.WNOHANG)

    def wait(self) -> int:
        """Waits for the end; returns the exit code."""
        code = self._reap(0)
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        """Sends a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Ends the process at once."""
        self.send_signal(signal.SIGKILL)

    def _reap(self, options: int) -> int | None:
        if self.returncode is None and (ended := os.waitpid(self.pid, options))[0]:
            self.returncode = os.waitstatus_to_exitcode(ended[1])
        return self.returncode


def _serve_anew(argv: list[str], kept: set[int], env: Mapping[str, str], group: int | None) -> NoReturn:
    """Becomes `nannin serve`, without what a fork has from its parent, in the midst of whose loop it is made.

    Args:
        argv: of the module and its arguments.
        kept: the descriptors that stay open.
        env: its environment.
        group: of processes, which it joins: 0 for one of its own, None for its parent's.
    """
    code = 1
    try:
        if group is not None:
            os.setpgid(0, group)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        for descriptor in set(map(int, os.listdir("/proc/self/fd"))) - kept:
            with contextlib.suppress(OSError):  # that of the list itself
                os.close(descriptor)
        os.environ.clear()
        os.environ.update(env)
        logging.root.handlers.clear()
        sys.argv = argv
        runpy.run_module("nannin", run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - there is no frame above it that is this process's
        traceback.print_exc()
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _main() -> None:
    """Imports, forks, and becomes in each fork what was ordered."""
    for name in PRELOADED:
        importlib.import_module(name)
    server = importlib.import_module("nannin.server.child")
    vars(server)["subprocess"] = types.SimpleNamespace(Popen=_ForkedServer)
    gc.freeze()  # so that a fork's collections leave the pages alone that it shares
    order = _take_orders(socket.socket(fileno=0))
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    sys.path[0] = order["cwd"]
    sys.argv = [order["module"], *order["arguments"]]
    runpy.run_module(order["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
