"""Large messages on a Unix socket whose buffer in the kernel is as small as a slow client leaves it.

python large_app.py PATH_OF_THE_SOCKET
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount, WebSocketRoute
from starlette.websockets import WebSocket

from nannin import DirectWebSocket, Live, Socket

live = Live(max_payload=100_000)


@live.on("event")
def send_event(socket: Socket, size: int) -> None:
    socket.emit("large", "x" * size)


@live.on("bytes")
def send_bytes(socket: Socket, size: int) -> None:
    socket.emit("large", bytes(size))


@live.on("ack")
def send_ack(_: Socket, size: int) -> str:
    return "x" * size


@live.on("burst")
def send_burst(socket: Socket, events: int, size: int) -> None:
    for number in range(events):
        socket.emit("piece", number, "x" * size)


@live.on("farewell")
def send_farewell(socket: Socket, size: int) -> None:
    socket.emit("large", "x" * size)
    socket.emit("last")
    socket.disconnect(close=True)


async def echo(websocket: WebSocket) -> None:
    """The application's own WebSocket: as many letters as it is asked for."""
    await websocket.accept()
    async for size in websocket.iter_text():
        await websocket.send_text("x" * int(size))


class Narrow(DirectWebSocket):
    """A WebSocket with little room in the kernel."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)


app: Any = Starlette(routes=[WebSocketRoute("/own", echo), Mount("/", live)])


if __name__ == "__main__":
    uvicorn.run(app, uds=sys.argv[1], ws=Narrow, log_level="warning")
