"""The endpoint: origins and queries are checked before a transport is picked."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from nannin.access.addresses import Addresses
from nannin.access.gate import Gate
from nannin.access.refusals import Refusal, Refusals
from nannin.engine.endpoint import Endpoint, FirstProtocol
from nannin.settings import Settings
from support.asgi import GONE, Call, ask, scope, websocket
from support.fakes import Hall

POLLING, WEBSOCKET = "EIO=4&transport=polling", "EIO=4&transport=websocket"
RESPONSE: dict[str, Any] = {"websocket.http.response": {}}
OWN, FOREIGN = "http://127.0.0.1:8124", "https://example.com"


def serve(*origins: str) -> tuple[Hall, Endpoint]:
    """An endpoint, and the engine behind it."""
    hall = Hall()
    return hall, Endpoint(hall.engine, Gate(origins))


async def test_a_get_without_a_session_opens_one() -> None:
    hall, endpoint = serve()
    call = await ask(endpoint, "GET", POLLING)
    assert (call.status, call.body[:1]) == (200, b"0")
    assert list(hall.engine.sessions) == [json.loads(call.body[1:])["sid"]]


@pytest.mark.parametrize(
    ("method", "query", "code", "message"),
    [
        ("GET", "", 0, "Transport unknown"),
        ("GET", "EIO=4", 0, "Transport unknown"),
        ("GET", "EIO=4&transport=pigeon", 0, "Transport unknown"),
        ("GET", f"{POLLING}&sid=nobody", 1, "Session ID unknown"),
        ("POST", f"{POLLING}&sid=nobody", 1, "Session ID unknown"),
        ("POST", POLLING, 2, "Bad handshake method"),
        ("PUT", POLLING, 2, "Bad handshake method"),
        ("DELETE", f"{POLLING}&sid=nobody", 3, "Bad request"),
        ("GET", WEBSOCKET, 3, "Bad request"),
        ("GET", "transport=polling", 5, "Unsupported protocol version"),
        ("GET", "EIO=3&transport=polling", 5, "Unsupported protocol version"),
    ],
)
async def test_a_bad_request_gets_its_code_and_message(
    method: str, query: str, code: int, message: str
) -> None:
    hall, endpoint = serve()
    call = await ask(endpoint, method, query)
    assert call.status == 400
    assert call.header("content-type") == "application/json"
    assert json.loads(call.body) | {"code": code, "message": message} == json.loads(call.body)
    assert not hall.engine.sessions
    assert hall.refusals.tally == {Refusal.SESSION if code == 1 else Refusal.REQUEST: 1}


@pytest.mark.parametrize("query", ["", POLLING, "EIO=3&transport=websocket", f"{WEBSOCKET}&sid=nobody"])
async def test_a_bad_websocket_is_refused_before_it_opens(query: str) -> None:
    hall, endpoint = serve()
    call = await websocket(endpoint, query, extensions=RESPONSE).ends()
    assert call.sent[0]["type"] == "websocket.http.response.start"
    assert call.status == 400
    assert "code" in json.loads(call.body)
    assert not hall.engine.sessions
    assert sum(hall.refusals.tally.values()) == 1


async def test_where_a_server_has_no_such_answer_it_is_closed_unopened() -> None:
    _, endpoint = serve()
    call = await websocket(endpoint, POLLING).ends()
    assert [message["type"] for message in call.sent] == ["websocket.close"]


async def test_while_the_server_stops_nobody_new_is_let_in_and_others_go_on() -> None:
    hall, endpoint = serve()
    session = hall.polling()
    hall.engine.goodbyes()
    call = await ask(endpoint, "GET", POLLING)
    assert (call.status, json.loads(call.body)["message"]) == (503, "Server stopping")
    assert (call.header("retry-after"), call.header("connection")) == ("2", "close")
    assert (await websocket(endpoint, WEBSOCKET, extensions=RESPONSE).ends()).status == 503
    assert list(hall.engine.sessions) == [session.sid]
    session.send("hello")
    call = await ask(endpoint, "GET", f"{POLLING}&sid={session.sid}")
    assert (call.status, call.body) == (200, b"4hello")
    assert (await ask(endpoint, "GET", f"{POLLING}&sid=one-that-was-told-to-leave")).status == 400
    assert not hall.refusals.tally


@pytest.mark.parametrize(("origin", "reads"), [(OWN, OWN), (FOREIGN, None)])
async def test_a_client_of_the_first_protocol_is_told_what_to_update(
    caplog: pytest.LogCaptureFixture, origin: str, reads: str | None
) -> None:
    _, endpoint = serve()
    for _ in range(2):
        call = await ask(FirstProtocol(endpoint), "GET", "t=1700000000000", origin=origin)
        assert (call.status, json.loads(call.body)["code"]) == (400, 0)
        assert "update it to socket.io-client 3 or newer" in json.loads(call.body)["message"]
        assert call.header("access-control-allow-origin") == reads
    assert "Clients of Socket.IO 0.9 do so" in caplog.text
    assert len(caplog.records) == 1


# Addresses

CLIENT: dict[str, Any] = {"client": ("203.0.113.9", 5)}


def serve_one() -> tuple[Hall, Endpoint, Addresses]:
    """An endpoint at which each address may have one session."""
    hall, addresses = Hall(), Addresses(Settings(max_per_address=1), Refusals())
    hall.engine.addresses = addresses
    return hall, Endpoint(hall.engine, Gate(())), addresses


def call_from_afar(kind: str, query: str, **more: Any) -> Call:
    call = Call({**scope(kind, query, {}), **CLIENT, **more})
    if kind == "websocket":
        call.put({"type": "websocket.connect"})
    return call


async def test_an_address_over_its_limit_is_told_when_to_come_back() -> None:
    hall, endpoint, addresses = serve_one()
    opened = await call_from_afar("http", POLLING, method="GET").start(endpoint).ends()
    assert opened.status == 200
    for kind, query, more in (
        ("http", POLLING, {"method": "GET"}),
        ("websocket", WEBSOCKET, {"extensions": RESPONSE}),
    ):
        refused = await call_from_afar(kind, query, **more).start(endpoint).ends()
        assert (refused.status, refused.header("retry-after")) == (429, "5")
        assert json.loads(refused.body) == {"code": 6, "message": "Too many requests"}
    assert (len(hall.engine.sessions), len(addresses)) == (1, 1)
    hall.engine.shut_down()
    assert len(addresses) == 0


async def test_a_websocket_that_is_gone_before_it_is_accepted_takes_no_seat() -> None:
    _, endpoint, addresses = serve_one()
    call = call_from_afar("websocket", WEBSOCKET)
    call.broken = OSError("gone")
    with pytest.raises(OSError, match="gone"):
        await call.start(endpoint).ends()
    assert len(addresses) == 0


# Origins


@pytest.mark.parametrize("origin", [FOREIGN, "null", "http://127.0.0.1:x"])
async def test_a_foreign_origin_is_forbidden(origin: str) -> None:
    hall, endpoint = serve()
    for method in ("GET", "POST", "OPTIONS"):
        call = await ask(endpoint, method, POLLING, origin=origin)
        assert call.status == 403
        assert json.loads(call.body) == {"code": 4, "message": "Forbidden"}
        assert call.header("access-control-allow-origin") is None
        assert call.header("vary") == "Origin"
    link = await websocket(endpoint, WEBSOCKET, extensions=RESPONSE, origin=origin).ends()
    assert link.status == 403
    assert not hall.engine.sessions


@pytest.mark.parametrize("origin", [OWN, "http://localhost:5173", FOREIGN])
async def test_an_allowed_origin_may_connect_and_read_the_answer(origin: str) -> None:
    _, endpoint = serve(FOREIGN)
    call = await ask(endpoint, "GET", POLLING, origin=origin)
    assert call.status == 200
    assert call.header("access-control-allow-origin") == origin
    assert call.header("access-control-allow-credentials") == "true"
    assert call.header("vary") == "Origin"
    link = websocket(endpoint, WEBSOCKET, origin=origin)
    assert (await link.sends(2))[0]["type"] == "websocket.accept"
    link.put(GONE)
    await link.ends()


async def test_a_refusal_can_be_read_by_an_allowed_origin() -> None:
    _, endpoint = serve()
    call = await ask(endpoint, "GET", "", origin=OWN)
    assert (call.status, call.header("access-control-allow-origin")) == (400, OWN)


async def test_whoever_names_no_origin_gets_no_cors_headers() -> None:
    _, endpoint = serve()
    call = await ask(endpoint, "GET", POLLING)
    assert call.header("access-control-allow-origin") is None


async def test_a_preflight_is_answered_without_a_body() -> None:
    hall, endpoint = serve()
    call = await ask(endpoint, "OPTIONS", POLLING, origin=OWN, access_control_request_headers="content-type")
    assert (call.status, call.body) == (204, b"")
    assert call.header("access-control-allow-methods") == "GET, POST, OPTIONS"
    assert call.header("access-control-allow-headers") == "content-type"
    assert call.header("content-length") is None
    assert not hall.engine.sessions
    assert not hall.refusals.tally


@pytest.mark.parametrize(
    ("origin", "times"), [(FOREIGN, 1), (OWN, 0), (None, 0), ("https://good.example", 0)]
)
@pytest.mark.parametrize("over_websocket", [False, True])
async def test_each_request_of_a_foreign_origin_is_noted(
    over_websocket: bool, origin: str | None, times: int
) -> None:
    hall, refusals = Hall(), Refusals()
    endpoint = Endpoint(hall.engine, Gate(["https://good.example"], refusals=refusals))
    headers = {} if origin is None else {"origin": origin}
    if over_websocket:
        call = websocket(endpoint, WEBSOCKET, **headers)
        call.put(GONE)
        await call.ends()
    else:
        await ask(endpoint, "GET", POLLING, **headers)
    assert refusals.tally[Refusal.ORIGIN] == times
    assert len(hall.app.opened) == 1 - times


@pytest.mark.parametrize("over_websocket", [False, True])
async def test_a_session_knows_the_request_that_opened_it(over_websocket: bool) -> None:
    hall, endpoint = serve()
    if over_websocket:
        await websocket(endpoint, f"{WEBSOCKET}&a=1", **{"user-agent": "a browser"}).sends(2)
    else:
        await ask(endpoint, "GET", f"{POLLING}&a=1", user_agent="a browser")
    handshake = hall.app.opened[0].handshake
    assert handshake is not None
    assert (handshake.user_agent, handshake.query["a"]) == ("a browser", "1")


@pytest.mark.parametrize(
    ("query", "remedy"),
    [
        ("EIO=3&transport=polling", "socket.io-client 3 or newer"),
        ("transport=polling", "socket.io-client 3 or newer"),
        ("EIO=4&transport=xhr-polling", "socket.io-client 3 or newer"),
        (f"{POLLING}&sid=nobody", "run one `nannin serve`"),
    ],
)
def test_the_log_says_once_why_clients_are_refused(
    query: str, remedy: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        endpoint = Endpoint(Hall().engine, Gate())
        for _ in range(3):
            assert (await ask(endpoint, "GET", query)).status == 400

    asyncio.run(main())
    (message,) = [record.getMessage() for record in caplog.records]
    assert remedy in message


def test_the_log_says_nothing_of_those_who_find_out_that_the_server_stops(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hall = Hall()
    hall.engine.goodbyes()
    answer = asyncio.run(ask(Endpoint(hall.engine, Gate()), "GET", f"{POLLING}&sid=nobody"))
    assert (answer.status, caplog.messages) == (400, [])


def test_the_log_says_nothing_of_clients_that_are_served(caplog: pytest.LogCaptureFixture) -> None:
    asyncio.run(ask(Endpoint(Hall().engine, Gate()), "GET", POLLING))
    assert not caplog.records
