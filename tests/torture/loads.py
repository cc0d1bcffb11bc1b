"""Items 18 to 23: more clients, connections and pages than anybody should have."""

from __future__ import annotations

import asyncio
import json

from support.raw_client import masked_text, upgrade_request
from support.raw_wire import Closed, Tcp, WebSocket, get, polling, websocket
from torture.campaign import item
from torture.ground import Ground


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
    for _ in range(ground.size(2_000, 50)):
        link = WebSocket(ground.server, websocket("/socket.io/"))
        try:
            for _ in range(4):
                link.send(f"40/{'k' * 200}/{next(keys)},")
        except Closed:
            pass
        link.close()
    explained = json.loads(get(ground.server, "/api/pages").text)
    ground.note(f"{next(keys)} keys, {len(explained.get('pages', []))} pages left")


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
