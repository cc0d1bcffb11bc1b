"""`nannin emit` against a real server: the targets, and each way to fail in one line."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import socketio

from support.commands import run
from support.servers import Server, free_port, nannin

TOKEN = "a-token-for-the-tests"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with nannin("--emit-token", TOKEN) as started:
        yield started


async def test_the_command_reaches_everyone_one_and_all_but_one(server: Server) -> None:
    heard: list[tuple[str, str]] = []

    clients = {name: socketio.AsyncClient(reconnection=False) for name in ("ann", "bob")}
    for name, client in clients.items():
        client.on("say", lambda text, name=name: heard.append((name, text)))
        await client.connect(server.url, transports=["websocket"])
    ann, _ = (str(client.get_sid()) for client in clients.values())
    for target in ([], ["--to", ann], ["--except", ann]):
        text = target[0] if target else "all"
        arguments = ["emit", server.url, "--event", "say", "--data", f'"{text}"', *target]
        code, out, error = await asyncio.to_thread(run, *arguments, NANNIN_EMIT_TOKEN=TOKEN)
        assert (code, error) == (0, "")
        assert out == f"sent to {1 if target else 2} client{'' if target else 's'}\n"
    async with asyncio.timeout(10):
        while len(heard) < 4:
            await asyncio.sleep(0.01)
    for client in clients.values():
        await client.disconnect()
    assert sorted(heard) == [("ann", "--to"), ("ann", "all"), ("bob", "--except"), ("bob", "all")]


def test_a_wrong_token_is_one_line_and_never_shows_it(server: Server) -> None:
    code, out, error = run("emit", server.url, "--event", "say", "--token", "a-wrong-token-of-mine")
    assert (code, out, error.count("\n")) == (1, "", 1)
    assert "emit_token" in error
    assert "a-wrong-token-of-mine" not in error + server.log


def test_without_a_token_or_with_bad_json_it_is_a_usage_error(server: Server) -> None:
    code, _, error = run("emit", server.url, "--event", "say")
    assert (code, "NANNIN_EMIT_TOKEN" in error) == (2, True)
    code, _, error = run("emit", server.url, "--event", "say", "--token", TOKEN, "--data", "{")
    assert (code, "--data" in error) == (2, True)


def test_a_server_that_is_not_there_is_one_line() -> None:
    code, _, error = run("emit", f"http://127.0.0.1:{free_port()}", "--event", "say", "--token", TOKEN)
    assert (code, error.count("\n")) == (1, 1)
