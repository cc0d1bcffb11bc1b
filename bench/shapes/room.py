"""A room of 100 among 10,000 clients of one page: those who are in one conversation."""

from __future__ import annotations

from shapes.clients import WebSocketClient
from shapes.ground import Ground, Server, Shape, ShapeFigures, each, measure_deliveries, measure_joins

CLIENTS = 10_000
IN_ROOM = 100
TIMES = 200


def measure(server: Server, figures: ShapeFigures, ground: Ground) -> None:
    """Measures one server."""
    clients = [WebSocketClient(server.address) for _ in range(ground.clients(CLIENTS))]
    measure_joins(server, figures, clients)
    # Those of the room are spread over all.
    members = clients[:: max(1, len(clients) // IN_ROOM)][:IN_ROOM]
    for member in members:
        member.emit("enter room")
    server.swarm.rest_for(0.5)
    acts = [lambda: members[0].emit("say", "room", 10)] * TIMES
    measure_deliveries(server, figures, acts, len(members))


SHAPE = Shape("a room of 100", each(measure))
