"""1,000 clients by long-polling alone: an office whose proxy lets no WebSocket through.

Each delivery is an answer and the next request.
"""

from __future__ import annotations

from shapes.clients import PollingClient, Swarm, WebSocketClient
from shapes.ground import Ground, Server, Shape, ShapeFigures, each, measure_deliveries, measure_joins

CLIENTS = 1_000
TIMES = 15


def measure(server: Server, figures: ShapeFigures, ground: Ground) -> None:
    """Measures one server."""
    measure_joins(server, figures, [PollingClient(server.address) for _ in range(ground.clients(CLIENTS))])
    with Swarm() as speakers:
        speaker = WebSocketClient(server.address)
        speakers.join([speaker])
        acts = [lambda: speaker.emit("say", "", 10)] * TIMES
        measure_deliveries(server, figures, acts, figures.clients)


SHAPE = Shape("polling clients", each(measure))
