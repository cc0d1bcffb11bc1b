"""Which pages may talk to the server: its own, loopback from loopback, and those allowed by name.

Source: Fetch standard, "CORS protocol". A WebSocket has no CORS: its Origin is checked by the server alone.
"""

from __future__ import annotations

import pytest

from support.raw_wire import Reply, WebSocket, get, polling, post, refused, request, websocket
from support.servers import Server, nannin

ECHO = "/engine.io/"
PROXIED = {"X-Forwarded-For": "203.0.113.9"}
FORBIDDEN = (403, 4, "Forbidden")


def origin_reply(server: Server, origin: str, **headers: str) -> Reply:
    return get(server, polling(ECHO), {"Origin": origin, **headers})


def own_origins(server: Server) -> list[str]:
    return [server.url, f"http://localhost:{server.port}", "http://localhost:3000", "http://[::1]:8080"]


@pytest.mark.parametrize("which", range(4))
def test_own_and_loopback_origins_are_allowed(echo_server: Server, which: int) -> None:
    origin = own_origins(echo_server)[which]
    reply = origin_reply(echo_server, origin)
    assert reply.status == 200
    assert reply.headers["access-control-allow-origin"] == origin
    assert "origin" in reply.headers["vary"].lower()
    socket = WebSocket(echo_server, websocket(ECHO), {"Origin": origin})
    assert str(socket.receive()).startswith("0")
    socket.close()


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://127.0.0.1.evil.example", "http://localhost@evil.example", "x"],
)
def test_foreign_origins_are_forbidden(echo_server: Server, origin: str) -> None:
    reply = origin_reply(echo_server, origin)
    assert reply.error == FORBIDDEN
    assert "access-control-allow-origin" not in reply.headers
    assert refused(echo_server, websocket(ECHO), {"Origin": origin}).error == FORBIDDEN


def test_a_foreign_origin_cannot_use_a_known_session(echo_server: Server, sid: str) -> None:
    evil = {"Origin": "https://evil.example"}
    assert get(echo_server, polling(ECHO, sid), evil).error == FORBIDDEN
    assert request(echo_server, "POST", polling(ECHO, sid), b"4x", evil).error == FORBIDDEN
    assert refused(echo_server, websocket(ECHO, sid), evil).error == FORBIDDEN
    assert post(echo_server, polling(ECHO, sid), "4on").text == "ok", "its owner goes on"


def test_loopback_pages_are_foreign_to_a_public_name(echo_server: Server) -> None:
    reply = origin_reply(echo_server, "http://localhost:3000", Host="live.example", **PROXIED)
    assert reply.error == FORBIDDEN


def test_a_proxied_name_is_its_own_origin(echo_server: Server) -> None:
    reply = origin_reply(echo_server, "http://live.example", Host="live.example", **PROXIED)
    assert reply.headers["access-control-allow-origin"] == "http://live.example"


def test_a_public_name_that_no_proxy_passed_on_is_not_this_servers(echo_server: Server) -> None:
    host = f"live.example:{echo_server.port}"
    for headers in ({"Host": "live.example"}, {"Host": host}, {"Host": host, **PROXIED}):
        reply = origin_reply(echo_server, f"http://{headers['Host']}", **headers)
        assert reply.status == 421
        assert "access-control-allow-origin" not in reply.headers


def test_no_origin_means_no_cors_headers(echo_server: Server) -> None:
    assert "access-control-allow-origin" not in get(echo_server, polling(ECHO)).headers


def test_preflight_of_an_allowed_origin_is_answered(echo_server: Server) -> None:
    asked = {
        "Origin": "http://localhost:3000",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    reply = request(echo_server, "OPTIONS", polling(ECHO), headers=asked)
    assert (reply.status, reply.text) in ((200, ""), (204, ""))
    assert reply.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert {"GET", "POST"} <= set(reply.headers["access-control-allow-methods"].replace(" ", "").split(","))
    assert "content-type" in reply.headers["access-control-allow-headers"].lower()
    assert "origin" in reply.headers["vary"].lower()


def test_preflight_of_a_foreign_origin_is_forbidden(echo_server: Server) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    reply = request(echo_server, "OPTIONS", polling(ECHO), headers=asked)
    assert reply.status == 403
    assert "access-control-allow-origin" not in reply.headers


def test_an_origin_allowed_by_name_is_allowed() -> None:
    friend = "https://example.com"
    with nannin("--allow-origins", friend) as server:
        reply = get(server, polling("/socket.io/"), {"Origin": friend})
        assert reply.headers["access-control-allow-origin"] == friend
        assert "origin" in reply.headers["vary"].lower()
        socket = WebSocket(server, websocket("/socket.io/"), {"Origin": friend})
        assert str(socket.receive()).startswith("0")
        socket.close()
        own = get(server, polling("/socket.io/"), {"Origin": server.url})
        assert own.headers["access-control-allow-origin"] == server.url
        for origin in ("http://example.com", "https://example.com.evil.example", "null"):
            assert get(server, polling("/socket.io/"), {"Origin": origin}).error == FORBIDDEN
