"""3,000 idle clients for one interval of 25 s. All servers run at once here: none of them has much to do."""

from __future__ import annotations

import contextlib
import time

from lineup import Absent, Mode

from nannin.errors import BenchError
from shapes.clients import WebSocketClient
from shapes.ground import Ground, Shape, ShapeFigures, measure_joins, served

CLIENTS = 3_000
INTERVAL_S = 26.0


def measure(ground: Ground, name: str) -> list[ShapeFigures]:
    """Measures all servers."""
    found = []
    with contextlib.ExitStack() as stack:
        for contender in ground.contenders:
            if not contender.in_shapes:
                continue
            figures = ShapeFigures(name, contender.name, 0)
            try:
                server = stack.enter_context(served(contender, ground, Mode.SHAPES))
                clients = [WebSocketClient(server.address) for _ in range(ground.clients(CLIENTS))]
                measure_joins(server, figures, clients)
                found.append((server, figures, server.processes.cpu_s()))
            except (Absent, BenchError) as error:
                ground.skipped.append(f"{name}, {contender.name}: {error}")
        began_s = time.perf_counter()
        while time.perf_counter() < began_s + INTERVAL_S:
            for server, _, _ in found:
                server.swarm.turn(0.01)
        for server, figures, cpu_s in found:
            took_s = time.perf_counter() - began_s
            figures.rest_cpu_percent = (server.processes.cpu_s() - cpu_s) / took_s * 100
            figures.notes += [f"clients were lost: {reason}" for reason in server.swarm.lost]
    return [figures for _, figures, _ in found]


SHAPE = Shape("idle clients", measure)
