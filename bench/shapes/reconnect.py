"""All 2,000 clients lose their connections at once and come back: a deploy, or a switch that restarts.

The cost of a join has a leave in it.
"""

from __future__ import annotations

from shapes.clients import WebSocketClient
from shapes.ground import Ground, Server, Shape, ShapeFigures, each, measure_joins

CLIENTS = 2_000


def measure(server: Server, figures: ShapeFigures, ground: Ground) -> None:
    """Measures one server."""
    count = ground.clients(CLIENTS)
    server.swarm.join(WebSocketClient(server.address) for _ in range(count))
    server.swarm.rest_for(1.0)
    returning = [WebSocketClient(server.address) for _ in range(count)]
    measure_joins(server, figures, returning, server.swarm.leave)
    figures.bytes_per_connection = None  # those who were there before have paid for it


SHAPE = Shape("a reconnect of all", each(measure))
