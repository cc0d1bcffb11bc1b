"""`nannin serve --reload`: a change of the application is served soon, whoever is connected."""

from __future__ import annotations

import contextlib
import pathlib
import re
import signal
import socket
import time
import urllib.error

import pytest

from support.commands import end
from support.files import write
from support.raw_client import connect, get, read_until, upgrade_request
from support.servers import Server, nannin

PATIENCE_S = 20.0


def app(word: str) -> str:
    return f"""
        from starlette.applications import Starlette
        from starlette.responses import PlainTextResponse
        from starlette.routing import Route
        from nannin import Live

        live = Live(Starlette(routes=[Route("/word", lambda request: PlainTextResponse({word!r}))]))
    """


def answers(server: Server, word: str, *, was_broken: bool = False) -> bool:
    """Whether the server says this word in time; only a broken one may refuse meanwhile."""
    give_up_at = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_at:
        try:
            if get(f"{server.url}/word").decode() == word:
                return True
        except (ConnectionResetError, TimeoutError):
            pass  # the old server ended with this request, or the new one takes its time
        except urllib.error.HTTPError:
            if not was_broken:
                raise
        time.sleep(0.05)
    return False


def logs(server: Server, text: str) -> bool:
    give_up_at = time.monotonic() + PATIENCE_S
    while text not in server.log and time.monotonic() < give_up_at:
        time.sleep(0.05)
    return text in server.log


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "app.py"
    write(path, app("one"))
    return path


def open_websocket(server: Server) -> socket.socket:
    client = connect(server, upgrade_request("/socket.io/?EIO=4&transport=websocket"))
    read_until(client, b"101 Switching Protocols")
    return client


def open_stream(server: Server) -> socket.socket:
    client = connect(server, b"GET /api/stream HTTP/1.1\r\nHost: x\r\n\r\n")
    read_until(client, b"event: audience")
    return client


def test_a_change_is_served_whatever_is_open(path: pathlib.Path) -> None:
    with nannin("--reload", "--app", str(path), fresh=True) as server, contextlib.ExitStack() as clients:
        assert answers(server, "one")
        clients.enter_context(open_websocket(server))
        clients.enter_context(open_stream(server))
        write(path, app("another"))
        assert answers(server, "another")
        assert "app.py changed: starting again" in server.log
        assert end(server, signal.SIGTERM)[1] == 0
        assert "Traceback" not in server.log


def refusal(server: Server) -> str:
    """What every request is told, in time."""
    give_up_at = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_at:
        try:
            get(f"{server.url}/word")
        except urllib.error.HTTPError as error:
            return f"{error.code} {error.read().decode()}"
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError(server.log)


def test_a_broken_application_is_waited_for(path: pathlib.Path) -> None:
    with nannin("--reload", "--app", str(path), fresh=True) as server:
        assert answers(server, "one")
        write(path, "1 / 0")
        assert logs(server, "the server has ended; it starts again after the next change")
        assert "ZeroDivisionError: division by zero" in server.log
        assert re.match("503 .*ZeroDivisionError: division by zero", refusal(server), re.DOTALL)
        write(path, app("mended"))
        assert logs(server, "starting again")
        assert answers(server, "mended", was_broken=True)


def test_requests_to_an_application_that_never_worked_are_told_why(path: pathlib.Path) -> None:
    write(path, "import nothing_of_this_name")
    with nannin("--reload", "--app", str(path), fresh=True) as server:
        assert "No module named 'nothing_of_this_name'" in refusal(server)
        with connect(server, upgrade_request("/socket.io/?EIO=4&transport=websocket")) as client:
            read_until(client, b"HTTP/1.1 503")
        write(path, "x =")
        assert logs(server, "invalid syntax")
        assert "invalid syntax" in refusal(server)
        write(path, app("mended"))
        assert answers(server, "mended", was_broken=True)
        assert end(server, signal.SIGTERM)[1] == 0
        assert "Traceback" not in server.log


def test_an_interrupt_ends_both_processes_in_good_order(path: pathlib.Path) -> None:
    with nannin("--reload", "--app", str(path), fresh=True) as server:
        assert answers(server, "one")
        took, code = end(server, signal.SIGINT)
        assert (code, took < 5) == (0, True)
        assert "stopped by SIGINT" in server.log
        with pytest.raises(OSError):
            socket.create_connection((server.host, server.port), 1)
