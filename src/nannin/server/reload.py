"""`nannin serve --reload`: starts the server again whenever a file of the application changes.

The process that a person starts holds the sockets and watches the files. The server is its child process,
which takes over the sockets, so that a browser that asks too early waits instead of failing. While there is
no server, because the application can't be loaded, a stand-in answers.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from typing import Final

from nannin.server.child import start_server
from nannin.server.loading import folder_of
from nannin.settings import SETTINGS, Settings
from nannin.sources import CONFIG_FILE, CONFIG_VARIABLE

__all__ = ["RESTARTED", "Files", "supervise", "tell_supervisor"]

# What the supervisor tells the server: that it is not the first one, and the descriptor to write to why it
# can't start, with the supervisor's process.
RESTARTED: Final = "_NANNIN_RESTARTED"
REASON: Final = "_NANNIN_REASON"

# Seconds between two looks at the files.
LOOK_EVERY_S: Final = 0.25
# Seconds after which a server that was told to end is killed; it needs 2 at most.
END_S: Final = 5.0
_MAX_REASON_BYTES: Final = 4096
_IGNORED: Final = frozenset({"__pycache__", "node_modules", "site-packages"})

logger = logging.getLogger("nannin.reload")


def tell_supervisor(reason: str, environ: MutableMapping[str, str] = os.environ) -> None:
    """Tells the supervisor, if there is one, why this process can't serve."""
    descriptor, _, pid = environ.get(REASON, "").partition(",")
    # A process that the application has started has the variable too, but not the descriptor.
    if pid == str(os.getppid()):
        with contextlib.suppress(OSError):
            os.write(int(descriptor), reason.encode(errors="replace")[:_MAX_REASON_BYTES])


class Files:
    """The Python files of an application, and its nannin.toml.

    Args:
        folder: where the files are, at any depth; None for none.
        config: the file of settings.
    """

    def __init__(self, folder: pathlib.Path | None, config: pathlib.Path) -> None:
        self._folder = folder
        self._config = config
        self._seen = self._look()

    def __len__(self) -> int:
        return len(self._seen)

    def changed(self) -> list[pathlib.Path]:
        """The files that were changed, made or removed since the last call."""
        before, self._seen = self._seen, self._look()
        return sorted(path for path in before.keys() | self._seen if before.get(path) != self._seen.get(path))

    def _look(self) -> dict[pathlib.Path, tuple[int, int]]:
        found = {}
        for path in self._paths():
            try:
                status = path.stat()
            except OSError:  # it has just been removed, or is not there
                continue
            found[path] = (status.st_mtime_ns, status.st_size)
        return found

    def _paths(self) -> Iterator[pathlib.Path]:
        yield self._config
        if self._folder is None:
            return
        for place, folders, names in os.walk(self._folder):
            if "pyvenv.cfg" in names:  # a virtual environment
                folders.clear()
                continue
            folders[:] = [name for name in folders if name not in _IGNORED and not name.startswith(".")]
            yield from (pathlib.Path(place, name) for name in names if name.endswith(".py"))


def supervise(settings: Settings, sockets: Sequence[socket.socket]) -> int:
    """Runs the server in a process of its own, and in another one after each change, until a signal ends it.

    Args:
        settings: what the server is started with; the environment says the same.
        sockets: where it listens.

    Returns:
        The exit code of the last server.
    """
    config = pathlib.Path(os.environ.get(CONFIG_VARIABLE, CONFIG_FILE)).absolute()
    files = Files(folder_of(settings.app) if settings.app else None, config)
    logger.info("watching %d file%s for changes", len(files), "" if len(files) == 1 else "s")
    from nannin.server.stand_in import StandIn  # with uvicorn, which a command that has failed need not load

    for listener in sockets:
        listener.listen()  # who asks before the first server is ready waits
    descriptors = [listener.fileno() for listener in sockets]
    stand_in = StandIn(settings, descriptors)
    return _Supervisor(files, descriptors, stand_in.start, stand_in.stop).run()


class _Supervisor:
    def __init__(
        self,
        files: Files,
        descriptors: Sequence[int],
        start_stand_in: Callable[[str], None],
        stop_stand_in: Callable[[], None],
    ) -> None:
        self._files = files
        self._descriptors = descriptors
        self._start_stand_in = start_stand_in
        self._stop_stand_in = stop_stand_in
        self._reasons, self._reason = os.pipe()
        os.set_blocking(self._reasons, False)
        self._server: subprocess.Popen[bytes] | None = None
        self._signal: signal.Signals | None = None

    def run(self) -> int:
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            self._start(restarted=False)
            while self._signal is None:
                time.sleep(LOOK_EVERY_S)
                if changed := self._files.changed():
                    self._restart(changed)
                elif self._server is not None and self._server.poll() is not None:
                    self._server = None
                    self._start_stand_in(self._read_reason())
                    logger.warning(
                        "the server has ended; it starts again after the next change, "
                        "and until then every request gets 503"
                    )
            return self._end(self._signal)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _read_reason(self) -> str:
        """Why the last server could not start, as it has said itself; "" if it has not."""
        try:
            return os.read(self._reasons, _MAX_REASON_BYTES).decode(errors="replace")
        except BlockingIOError:
            return ""

    def _restart(self, changed: Sequence[pathlib.Path]) -> None:
        names = ", ".join(os.path.relpath(path) for path in changed[:3])
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        logger.info("%s%s changed: starting again", names, more)
        self._end(signal.SIGTERM)
        self._stop_stand_in()
        if self._signal is None:
            self._start(restarted=True)

    def _start(self, *, restarted: bool) -> None:
        self._read_reason()  # of the last server, if nobody has asked for it
        environ = {
            SETTINGS["reload"].variable: "false",
            SETTINGS["drain"].variable: "0",
            REASON: f"{self._reason},{os.getpid()}",
        }
        if restarted:
            environ[RESTARTED] = "1"
            environ[SETTINGS["open"].variable] = "false"
        self._server = start_server(self._descriptors, environ, [self._reason])

    def _end(self, how: signal.Signals) -> int:
        """Ends the server in good order; returns its exit code."""
        server, self._server = self._server, None
        if server is None:
            return 0
        # Ctrl-C in a terminal reaches the server by itself, and a second signal would end it at once.
        if not (how is signal.SIGINT and sys.stdin.isatty()):
            server.send_signal(how)
        try:
            return server.wait(END_S)
        except subprocess.TimeoutExpired:
            server.kill()
            return server.wait()

    def _stop(self, number: int, frame: types.FrameType | None) -> None:
        """The first signal ends the server in good order, and the second at once."""
        if self._signal is not None and self._server is not None:
            self._server.kill()
        self._signal = signal.Signals(number)
