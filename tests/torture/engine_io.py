"""Item 27: requests that Engine.IO forbids."""

from __future__ import annotations

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor

from support.raw_links import Link
from support.raw_wire import (
    SEPARATOR,
    Reply,
    WebSocket,
    get,
    polling,
    post,
    refused,
    request,
    target,
    websocket,
)
from torture.campaign import item
from torture.ground import Ground

_PATH = "/socket.io/"


def _open(ground: Ground) -> str:
    """The sid of a new polling session."""
    sid: str = json.loads(get(ground.server, polling(_PATH)).text[1:])["sid"]
    return sid


REFUSED_QUERIES: tuple[tuple[str, str, int], ...] = (
    ("no EIO", target(_PATH, transport="polling"), 5),
    ("EIO=3", target(_PATH, EIO="3", transport="polling"), 5),
    ("EIO=abc", target(_PATH, EIO="abc", transport="polling"), 5),
    ("no transport", target(_PATH, EIO="4"), 0),
    ("another transport", target(_PATH, EIO="4", transport="carrier-pigeon"), 0),
    ("__proto__ as transport", target(_PATH, EIO="4", transport="__proto__"), 0),
    ("an unknown sid", polling(_PATH, "unknown"), 1),
    ("__proto__ as sid", polling(_PATH, "__proto__"), 1),
    ("a sid of 8,000 characters", polling(_PATH, "a" * 8_000), 1),
)


@item(27, "queries that are refused with their code", "--connect-timeout", "1")
def queries(ground: Ground) -> None:
    for name, where, code in REFUSED_QUERIES:
        reply = get(ground.server, where)
        assert reply.error[:2] == (400, code), f"{name}: {reply}"
        reply = refused(ground.server, where.replace("=polling", "=websocket"))
        assert reply.status == 400, f"{name} over WebSocket: {reply}"
    for method in ("PUT", "DELETE", "PATCH", "TRACE"):
        reply = request(ground.server, method, polling(_PATH))
        assert 400 <= reply.status < 500, f"{method}: {reply}"
    ground.note(f"{len(REFUSED_QUERIES)} queries")


REFUSED_BODIES: tuple[tuple[str, str], ...] = (
    ("an empty body", ""),
    ("a packet of no type", "x"),
    ("a digit that is not ASCII", "\u0664hello"),
    ("bad base64", "b****"),
    ("base64 of a length that can't be", "bA"),
    ("only separators", SEPARATOR * 10_000),
    ("a separator too many", f"40{SEPARATOR}"),
    ("an OPEN from the client", "0{}"),
)


@item(27, "bodies that are refused, and end their session", "--connect-timeout", "2")
def bodies(ground: Ground) -> None:
    for name, body in REFUSED_BODIES:
        sid = _open(ground)
        reply = post(ground.server, polling(_PATH, sid), body)
        assert reply.status in (200, 400), f"{name}: {reply}"
        follow = get(ground.server, polling(_PATH, sid))
        assert follow.status == 400 or follow.text.endswith("1"), f"{name}: the session lives on, {follow}"
    sid = _open(ground)
    with contextlib.suppress(ConnectionError):  # the answer comes before all of it is sent
        assert post(ground.server, polling(_PATH, sid), SEPARATOR * 1_000_000).status in (400, 413)
    assert get(ground.server, polling(_PATH, sid)).status == 400, "a million separators, and it lives on"
    ground.note(f"{len(REFUSED_BODIES) + 1} bodies")


@item(27, "two GETs, and two POSTs, of one session at once", "--connect-timeout", "2")
def twice_at_once(ground: Ground) -> None:
    for _ in range(ground.size(50, 5)):
        sid = _open(ground)
        where = polling(_PATH, sid)
        with ThreadPoolExecutor() as threads:
            answers: list[Reply] = list(threads.map(get, [ground.server] * 2, [where] * 2))
        assert {reply.status for reply in answers} <= {200, 400}
        assert get(ground.server, polling(_PATH, sid)).status == 400, "two GETs, and the session lives on"


@item(27, "upgrades that are never finished, done twice, or raced with a close", "--upgrade-timeout", "1")
def upgrades(ground: Ground) -> None:
    for _ in range(ground.size(50, 5)):
        with Link(ground.server, "polling") as link:
            link.send("40")
            first = WebSocket(ground.server, websocket(_PATH, link.sid))
            first.send("2probe")
            assert first.receive() == "3probe"
            second = WebSocket(ground.server, websocket(_PATH, link.sid))
            assert second.receive_end() in (1002, 1005, 1008), second.close_code
            first.close()
    with Link(ground.server, "upgrade") as link:
        third = WebSocket(ground.server, websocket(_PATH, link.sid))
        assert third.receive_end() in (1002, 1005, 1008)
    link = Link(ground.server, "polling")
    link.send("40")
    candidate = WebSocket(ground.server, websocket(_PATH, link.sid))
    candidate.send("2probe")
    link.post("1")
    candidate.receive_end()
    link.close()
