"""10,000 pages of one client each: a shop, or an encyclopedia. Each client says something on its own page.

The cost of a delivery has the event in it that asked for it: there is one for each.
"""

from __future__ import annotations

from functools import partial

from shapes.clients import WebSocketClient
from shapes.ground import Ground, Server, Shape, ShapeFigures, each, measure_deliveries, measure_joins

PAGES = 10_000
AT_ONCE = 100


def measure(server: Server, figures: ShapeFigures, ground: Ground) -> None:
    """Measures one server."""
    clients = [WebSocketClient(server.address, f"/page/{n}") for n in range(ground.clients(PAGES))]
    measure_joins(server, figures, clients)
    at_once = min(AT_ONCE, len(clients))
    groups = [clients[at : at + at_once] for at in range(0, len(clients) - at_once + 1, at_once)]
    measure_deliveries(server, figures, [partial(say, group) for group in groups], at_once)


def say(clients: list[WebSocketClient]) -> None:
    """Some clients say something, each to its page."""
    for client in clients:
        client.emit("say", "", 10)


SHAPE = Shape("pages of one client", each(measure))
