"""Large messages through nginx, as docs/deploy.md sets it up."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import pytest

from support.proxies import nginx
from whole.clients.conftest import NodeClient


@pytest.mark.parametrize(
    ("transports", "size"),
    [(None, 600_000), (["polling"], 600_000), (["polling"], 5_000_000), (["websocket"], 5_000_000)],
    ids=["upgraded", "polling", "polling, huge", "websocket, huge"],
)
def test_large_messages_pass_nginx_in_both_directions(
    tmp_path: pathlib.Path,
    upstream: Callable[..., pathlib.Path],
    guest: NodeClient,
    transports: list[str] | None,
    size: int,
) -> None:
    path = upstream("--max-payload", "8000000")
    with nginx(tmp_path, path, largest="8m") as server:
        guest.open(server.url, transports=transports or ["polling", "websocket"])  # both: its default
        guest.wait("connect")
        for message in ("x" * size, bytes(size)):  # the first is sent while the client upgrades
            guest.tell("call", event="large", args=[message])
            assert guest.next_event("large") == [message]
            assert guest.wait("ack", event="large")["args"] == [size]
            if transports is None and isinstance(message, str):
                assert guest.wait("upgrade")["transport"] == "websocket"
        assert guest.call("large", "") == [0]
        assert not [report for report in guest._kept if report["what"] == "disconnect"]
