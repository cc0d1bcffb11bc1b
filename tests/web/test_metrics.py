"""`/metrics`: who may read it, in which format, and what it costs the loop."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import msgspec
import pytest

from nannin.access.gate import Gate
from nannin.hub.pulse import Pulse
from nannin.web import metrics
from nannin.web.metric_parts import Parts
from nannin.web.metrics import Metrics, Snapshots
from nannin.web.private import PrivateLists
from support.asgi import Call, scope
from support.fakes import House
from support.several_nodes import City

TOKEN = "a-token-for-those-who-read"
LOCAL, AWAY = ("127.0.0.1", 50_000), ("203.0.113.9", 50_000)


class Board:
    """The metrics of a house, and requests for them."""

    def __init__(self, read_token: str | None = None, house: House | None = None) -> None:
        self.house = house or House()
        self.refused = 0
        self.parts = Parts(
            self.house.hub, self.house.clock.now, lambda: "", lambda: 0, Pulse(self.house.clock)
        )
        self.snapshots = Snapshots(self.parts, self.house.engine.sessions)
        private = PrivateLists(read_token, Gate(), self._refuse, what="metrics")
        self.app = Metrics(self.snapshots, private)

    def _refuse(self, path: str) -> None:
        self.refused += 1

    def ask(
        self, method: str = "GET", client: tuple[str, int] | None = LOCAL, query: str = "", **headers: str
    ) -> Call:
        async def main() -> Call:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            call = Call(scope("http", query, names, method=method, path="/metrics", client=client))
            return await call.start(self.app).ends()

        return asyncio.run(main())


def test_this_machine_reads_them_in_the_older_text_and_on_request_in_openmetrics() -> None:
    board = Board()
    board.house.client("/")
    answer = board.ask()
    assert (answer.status, answer.header("content-type")) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert answer.header("cache-control") == "no-store"
    assert answer.header("x-content-type-options") == "nosniff"
    assert b'\nnannin_connections{worker="1"} 1.0\n' in answer.body
    assert b'\nnannin_sessions{transport="websocket",worker="1"} 1.0\n' in answer.body
    asked = board.ask(accept="application/openmetrics-text; version=1.0.0")
    assert asked.header("content-type") == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert asked.body.endswith(b"# EOF\n")


@pytest.mark.parametrize("query", ["name[]=nannin_joins_total", "%00", "../" * 3_000, "page=<b>"])
def test_a_query_changes_nothing(query: str) -> None:
    assert Board().ask(query=query).status == 200


def test_whoever_asks_for_the_head_gets_the_same_without_the_text() -> None:
    answer = Board().ask("HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.header("content-length") or 0) > 1_000


def test_they_are_only_read() -> None:
    assert Board().ask("OPTIONS").header("allow") == "GET, HEAD, OPTIONS"
    answer = Board().ask("POST")
    assert (answer.status, answer.header("allow")) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize(
    ("client", "headers"),
    [
        (AWAY, {}),
        (None, {}),
        (LOCAL, {"x_forwarded_for": "127.0.0.1"}),
        (LOCAL, {"host": "live.example.com"}),
        (LOCAL, {"origin": "https://evil.example"}),
    ],
)
def test_nobody_else_reads_them_without_a_token(
    client: tuple[str, int] | None, headers: dict[str, str]
) -> None:
    board = Board()
    answer = board.ask(client=client, **headers)
    assert (answer.status, msgspec.json.decode(answer.body)) == (
        403,
        {"error": "metrics are for the server's own machine; the setting read_token opens them"},
    )
    assert board.refused == 1


def test_the_token_opens_them_from_anywhere_and_to_any_name() -> None:
    board = Board(TOKEN)
    sent = {"authorization": f"Bearer {TOKEN}", "host": "10.0.0.7:8124", "x_forwarded_for": "203.0.113.9"}
    assert board.ask(client=AWAY, **sent).status == 200
    wrong = board.ask(client=LOCAL, authorization="Bearer another-token-of-someone")
    assert (wrong.status, wrong.header("www-authenticate")) == (401, "Bearer")


def test_no_page_and_no_visitor_is_ever_named() -> None:
    board = Board()
    board.house.client("/a-secret-page", visitor="a-visitor-who-is-not-named")
    board.house.client('/"}\n# evil 1', visitor="ann")
    for accept in ("", "application/openmetrics-text"):
        body = board.ask(accept=accept).body
        assert b"secret" not in body
        assert b"visitor-who" not in body
        assert b"evil" not in body


def test_sessions_are_counted_by_the_transport_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "AT_ONCE", 2)
    board = Board()
    for _ in range(3):
        board.house.client()
    board.house.client(polling=True)
    board.house.client(polling=True).upgrade()
    found = asyncio.run(board.snapshots.take())["nannin_sessions"]
    assert found == {"websocket": 4, "polling": 1}


def test_others_have_their_turn_while_much_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "AT_ONCE", 2)
    board = Board()
    for number in range(9):
        board.house.client(f"/{number}")
    turns = 0

    async def main() -> dict[str, Any]:
        nonlocal turns
        task = asyncio.ensure_future(board.snapshots.take())
        while not task.done():
            turns += 1
            await asyncio.sleep(0)
        return await task

    found = asyncio.run(main())
    assert turns >= 8
    assert (found["nannin_cluster_pages"], found["nannin_cluster_visitors"]) == (9, 9)


def test_whoever_asks_at_the_same_time_gets_the_same_answer() -> None:
    board = Board()

    async def main() -> list[Any]:
        return await asyncio.gather(*(board.app.of_all() for _ in range(5)))

    answers = asyncio.run(main())
    assert all(answer is answers[0] for answer in answers)
    assert asyncio.run(main())[0] is not answers[0]  # on another loop, too


class Numbers(NamedTuple):
    page: str
    connections: int
    visitors: int


class FakeHistory:
    """A history that a test sets."""

    lag_s, dropped = 0.0, 0

    def __init__(self, *, is_leader: bool) -> None:
        self.is_leader = is_leader

    def numbers(self) -> list[Numbers]:
        return [Numbers("/", 25, 20), Numbers("/a", 15, 10), Numbers("/*", 40, 25), Numbers("/left", 0, 0)]


@pytest.mark.parametrize("is_leader", [True, False])
def test_where_there_is_a_history_its_leader_alone_says_how_many_there_are(is_leader: bool) -> None:
    board = Board()
    board.house.client("/")
    board.parts.history = FakeHistory(is_leader=is_leader)
    board.parts.groups = lambda: ["/*"]
    found = asyncio.run(board.snapshots.take())
    assert found.get("nannin_cluster_visitors") == (30 if is_leader else None)
    assert found.get("nannin_cluster_pages") == (2 if is_leader else None)


def test_one_of_several_nodes_does_not_know_how_many_there_are() -> None:
    city = City(2)
    board = Board(house=city.houses[0])
    board.parts.node = city.neighbours[0].reports._node
    assert "nannin_cluster_visitors" not in asyncio.run(board.snapshots.take())


def test_nothing_is_measured_any_more_once_it_stops() -> None:
    board = Board()
    before = board.house.clock.pending
    asyncio.run(board.snapshots.take())
    assert board.house.clock.pending == before + 1
    board.snapshots.stop()
    assert board.house.clock.pending == before
