"""An event of 10 KB and one of 100 KB to each of 1,000 clients: a picture, a whole table."""

from __future__ import annotations

from collections.abc import Callable

from shapes.clients import WebSocketClient
from shapes.ground import Ground, Server, Shape, ShapeFigures, each, measure_deliveries, measure_joins

CLIENTS = 1_000


def sized(size_bytes: int, times: int) -> Callable[[Server, ShapeFigures, Ground], None]:
    """A measure of one server with events of a size."""

    def measure(server: Server, figures: ShapeFigures, ground: Ground) -> None:
        clients = [WebSocketClient(server.address) for _ in range(ground.clients(CLIENTS))]
        measure_joins(server, figures, clients)
        acts = [lambda: clients[0].emit("say", "", size_bytes)] * times
        measure_deliveries(server, figures, acts, len(clients))

    return measure


TEN = Shape("an event of 10 KB", each(sized(10_000, 15)))
HUNDRED = Shape("an event of 100 KB", each(sized(100_000, 5)))
