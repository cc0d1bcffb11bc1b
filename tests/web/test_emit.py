"""Sending from outside the process: who may, whom it reaches, and what is wrong with a bad request."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from nannin.access.gate import Gate
from nannin.hub.sockets import Page
from nannin.web.bearer import Tries
from nannin.web.emit import Emit
from support.asgi import Call, ask
from support.fakes import Client, House
from support.several_nodes import City

TOKEN = "a token of enough letters"


def make(house: House, token: str | None = TOKEN, max_bytes: int = 1_000) -> Emit:
    def find(key: str) -> Page | None:
        return house.page(key) if house.hub.handlers.exists(key) else None

    return Emit(find, token, max_bytes, 5.0, Gate(), Tries())


def post(app: Emit, body: Any, token: str | None = TOKEN, **headers: str) -> Call:
    """Asks with a body, in JSON unless it is bytes already."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    if token is not None:
        headers.setdefault("authorization", f"Bearer {token}")
    headers = {"content-type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return asyncio.run(ask(app, "POST", "", raw, **headers))


def three(house: House) -> list[Client]:
    clients = [house.client() for _ in range(3)]
    for client in clients:
        client.connect(updates="none")
    house.clock.advance(1)
    return clients


def heard(clients: list[Client]) -> list[int]:
    return [len(client.events()) for client in clients]


def sid(client: Client) -> str:
    return str(client.packets[0].data["sid"])


def test_an_event_goes_to_everyone_on_the_page() -> None:
    house = House()
    clients = three(house)
    call = post(make(house), {"event": "say", "args": ["hi", {"n": 1}]})
    assert (call.status, json.loads(call.body)) == (200, {"recipients": 3})
    assert clients[0].events() == [["say", "hi", {"n": 1}]]
    assert heard(clients) == [1, 1, 1]


def test_it_goes_to_those_that_are_named_or_to_all_but_those() -> None:
    house = House()
    clients = three(house)
    app = make(house)
    assert json.loads(post(app, {"event": "a", "to": [sid(clients[1])]}).body) == {"recipients": 1}
    assert heard(clients) == [0, 1, 0]
    assert json.loads(post(app, {"event": "b", "except": [sid(clients[1])]}).body) == {"recipients": 2}
    assert heard(clients) == [1, 1, 1]
    assert json.loads(post(app, {"event": "c", "to": []}).body) == {"recipients": 0}
    assert heard(clients) == [1, 1, 1]


def test_another_page_hears_nothing() -> None:
    house = House()
    clients = three(house)
    assert json.loads(post(make(house), {"page": "/news", "event": "a"}).body) == {"recipients": 0}
    assert heard(clients) == [0, 0, 0]


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer no", f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
def test_without_the_token_nothing_is_sent(authorization: str) -> None:
    house = House()
    clients = three(house)
    call = post(make(house), {"event": "a"}, authorization=authorization)
    assert (call.status, call.header("www-authenticate")) == (401, "Bearer")
    assert heard(clients) == [0, 0, 0]


def test_a_server_without_a_token_refuses_everybody() -> None:
    call = post(make(House(), None), {"event": "a"})
    assert call.status == 403
    assert "emit_token" in json.loads(call.body)["error"]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "body"),
        (b"\xff", "body"),
        (b"[" * 900, "body"),
        ({}, "event"),
        ({"event": 5}, "event"),
        ({"event": "a", "args": "text"}, "args"),
        ({"event": "a", "rooms": []}, "rooms"),
        ({"event": "a", "to": "id"}, "to"),
        ({"event": "connect"}, "reserved"),
        ({"event": "a", "args": ["\ud800"]}, r"whole characters, not half of one (a lone surrogate), \ud800"),
        ({"event": "a\udc00"}, r"whole characters, not half of one (a lone surrogate), \udc00"),
        (b'{"event": "a", "args": [1e400]}', "Number out of range - at `$.args[0]`"),
    ],
)
def test_a_body_that_is_not_what_is_expected_is_a_400_that_says_why(body: Any, word: str) -> None:
    call = post(make(House()), body)
    assert call.status == 400
    assert word in json.loads(call.body)["error"]


def test_a_page_that_can_not_be_is_a_404() -> None:
    house = House()
    house.hub.handlers.declare("/news")
    assert post(make(house), {"event": "a", "page": "/other"}).status == 404
    call = post(make(house), {"event": "a", "page": "news"})
    assert (call.status, json.loads(call.body)["error"]) == (
        404,
        'there is no page "news": a page\'s key starts with /',
    )


def test_another_method_or_kind_is_refused() -> None:
    app = make(House())
    call = asyncio.run(ask(app, "GET", ""))
    assert (call.status, call.header("allow")) == (405, "POST")
    assert post(app, {"event": "a"}, content_type="text/plain").status == 415


def test_a_body_that_is_too_large_is_a_413() -> None:
    assert post(make(House()), {"event": "a", "args": ["x" * 1_000]}).status == 413


async def test_clients_of_other_nodes_are_recipients_too() -> None:
    city = City(2)
    for house in city.houses:
        house.client("/", updates="none")
    app, body = make(city.houses[0]), json.dumps({"event": "a"}).encode()
    headers = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
    for is_away, answer in [(False, {"recipients": 2}), (True, {"recipients": 1, "silent_nodes": 1})]:
        if is_away:
            city.lines[0].cut()
        asking = asyncio.create_task(ask(app, "POST", "", body, **headers))
        await city.houses[0].turn()
        assert json.loads((await asking).body) == answer
