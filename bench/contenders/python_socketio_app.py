"""The sample's logic on python-socketio: the count to everyone on each connection and disconnection.

With QUIET=1 in the environment nobody is told before SIGUSR2.
"""

from __future__ import annotations

import os
import signal

import socketio

tells = os.environ.get("QUIET") != "1"
count = 0


def start_telling(*_: object) -> None:
    """From now on, everyone is told."""
    global tells
    tells = True


signal.signal(signal.SIGUSR2, start_telling)
server = socketio.AsyncServer(async_mode="asgi", transports=["websocket"])
app = socketio.ASGIApp(server)


@server.event
async def connect(sid: str, environ: object, auth: object) -> None:
    """Counts one more."""
    global count
    count += 1
    if tells:
        await server.emit("user connected", count)


@server.event
async def disconnect(sid: str, reason: str) -> None:
    """Counts one less."""
    global count
    count -= 1
    if tells:
        await server.emit("user disconnected", count)
