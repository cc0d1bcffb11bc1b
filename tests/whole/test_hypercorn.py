"""A Live under another server than its own: hypercorn, which offers no direct writes."""

from __future__ import annotations

import asyncio
import pathlib
import sys
from collections.abc import Iterator

import httpx
import pytest
import socketio
from websockets.asyncio.client import connect

from support.servers import Server, free_port, running

APP = """
from nannin import Live

live = Live()


@live.on("double")
def double(socket, value):
    return value * 2
"""
POLLING = "/socket.io/?EIO=4&transport=polling"
PATIENCE_S = 10.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: pathlib.Path = tmp_path_factory.mktemp("hypercorn")
    (folder / "small_app.py").write_text(APP)
    port = free_port()
    command = [sys.executable, "-m", "hypercorn", "--bind", f"127.0.0.1:{port}", "small_app:live"]
    with running(command, port, env={"PYTHONPATH": str(folder)}) as server:
        yield server


def test_polling(server: Server) -> None:
    with httpx.Client(base_url=server.url, timeout=PATIENCE_S) as http:
        query = f"{POLLING}&sid={http.get(POLLING).text.split(chr(34))[3]}"
        assert http.post(query, content="40/plain,").text == "ok"
        connected, told = http.get(query).text.split("\x1e")
        assert connected.startswith('40/plain,{"sid":"')
        assert told == '42/plain,["user connected",1]'
        assert http.post(query, content="1").text == "ok"
        assert http.get(query).status_code == 400


async def test_websocket(server: Server) -> None:
    url = f"{server.ws_url}/socket.io/?EIO=4&transport=websocket"
    async with asyncio.timeout(PATIENCE_S), connect(url) as link:
        assert '"upgrades":[]' in str(await link.recv())
        await link.send("40/plain,")
        assert str(await link.recv()).startswith('40/plain,{"sid":"')
        assert await link.recv() == '42/plain,["user connected",1]'
        await link.send("junk")
        await link.wait_closed()
        assert link.close_code == 1002


async def test_an_upgrade(server: Server) -> None:
    async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient(base_url=server.url) as http:
        sid = (await http.get(POLLING)).text.split('"')[3]
        await http.post(f"{POLLING}&sid={sid}", content="40/plain,")
        await http.get(f"{POLLING}&sid={sid}")
        polled = asyncio.create_task(http.get(f"{POLLING}&sid={sid}", timeout=PATIENCE_S))
        url = f"{server.ws_url}/socket.io/?EIO=4&transport=websocket&sid={sid}"
        async with connect(url) as link:
            await link.send("2probe")
            assert await link.recv() == "3probe"
            assert (await polled).text == "6"
            await link.send("5")
            await link.send("41/plain,")
            await link.send("40/plain,")
            assert str(await link.recv()).startswith("40/plain,")
            assert (await http.get(f"{POLLING}&sid={sid}")).status_code == 400


@pytest.mark.parametrize("transports", [["polling"], ["websocket"], ["polling", "websocket"]])
async def test_an_event_is_acknowledged(server: Server, transports: list[str]) -> None:
    client = socketio.AsyncClient(reconnection=False)
    async with asyncio.timeout(PATIENCE_S):
        await client.connect(server.url, transports=transports)
        assert await client.call("double", "ab") == "abab"
        assert await client.call("double", b"\x01") == b"\x01\x01"
        await client.disconnect()


def test_a_refused_request_says_why(server: Server) -> None:
    answer = httpx.get(f"{server.url}/socket.io/?EIO=3&transport=polling")
    assert (answer.status_code, answer.json()["code"]) == (400, 5)
