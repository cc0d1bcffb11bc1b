"""Items 18 to 23: more clients, connections and pages than anybody should have."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import random
import threading
import time
from typing import cast

from support.raw_client import deaf_client, masked_text, upgrade_request
from support.raw_wire import Closed, Tcp, WebSocket, get, polling, websocket
from support.servers import APPS
from torture.campaign import item
from torture.ground import Ground

PING_FRAME = b"\x81\x012"
DROP = b'["drop",'


@item(12, "every descriptor is used up", descriptors=160)
def descriptors(ground: Ground) -> None:
    ground.turns_away = True
    held: list[Tcp] = []
    for _ in range(200):
        with contextlib.suppress(OSError):
            held.append(Tcp(ground.server))
            held[-1].try_send(upgrade_request(websocket("/socket.io/")))
    before_s = ground.cpu_s()
    time.sleep(3)
    used_s = ground.cpu_s() - before_s
    for tcp in held:
        tcp.socket.close()
    began = time.monotonic()
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if get(ground.server, "/api/count?page=/").status == 200:
                break
        assert time.monotonic() < began + 5, "it doesn't recover"
        time.sleep(0.05)
    ground.note(f"{used_s / 3:.0%} of a core meanwhile, back after {time.monotonic() - began:.1f} s")
    assert used_s < 1.5, "it spins"


class Healthy(asyncio.Protocol):
    """A client that reads all that comes, and counts the events."""

    def __init__(self) -> None:
        self.events = 0
        self.has_joined = self.is_gone = self._has_asked = False
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(upgrade_request(websocket("/socket.io/")))

    def data_received(self, data: bytes) -> None:
        if data == PING_FRAME:
            self.transport.write(masked_text("3"))
        data = self._rest + data
        if b"0{" in data and not self._has_asked:
            self._has_asked = True
            self.transport.write(masked_text("40"))
        self.has_joined = self.has_joined or b'40{"sid"' in data
        self.events += data.count(DROP)
        self._rest = data[1 - len(DROP) :]

    def connection_lost(self, _exc: Exception | None) -> None:
        self.is_gone = True


@item(18, "readers that stop reading, beside healthy ones", "--app", str(APPS / "flood_app.py:live"))
def deaf_readers(ground: Ground) -> None:
    flood(ground, ground.size(100, 10), ground.size(200, 20), times=1, at_once=300)


@item(
    18,
    "a thousand that stop reading, beside ten thousand",
    *("--app", str(APPS / "flood_app.py:live")),
    is_long=True,
)
def many_deaf_readers(ground: Ground) -> None:
    ground.left_mb = 64.0  # 48 are left of 11,000 clients, and no more if they come four times
    flood(ground, 10_000, 1_000, times=20, at_once=5)


def flood(ground: Ground, number: int, number_deaf: int, *, times: int, at_once: int) -> None:
    """Tells all clients of many events, and some of them read nothing.

    Args:
        ground: the server.
        number: how many clients read.
        number_deaf: how many don't.
        times: how often events are told in one turn of the loop; each time all clients are waited for.
        at_once: how many those are, of 4 KB each.
    """
    deaf = [deaf_client(ground.server, "40") for _ in range(number_deaf)]
    healthy: list[Healthy] = []

    async def all_have(events: int) -> None:
        async with asyncio.timeout(60):
            while not all(client.has_joined and client.events == events for client in healthy):
                assert not any(client.is_gone for client in healthy), "a healthy one was ended"
                await asyncio.sleep(0.05)

    async def tell_all() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(number):
            where = ground.server.host, ground.server.port
            healthy.append((await loop.create_connection(Healthy, *where))[1])
        await all_have(0)
        for told in range(times):
            healthy[0].transport.write(masked_text(f'42["flood",{at_once},4096]'))
            await all_have((told + 1) * at_once)
        async with asyncio.timeout(20):
            while await asyncio.to_thread(ground.count) != number:  # else deaf readers are not ended
                await asyncio.sleep(0.2)
        for client in healthy:
            client.transport.abort()

    asyncio.run(tell_all())
    ground.note(f"{number} healthy ones lost none of {times * at_once}, {number_deaf} deaf ones ended")
    for reader in deaf:
        reader.close()


@item(19, "all clients come back at once")
def reconnects(ground: Ground) -> None:
    number = ground.size(10_000, 300)

    async def come_back() -> asyncio.StreamWriter:
        while True:
            with contextlib.suppress(OSError, EOFError):
                reader, writer = await asyncio.open_connection(ground.server.host, ground.server.port)
                writer.write(upgrade_request(websocket("/socket.io/")))
                if b" 101 " in await reader.readuntil(b"\r\n\r\n"):
                    writer.write(masked_text("40/back,"))
                    await reader.readuntil(b"40/back,")
                    return writer
                writer.close()
            await asyncio.sleep(random.uniform(0.5, 2))

    async def all_of_them() -> float:
        began = time.monotonic()
        async with asyncio.timeout(30):
            writers = await asyncio.gather(*(come_back() for _ in range(number)))
        took_s = time.monotonic() - began
        for writer in writers:
            writer.transport.abort()
        return took_s

    for _ in range(2):
        ground.note(f"{number} back after {asyncio.run(all_of_them()):.1f} s")


@item(20, "clients that join and leave as fast as they can")
def churn(ground: Ground) -> None:
    async def come_and_go(times: int) -> None:
        for _ in range(times):
            reader, writer = await asyncio.open_connection(ground.server.host, ground.server.port)
            writer.write(upgrade_request(websocket("/socket.io/")))
            await reader.readuntil(b"\r\n\r\n")
            writer.write(masked_text("40/churn,"))
            await reader.readuntil(b"40/churn,")
            writer.close()

    async def all_of_them() -> None:
        await asyncio.gather(*(come_and_go(ground.size(300, 20)) for _ in range(50)))

    asyncio.run(all_of_them())
    ground.note(f"{50 * ground.size(300, 20)} joins")
    assert ground.count("/churn") == 0


@item(21, "a flood of refused connections")
def refused_flood(ground: Ground) -> None:
    refusals = (
        "/socket.io/?EIO=3&transport=polling",
        polling("/socket.io/", "nobody"),
        "/nothing",
        "/api/pages?x=1",
    )
    for _ in range(ground.size(2_000, 50)):
        for where in refusals:
            get(ground.server, where)


@item(22, "ever new page keys")
def page_keys(ground: Ground) -> None:
    keys = iter(range(10**9))
    for _ in range(ground.size(25_000, 50)):
        link = WebSocket(ground.server, websocket("/socket.io/"))
        try:
            for _ in range(4):
                link.send(f"40/{'k' * 200}/{next(keys)},")
        except Closed:
            pass
        link.close()
    explained = json.loads(get(ground.server, "/api/pages").text)
    ground.note(f"{next(keys)} keys, {len(explained.get('pages', []))} pages left")


@item(
    22,
    "very many pages, and streams of all of them that nobody reads",
    *("--max-namespaces", "100000", "--max-joins", "0"),
    *("--max-messages", "1000000000", "--max-burst", "1000000000"),
)
def every_page(ground: Ground) -> None:
    number = ground.size(5_000, 300)
    stream = "GET /api/stream?page=* HTTP/1.1\r\nHost: localhost\r\n\r\n"
    on_all = Tcp(ground.server).send(upgrade_request(websocket("/socket.io/")))
    assert on_all.read_count(b'"sid"', 1) == 1  # what comes before the answer to an upgrade is dropped
    reads_on_all = threading.Thread(target=_swallow, args=(on_all,), daemon=True)
    reads_on_all.start()
    for first in range(0, number, 100):
        on_all.send(b"".join(masked_text(f"40/all/{page},") for page in range(first, first + 100)))
    _wait_for_pages(ground, number)
    deaf = [Tcp(ground.server).send(stream) for _ in range(ground.size(50, 5))]
    reader = Tcp(ground.server).send(stream)
    assert reader.read_count(b'"/all/', number) == number
    began, times = time.monotonic(), 0
    while time.monotonic() < began + ground.size(8, 2):
        page = times % number
        on_all.send(masked_text(f"41/all/{page},"), masked_text(f"40/all/{page},"))
        times += 1
        if not times % 500:
            assert get(ground.server, "/api/pages").status in (200, 503)
    ground.note(f"{number} pages, {times} came and went, {ground.memory_mb():.0f} MB meanwhile")
    for tcp in [*deaf, reader, on_all]:
        tcp.reset()
    reads_on_all.join(10)


def _swallow(tcp: Tcp) -> None:
    tcp.socket.settimeout(None)
    with contextlib.suppress(OSError):
        while tcp.socket.recv(65_536):
            pass


def _wait_for_pages(ground: Ground, number: int) -> None:
    give_up_at = time.monotonic() + 60
    while True:
        reply = get(ground.server, "/api/pages?limit=1")
        if reply.status == 200 and json.loads(reply.text)["total"] >= number:
            return
        assert time.monotonic() < give_up_at, "the pages are not joined"
        time.sleep(0.2)


@item(23, "one address that opens ever more connections, and forges X-Forwarded-For")
def one_address(ground: Ground) -> None:
    forged = b"\r\nX-Forwarded-For: %d.51.100.1, 203.0.113.7\r\n\r\n"
    statuses: dict[int, int] = {}
    kept = []
    for number in range(ground.size(5_000, 200)):
        tcp = Tcp(ground.server)
        opening = upgrade_request(websocket("/socket.io/"))
        tcp.try_send(opening.replace(b"\r\n\r\n", forged % (number % 200)))
        status = tcp.status() or 0
        statuses[status] = statuses.get(status, 0) + 1
        if status == 101:
            tcp.try_send(masked_text("40/forged,"))
        kept.append(tcp)
    counted = ground.count("/forged")
    ground.note(f"{statuses}, {counted} counted")
    assert counted <= 50, f"{counted} connections of one address"
    for tcp in kept:
        tcp.socket.close()
