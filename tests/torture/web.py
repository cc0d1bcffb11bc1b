"""Item 30: what is asked of the API, the stream, the badge and the frame."""

from __future__ import annotations

import json
from typing import Final
from urllib.parse import quote

from support.raw_wire import Address, Tcp, get, post
from torture.campaign import item
from torture.ground import Ground

MARKUP: Final = '"><script>alert(1)</script><svg onload=alert(1)>'
HARMLESS: Final = ("&lt;script", "%3Cscript")
PATHS: Final = (
    "/static/../../../etc/passwd",
    "/static/%2e%2e/%2e%2e/etc/passwd",
    "/static/..%2f..%2fetc/passwd",
    "/static/%00",
    "/%00",
    "/api/%2e%2e/emit",
    "//etc/passwd",
    "/static/" + "a" * 5_000,
)


@item(30, "markup in every parameter comes back escaped")
def markup(ground: Ground) -> None:
    for route in ("/badge.svg", "/embed", "/api/count", "/api/shield", "/api/explain", "/api/pages"):
        for name in ("page", "label", "color", "one", "other", "lang", "unknown"):
            reply = get(ground.server, f"{route}?page=/a&{name}={quote(MARKUP)}")
            assert reply.status < 500, (route, name, reply)
            if "html" in reply.headers.get("content-type", "") or "svg" in reply.headers.get(
                "content-type", ""
            ):
                assert "<script>alert" not in reply.text, (route, name)
                assert "<svg onload" not in reply.text, (route, name)


@item(30, "paths that lead outside, and values without an end")
def paths(ground: Ground) -> None:
    for path in PATHS:
        with Tcp(ground.server) as tcp:
            tcp.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = tcp.read_to_end()
        status = int(answer.split()[1])
        assert 300 <= status < 500, (path, status)
        assert b"root:" not in answer
    for value in ("a" * 7_000, "%00", "%ff%fe", "/" * 1_000, "/%F0%9F%98%80" * 100):
        for route in ("/api/count", "/badge.svg", "/embed", "/api/stream"):
            with Tcp(ground.server) as tcp:
                tcp.send(
                    f"GET {route}?page={value} HTTP/1.1\r\nHost: localhost\r\n"
                    f"Last-Event-ID: {'9' * 7_000}\r\n\r\n"
                )
                answered = tcp.status()
            assert answered is not None
            assert answered < 500, (route, value[:20], answered)


@item(30, "no page, visitor or address of a client gets into the metrics, whatever they are called")
def names_in_metrics(ground: Ground) -> None:
    pages = ['/a"}\n# TYPE evil counter\nevil 1', "/\\", "/" + "x" * 200, "/<script>"]
    for page in pages:
        visitor = "visitor-of-the-attack"
        body = "40" + page + "," + json.dumps({"visitor": visitor, "updates": "none"})
        sid = opened(ground.server)
        post(ground.server, f"/socket.io/?EIO=4&transport=polling&sid={sid}", body)
    for accept in (
        "*/*",
        "application/openmetrics-text",
        "application/openmetrics-text;version=" + "9" * 5_000,
    ):
        reply = get(ground.server, "/metrics?name[]=%00", {"Accept": accept})
        assert reply.status == 200
        for odd in ("evil", "<script", "xxx", "visitor-of", "127.0.0.1"):
            assert odd not in reply.text, odd
        assert 'nannin_joins_total{worker="1"}' in reply.text


def opened(server: Address) -> str:
    """The id of a session over polling."""
    reply = get(server, "/socket.io/?EIO=4&transport=polling")
    return str(json.loads(reply.text[1:])["sid"])
