"""The programs of docs/migrate.md, run as they stand there and driven by the official client."""

from __future__ import annotations

import pathlib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from support.servers import ROOT, Server, free_port, running
from whole.clients.conftest import NodeClient

BLOCKS: list[str] = re.findall(
    r"^```python\n(.*?)^```$", (ROOT / "docs" / "migrate.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
)


def program(mark: str) -> str:
    """The block of the page with this text in it."""
    (found,) = [block for block in BLOCKS if mark in block]
    return found


@contextmanager
def served(folder: pathlib.Path, source: str, name: str) -> Iterator[Server]:
    """Serves a program by uvicorn alone, as every ASGI app is."""
    (folder / "program.py").write_text(source, encoding="utf-8")
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(folder), "--port", str(port)]
    with running([*command, "--ws", "nannin:DirectWebSocket", f"program:{name}"], port) as server:
        yield server


@pytest.mark.parametrize("mark", ["import socketio\n", 'socket.join("lobby")'], ids=["theirs", "ours"])
def test_both_chats_do_the_same(tmp_path: pathlib.Path, guest: NodeClient, mark: str) -> None:
    with served(tmp_path, program(mark), "app") as server:
        guest.open(server.url, "nobody")
        assert guest.wait("connect_error", "nobody")["message"] == "a name, please"
        for name in ("Ada", "a"):
            guest.open(server.url, name, transports=["websocket"], auth={"name": name})
            guest.wait("connect", name)
        assert guest.call("say", "hello") == ["ok"]
        guest.wait_event("said", "a", "hello", name="Ada")
        # Its own words would have come in front of this.
        guest.tell("emit", "Ada", event="say", args=["bye"])
        guest.wait_event("said", "Ada", "bye")


def test_the_sample_of_2011_tells_everyone_the_others_and_me(
    tmp_path: pathlib.Path, guest: NodeClient
) -> None:
    with served(tmp_path, program("user disconnected"), "app") as server:
        guest.open(server.url, "first")
        guest.wait_event("user connected", 1, name="first")
        guest.wait_event("notice", "ようこそ。", name="first")
        guest.open(server.url)
        guest.wait_event("user connected", 2, name="first")
        guest.wait_event("user connected", 2)
        guest.wait_event("notice", "だれかが来ました。", name="first")
        guest.wait_event("notice", "ようこそ。")
        guest.tell("disconnect")
        guest.wait_event("user disconnected", 1, name="first")


def test_middleware_answers_what_a_handler_raises(tmp_path: pathlib.Path, guest: NodeClient) -> None:
    with served(tmp_path, program("answer_errors"), "live") as server:
        guest.open(server.url)
        assert guest.call("divide", 1, 4) == [0.25]
        (answer,) = guest.call("divide", 1, 0)
        assert "division by zero" in answer["error"]


def test_what_does_not_fit_is_refused_in_either_way(tmp_path: pathlib.Path, guest: NodeClient) -> None:
    with served(tmp_path, program("class Move"), "live") as server:
        guest.open(server.url, "other")
        guest.wait("connect", "other")
        guest.open(server.url)
        mover = guest.wait("connect")["id"]
        (answer,) = guest.call("move", {"x": 1, "y": "two"})
        assert set(answer) == {"error"}
        guest.tell("emit", event="move", args=[])
        (refused,) = guest.next_event("nannin:refused")
        assert refused["event"] == "move"
        guest.tell("emit", event="move", args=[{"x": 1, "y": 2}])
        guest.wait_event("moved", mover, 1, 2, name="other")
        assert guest.call("log", 1, "two", None) == []
