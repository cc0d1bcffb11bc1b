"""2,000 observers of a page over server-sent events, while one client comes and goes.

Socket.IO has no such stream, so nannin is alone here.
"""

from __future__ import annotations

from lineup import Mode

from shapes.clients import StreamClient, Swarm, WebSocketClient
from shapes.ground import Ground, Server, Shape, ShapeFigures, each, measure_deliveries, measure_joins

OBSERVERS = 2_000
TIMES = 10


def measure(server: Server, figures: ShapeFigures, ground: Ground) -> None:
    """Measures one server."""
    measure_joins(server, figures, [StreamClient(server.address) for _ in range(ground.clients(OBSERVERS))])
    with Swarm() as visitors:

        def come() -> None:
            visitors.join([WebSocketClient(server.address)])

        measure_deliveries(server, figures, [come, visitors.leave] * TIMES, figures.clients)


SHAPE = Shape("observers over SSE", each(measure, only="nannin", mode=Mode.LOUD))
