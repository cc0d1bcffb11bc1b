"""Two servers on a real Redis: while it is away, both say that their numbers may be old, and then no more."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import httpx
import websockets

from support.redis_servers import RedisServer, serving
from support.servers import Server, nannin
from whole.test_watch_server import watching

PATIENCE_S = 20.0


@contextlib.contextmanager
def pair() -> Iterator[tuple[RedisServer, list[Server]]]:
    """Two servers that come to one count over a Redis."""
    with (
        serving("redis") as redis,
        nannin("--redis", redis.url) as one,
        nannin("--redis", redis.url) as other,
    ):
        yield redis, [one, other]


async def come(get: Callable[[], Any], expected: Any) -> None:
    """Waits until this is what it gets."""
    found = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            while (found := await asyncio.to_thread(get)) != expected:
                await asyncio.sleep(0.02)
    assert found == expected


@contextlib.asynccontextmanager
async def tab(server: Server) -> AsyncIterator[list[dict[str, Any]]]:
    """A client on `/`, and what it is told."""
    heard: list[dict[str, Any]] = []
    async with websockets.connect(
        f"ws://{server.host}:{server.port}/socket.io/?EIO=4&transport=websocket"
    ) as link:
        await link.send('40{"updates":"audience"}')

        async def read() -> None:
            async for message in link:
                if message == "2":
                    await link.send("3")
                elif str(message).startswith("42"):
                    heard.append(json.loads(message[2:])[1])

        reading = asyncio.create_task(read())
        try:
            yield heard
        finally:
            reading.cancel()


def faces(server: Server) -> list[Any]:
    """What a server shows to those who only look."""
    with httpx.Client(base_url=server.url) as web:
        title = web.get("/badge.svg").text.partition("<title>")[2].partition("</title>")[0]
        pages = web.get("/api/pages").json()["pages"]
        return [web.get("/api/count").json(), pages, web.get("/api/shield").json()["message"], title]


def explained(server: Server) -> tuple[bool, bool]:
    """Whether nodes are missing in an explanation, and whether the others agree."""
    with httpx.Client(base_url=server.url) as web:
        answer = web.get("/api/explain").json()
        return answer["nodes_without_answer"] > 0, answer["check"]["agrees"]


async def test_while_redis_is_away_all_who_look_hear_it_and_when_it_is_back() -> None:
    with pair() as (redis, servers):
        async with tab(servers[0]) as here, tab(servers[1]) as there:
            sure = {"page": "/", "connections": 2, "visitors": 2, "visible": 2}
            stale = sure | {"stale": True}
            with watching(servers[0].url, "--json") as watch:
                lines: list[str] = []
                output = watch.stdout
                assert output is not None
                threading.Thread(target=lambda: lines.extend(output), daemon=True).start()
                for server in servers:
                    await come(partial(faces, server), [sure, [sure], "2", "online: 2"])
                    await come(partial(explained, server), (False, True))
                redis.kill()
                words = "online: about 2 (may be out of date)"
                for server in servers:
                    await come(partial(faces, server), [stale, [stale], "≈ 2", words])
                    await come(partial(explained, server), (True, True))
                await come(lambda: [here[-1], there[-1], json.loads(lines[-1])], [stale] * 3)
                redis.start()
                for server in servers:
                    await come(partial(faces, server), [sure, [sure], "2", "online: 2"])
                    await come(partial(explained, server), (False, True))
                await come(lambda: [here[-1], there[-1], json.loads(lines[-1])], [sure] * 3)
