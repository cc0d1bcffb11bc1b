"""An application whose clients make it send much to all."""

from __future__ import annotations

from typing import Any

from nannin import Live, Socket

live = Live()
reasons: list[str] = []


@live.on("flood")
def flood(socket: Socket, events: int, size: int) -> None:
    for number in range(events):
        socket.page.emit("drop", number, "x" * size)


@live.on("look")
def look(socket: Socket) -> tuple[Any, ...]:
    return socket.page.count.connections, reasons


@live.on("disconnect")
def bye(socket: Socket, reason: str) -> None:
    reasons.append(reason)
