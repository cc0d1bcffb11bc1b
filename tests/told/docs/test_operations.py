"""What docs/operations.md says of logs, and of what is not there, holds."""

from __future__ import annotations

import asyncio
import pathlib
import re
import signal
import time
from collections.abc import Iterator

import httpx
import pytest
import socketio

from nannin.hub.lag import SLOW_S
from support.doc_pages import read
from support.servers import Server, nannin

PAGE = "docs/operations.md"
PAGE_SECRET = "a page secret of the test"
EMIT_TOKEN = "an-emit-token-of-the-test"
APP = """
import time

from nannin import Live, Socket

live = Live()


@live.on("slow")
def slow(socket: Socket) -> None:
    time.sleep(0.15)


@live.on("broken")
def broken(socket: Socket) -> None:
    raise RuntimeError("what the handler says")
"""


@pytest.fixture(scope="module")
def plain_server() -> Iterator[Server]:
    with nannin() as server:
        yield server


async def make_trouble(url: str, token: str) -> None:
    """Turns up with a wrong token and a right one, and calls handlers that are slow and broken."""
    async with socketio.AsyncSimpleClient() as refused:
        with pytest.raises(socketio.exceptions.ConnectionError):
            await refused.connect(url, auth={"token": "a-forged-token"}, transports=["websocket"])
    async with socketio.AsyncSimpleClient() as client:
        await client.connect(url, auth={"token": token}, transports=["websocket"])
        await client.call("slow", timeout=5)
        await client.emit("broken")
        await client.call("slow", timeout=5)  # after it the other was handled, too


def play(server: Server, token: str) -> None:
    for sent in (EMIT_TOKEN, "a-guessed-token"):
        headers = {"authorization": f"Bearer {sent}"}
        httpx.post(f"{server.url}/api/emit", headers=headers, json={"event": "hello"})
    asyncio.run(make_trouble(server.url, token))


def test_the_log_says_what_went_wrong_and_neither_who_it_was_nor_a_secret(tmp_path: pathlib.Path) -> None:
    from nannin.access.tokens import Tokens

    token = Tokens([PAGE_SECRET]).sign("/")
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")
    env = {"NANNIN_PAGE_SECRET": PAGE_SECRET, "NANNIN_EMIT_TOKEN": EMIT_TOKEN}
    with nannin("--app", f"{tmp_path / 'app.py'}:live", env=env) as server:
        play(server, token)
        server.stop(signal.SIGTERM)
        said = server.log
    assert re.search(r"WARNING nannin.handlers: the handler slow of 'slow' .* for 1\d\d ms", said)
    assert said.count("the handler slow") == 1
    assert "ERROR nannin.hub: the handler of 'broken' on page / raised\nTraceback" in said
    assert "RuntimeError: what the handler says" in said
    for secret in (PAGE_SECRET, EMIT_TOKEN, token, "a-forged-token", "a-guessed-token"):
        assert secret not in said
    assert not re.search(rf"127\.0\.0\.1:(?!{server.port}\b)\d+", said)


def test_a_setting_that_holds_a_secret_is_named_and_not_shown() -> None:
    with (
        pytest.raises(RuntimeError, match="NANNIN_EMIT_TOKEN must be") as error,
        nannin(env={"NANNIN_EMIT_TOKEN": "too short"}),
    ):
        pass
    assert "too short" not in str(error.value)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_probe_is_answered_as_the_table_says(path: str, plain_server: Server) -> None:
    assert f"| `{path}` |" in read(PAGE)
    for host in ("127.0.0.1", "10.0.0.7", "evil.example"):
        answer = httpx.get(f"{plain_server.url}{path}", headers={"host": host})
        assert (answer.status_code, answer.text) == (200, "ok")


def test_the_health_check_is_answered_in_time(plain_server: Server) -> None:
    started = time.monotonic()
    httpx.get(f"{plain_server.url}/readyz").raise_for_status()
    assert time.monotonic() - started < 2


def test_the_figures_of_the_page_are_those_of_the_code() -> None:
    assert f"for {SLOW_S} s or more" in read(PAGE)
