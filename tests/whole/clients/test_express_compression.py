"""Behind Express with its compression: events come at once, and what may be compressed is."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from support.servers import NODE, Server, free_port, nannin, running

PATIENCE_S = 10.0


@pytest.fixture(scope="module")
def proxied(node: str) -> Iterator[Server]:
    """nannin behind Express."""
    port = free_port()
    with (
        nannin() as server,
        running([node, str(NODE / "compressing_proxy.mjs"), str(port), str(server.port)], port) as proxy,
    ):
        yield proxy


@pytest.fixture
def http(proxied: Server) -> Iterator[httpx.Client]:
    """A browser that takes gzip."""
    headers = {"accept-encoding": "gzip"}
    with httpx.Client(base_url=proxied.url, headers=headers, timeout=PATIENCE_S) as client:
        yield client


def test_the_proxy_compresses(http: httpx.Client) -> None:
    assert http.get("/nannin.js").headers["content-encoding"] == "gzip"


def test_events_of_a_stream_come_one_by_one(http: httpx.Client) -> None:
    with http.stream("GET", "/api/stream?page=/") as stream:
        assert "content-encoding" not in stream.headers
        lines = stream.iter_lines()
        assert '"connections":0' in next(line for line in lines if line.startswith("data:"))
        sid = http.get("/socket.io/?EIO=4&transport=polling").text.split('"')[3]
        assert http.post(f"/socket.io/?EIO=4&transport=polling&sid={sid}", content="40").text == "ok"
        assert '"connections":1' in next(line for line in lines if line.startswith("data:"))


def test_polls_are_answered(http: httpx.Client) -> None:
    sid = http.get("/socket.io/?EIO=4&transport=polling").text.split('"')[3]
    url = f"/socket.io/?EIO=4&transport=polling&sid={sid}"
    assert http.post(url, content="40").text == "ok"
    assert http.get(url).text.startswith("40{")
