"""What a supervisor tells its workers; tests in `whole` have it start and end real ones."""

from __future__ import annotations

import asyncio
import signal
import socket
from typing import Any

import pytest

from nannin.nodes.channel import FromSupervisor, Stopping
from nannin.server.crew import Crew
from nannin.server.supervisor import Supervisor
from nannin.settings import Settings


class Told:
    """A process that notes what it is told, and how."""

    pid = 1

    def __init__(self, told: list[object]) -> None:
        self._told = told

    def send(self, message: FromSupervisor) -> None:
        self._told.append(message)

    def send_signal(self, number: int, /) -> None:
        self._told.append(signal.Signals(number))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_every_worker_knows_that_the_server_stops_before_any_of_them_ends(
    how: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = list[object]()

    def hire(supervisor: Any, slot: int, mark: int) -> Told:
        supervisor._children.append(child := Told(told))
        return child

    monkeypatch.setattr(Supervisor, "_hire", hire)
    with socket.socket() as one, socket.socket() as two:
        supervisor: Any = Supervisor(Settings(), [[one], [two]], lambda has_page, place: None)
        supervisor._wake = asyncio.Event()
        crew: Crew = supervisor._crew
        crew.begin(0.0)
        for number in range(2):
            process = crew.process_of(supervisor._children[number])
            assert process is not None
            crew.ready(process, 0.0)
        supervisor._end(how)
        assert told == [Stopping(), Stopping(), how, how]
        supervisor._end(how)
        assert told[4:] == [signal.SIGKILL, signal.SIGKILL]
        supervisor._mesh.close()
