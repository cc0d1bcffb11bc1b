"""Whoever looks sees the pages of all workers, whichever worker answers."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import websockets
from websockets.asyncio.client import ClientConnection

from support.servers import Server
from support.waiting import until
from whole.test_watch_server import watching
from whole.test_workers import workers

PATIENCE_S = 20.0
WORKERS = 2


class OnWorker:
    """A connection to one worker, which answers on it whatever is asked."""

    def __init__(self, server: Server) -> None:
        self.connection = http.client.HTTPConnection(server.host, server.port, timeout=PATIENCE_S)
        self.name = self.read("/api/explain?page=/nobody")["node"]

    def read(self, path: str) -> Any:
        self.connection.request("GET", path)
        return json.loads(self.connection.getresponse().read())

    def pages(self) -> dict[str, dict[str, int]]:
        return {row.pop("page"): row for row in self.read("/api/pages")["pages"]}


class Follower:
    """A stream of every page from one worker: the newest count of each."""

    def __init__(self, worker: OnWorker) -> None:
        worker.connection.request("GET", "/api/stream?page=*")
        self._response = worker.connection.getresponse()
        self.counts: dict[str, dict[str, int]] = {}
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        # http.client raises the last one where the connection is closed meanwhile.
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError, AttributeError):
            while line := self._response.readline():
                if line.startswith(b"data: "):
                    row = json.loads(line[6:])
                    self.counts[row.pop("page")] = row


@contextlib.contextmanager
def each_worker(server: Server) -> Iterator[list[OnWorker]]:
    """A connection to each worker."""
    found: dict[str, OnWorker] = {}
    opened: list[OnWorker] = []
    try:
        for _ in range(100):
            opened.append(OnWorker(server))
            found.setdefault(opened[-1].name, opened[-1])
            if len(found) == WORKERS:
                break
        assert sorted(found) == ["worker 1 of 2", "worker 2 of 2"]
        yield [found[name] for name in sorted(found)]
    finally:
        for worker in opened:
            worker.connection.close()


async def join(server: Server, page: str, visitor: str) -> ClientConnection:
    link = await websockets.connect(f"ws://{server.host}:{server.port}/socket.io/?EIO=4&transport=websocket")
    await link.send(f"40{page},{json.dumps({'visitor': visitor, 'updates': 'audience'})}")
    async with asyncio.timeout(PATIENCE_S):
        while not str(await link.recv()).startswith(f"42{page},"):
            pass
    return link


def count(connections: int, visitors: int) -> dict[str, int]:
    return {"connections": connections, "visitors": visitors, "visible": visitors}


async def soon(is_so: Callable[[], object]) -> None:
    await asyncio.to_thread(until, is_so)


def keep_lines(process: subprocess.Popen[str]) -> list[str]:
    """What a process prints, as it comes."""
    lines: list[str] = []
    output = process.stdout
    assert output is not None

    def keep() -> None:
        with contextlib.suppress(ValueError):  # it was closed: the test has ended
            lines.extend(output)

    threading.Thread(target=keep, daemon=True).start()
    return lines


def newest(lines: list[str]) -> dict[str, dict[str, int]]:
    """The newest count of each page among the lines of `nannin watch --json`."""
    rows = list(map(json.loads, lines))
    return {row.pop("page"): row for row in rows}


async def test_lists_streams_and_watch_show_all_pages_of_all_workers_exactly_also_one_that_empties() -> None:
    with (
        workers(WORKERS, "--grace", "0") as server,
        each_worker(server) as asked,
        each_worker(server) as heard,
        watching(server.url, "--json") as watch,
    ):
        followers = [Follower(worker) for worker in heard]
        lines = keep_lines(watch)
        # Each page has clients of several workers, and visitors with two tabs or more.
        links = {
            page: [await join(server, page, f"v{number // 2 * 2 % 8}") for number in range(tabs)]
            for page, tabs in {"/many": 12, "/few": 4, "/brief": 6}.items()
        }
        expected = {"/many": count(12, 4), "/few": count(4, 2), "/brief": count(6, 3)}
        await soon(lambda: [worker.pages() for worker in asked] == [expected] * WORKERS)
        await soon(lambda: [follower.counts for follower in followers] == [expected] * WORKERS)
        await soon(lambda: newest(lines[:]) == expected)
        for explained in [worker.read("/api/explain?page=/many") for worker in asked]:
            assert [node["node"] for node in explained["nodes"]] == ["worker 1 of 2", "worker 2 of 2"]
            assert sum(node["connections"] for node in explained["nodes"]) == 12
            assert all(node["connections"] for node in explained["nodes"])
            assert explained["check"] == {"recounted_connections": 12, "agrees": True}
        await asyncio.gather(*(link.close() for link in links.pop("/brief")))
        del expected["/brief"]
        await soon(lambda: [worker.pages() for worker in asked] == [expected] * WORKERS)
        expected["/brief"] = count(0, 0)
        await soon(lambda: [follower.counts for follower in followers] == [expected] * WORKERS)
        await soon(lambda: newest(lines[:]) == expected)
        for page in links:
            await asyncio.gather(*(link.close() for link in links[page]))


async def test_every_other_face_shows_the_count_of_all_workers() -> None:
    with workers(WORKERS) as server, each_worker(server) as asked:
        links = [await join(server, "/shown", f"v{number}") for number in range(8)]
        with httpx.Client(base_url=server.url, headers={"connection": "close"}) as http_:
            for _ in range(12):  # so that each worker answers
                assert http_.get("/api/shield?page=/shown").json()["message"] == "8"
                assert re.search("<title>online: 8<", http_.get("/badge.svg?page=/shown").text)
        assert [worker.read("/api/count?page=/shown")["visitors"] for worker in asked] == [8, 8]
        await asyncio.gather(*(link.close() for link in links))
