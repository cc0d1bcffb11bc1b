"""Who is told what while there is no server."""

from __future__ import annotations

import contextlib
import http.client
import socket

from nannin.server.stand_in import Excuse, StandIn
from nannin.settings import Settings
from support.asgi import ask, websocket

REASON = "app.py can't be imported"
PATIENCE_S = 10.0


async def test_a_program_on_this_machine_is_told_why() -> None:
    call = await ask(Excuse(REASON), "GET", "")
    assert (call.status, call.header("retry-after")) == (503, "1")
    assert REASON in call.body.decode()


async def test_a_program_on_this_machine_is_told_where_it_says_why() -> None:
    assert "Its terminal says why." in (await ask(Excuse(""), "GET", "")).body.decode()


async def test_others_are_not_told_why() -> None:
    call = await ask(Excuse(REASON), "GET", "", x_forwarded_for="203.0.113.9")
    assert call.status == 503
    assert REASON not in call.body.decode()


async def test_a_websocket_is_refused() -> None:
    call = await websocket(Excuse(REASON), "").ends()
    assert call.sent == [{"type": "websocket.close"}]
    call = await websocket(Excuse(REASON), "", extensions={"websocket.http.response": {}}).ends()
    assert (call.sent[0]["type"], call.status) == ("websocket.http.response.start", 503)


def status(address: tuple[str, int]) -> int:
    """The status of an answer, as soon as there is one."""
    with contextlib.closing(http.client.HTTPConnection(*address, timeout=PATIENCE_S)) as connection:
        connection.request("GET", "/")
        with connection.getresponse() as response:
            return response.status


def test_it_answers_as_often_as_it_is_started_and_leaves_the_sockets_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stand_in = StandIn(Settings(), [listener.fileno()])
        for _ in range(2):
            stand_in.start(REASON)
            assert status(listener.getsockname()) == 503
            stand_in.stop()
        with socket.create_connection(listener.getsockname()):
            listener.settimeout(PATIENCE_S)
            listener.accept()[0].close()


def test_stopping_what_never_started_does_nothing() -> None:
    StandIn(Settings(), []).stop()
