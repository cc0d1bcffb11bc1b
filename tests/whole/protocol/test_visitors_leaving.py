"""How long somebody who has left still counts, by how they left, on this file's own clock."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nannin.settings import SETTINGS
from support.raw_links import Client, Link
from support.raw_wire import WaitingGet, get, polling, post
from support.servers import APPS, ROOT, Server, Way, nannin, served

GRACE_S, GRACE_LOST_S = 0.5, 5.0
PING_INTERVAL_S, PING_TIMEOUT_S = 0.5, 4.0
ANN = {"visitor": "ann", "updates": "none"}
WATCH = {"updates": "audience", "observe": True}
# A reader that waits for bytes keeps a socket open that was closed beside it: a ping wakes it.
PINGS = ("--ping-interval", "0.2", "--ping-timeout", "20")
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One with windows short enough to wait for, and far enough apart to be told from each other.

    What another way of running it makes of a link that breaks is in tests/engine/test_websocket.py.
    """
    values = {
        "--grace": GRACE_S,
        "--grace-lost": GRACE_LOST_S,
        "--ping-interval": PING_INTERVAL_S,
        "--ping-timeout": PING_TIMEOUT_S,
    }
    with served(Way.DIRECT, None, *(str(part) for pair in values.items() for part in pair)) as server:
        yield server


@pytest.fixture
def page() -> str:
    """A page that no other test uses."""
    return f"/leaving/{next(NUMBERS)}"


@pytest.fixture
def witness(server: Server, page: str) -> Iterator[Client]:
    """An observer, who has been told that nobody is there."""
    with Client(server, "websocket", page, WATCH) as client:
        assert numbers(client) == (0, 0, 0)
        yield client


def numbers(client: Client) -> tuple[int, int, int]:
    """The next update."""
    event, told = client.receive_event()
    assert event == "audience"
    return told["connections"], told["visitors"], told["visible"]


def seconds_until_gone(witness: Client, leave: Callable[[], object]) -> float:
    """From just before somebody leaves to when the witness hears of it."""
    started = time.monotonic()
    leave()
    assert numbers(witness) == (0, 0, 0), "in one step"
    return time.monotonic() - started


def leave_page(client: Client) -> None:
    client.send(f"41{client.prefix}")


def close_packet(client: Client) -> None:
    client.send("1")


CLEAN = [
    ("websocket", leave_page),
    ("websocket", close_packet),
    ("websocket", Client.close_websocket),
    ("polling", leave_page),
    ("polling", close_packet),
]


@pytest.mark.parametrize(("transport", "leave"), CLEAN)
def test_who_leaves_in_good_order_counts_for_the_grace(
    server: Server, witness: Client, page: str, transport: str, leave: Callable[[Client], None]
) -> None:
    with Client(server, transport, page, ANN) as ann:
        assert numbers(witness) == (1, 1, 1)
        assert GRACE_S <= seconds_until_gone(witness, lambda: leave(ann)) < GRACE_LOST_S


@pytest.mark.parametrize(("transport", "leave"), [("websocket", Client.reset), ("polling", Client.get_twice)])
def test_whose_link_breaks_counts_for_the_grace_of_the_lost(
    server: Server, witness: Client, page: str, transport: str, leave: Callable[[Client], None]
) -> None:
    with Client(server, transport, page, ANN) as ann:
        assert numbers(witness) == (1, 1, 1)
        assert seconds_until_gone(witness, lambda: leave(ann)) >= GRACE_LOST_S


def test_a_poll_that_breaks_off_may_be_a_closed_tab_and_is_taken_for_one(page: str) -> None:
    brief = ("--grace", "0.3", "--grace-lost", "600", "--ping-interval", "60")
    with nannin(*brief) as server, Client(server, "websocket", page, WATCH) as witness:
        assert numbers(witness) == (0, 0, 0)
        where = polling("/socket.io/", json.loads(get(server, polling("/socket.io/")).text[1:])["sid"])
        assert post(server, where, f"40{page},{json.dumps(ANN)}").text == "ok"
        assert get(server, where).text.startswith(f"40{page},")
        assert numbers(witness) == (1, 1, 1)
        waiting = WaitingGet(server, where)
        assert seconds_until_gone(witness, waiting.cancel) >= 0.3


def test_who_is_disconnected_by_the_application_has_no_grace() -> None:
    app = ("--app", f"{APPS / 'protocol_app.py'}:live", "--grace", "600", "--grace-lost", "600")
    told = {"page": "/custom", "connections": 1, "visitors": 1, "visible": 1}
    with (
        nannin(*app) as server,
        Client(server, "websocket", "/custom", WATCH) as witness,
        Client(server, "websocket", "/custom", ANN) as ann,
    ):
        witness.wait_event("audience", told)
        ann.emit("leave-me")
        witness.wait_event("audience", {**told, "connections": 0, "visitors": 0, "visible": 0})


def test_who_falls_silent_counts_for_the_grace_of_the_lost_from_the_unanswered_ping(
    server: Server, witness: Client, page: str
) -> None:
    with Client(server, "websocket", page, ANN) as ann:
        assert numbers(witness) == (1, 1, 1)
        # The ping that it does not answer may be sent already when it falls silent, a moment ago at most.
        assert seconds_until_gone(witness, ann.stop_answering) > GRACE_LOST_S - PING_INTERVAL_S
        assert ann.ended.is_set()


def leave_badly(client: Client) -> None:
    client.try_send("4abc")


@pytest.mark.parametrize(
    "leave", [leave_page, close_packet, Client.close_websocket, Client.reset, leave_badly]
)
def test_without_an_id_there_is_no_grace(
    server: Server, witness: Client, page: str, leave: Callable[[Client], None]
) -> None:
    with Client(server, "websocket", page, {"updates": "none"}) as somebody:
        assert numbers(witness) == (1, 1, 1)
        assert seconds_until_gone(witness, lambda: leave(somebody)) < GRACE_LOST_S


def test_who_breaks_the_protocol_has_no_grace(server: Server, witness: Client, page: str) -> None:
    with Client(server, "websocket", page, ANN) as ann:
        assert numbers(witness) == (1, 1, 1)
        assert seconds_until_gone(witness, lambda: leave_badly(ann)) < GRACE_LOST_S


def test_who_returns_too_late_has_left_and_joins_anew(server: Server, witness: Client, page: str) -> None:
    for _ in range(2):
        with Client(server, "websocket", page, ANN) as ann:
            assert numbers(witness) == (1, 1, 1)
            ann.close_websocket()
            assert numbers(witness) == (0, 0, 0)


def test_one_tab_of_two_leaves_after_its_grace_and_the_visitor_stays(
    server: Server, witness: Client, page: str
) -> None:
    with Client(server, "websocket", page, ANN) as first:
        assert numbers(witness) == (1, 1, 1)
        with Client(server, "websocket", page, {**ANN, "visible": False}):
            assert numbers(witness) == (2, 1, 1)
            first.close_websocket()
            assert numbers(witness) == (1, 1, 0), "the one that stays is hidden"
        assert numbers(witness) == (0, 0, 0)


def test_a_return_before_the_old_link_is_found_dead_is_a_second_connection(
    server: Server, witness: Client, page: str
) -> None:
    with Client(server, "websocket", page, ANN) as old:
        assert numbers(witness) == (1, 1, 1)
        old.stop_answering()
        with Client(server, "websocket", page, ANN):
            assert numbers(witness) == (2, 1, 1), "the visitors never changed"
            assert numbers(witness) == (1, 1, 1)


@pytest.fixture
def eager_server() -> Iterator[Server]:
    """One without graces."""
    with nannin("--grace", "0", "--grace-lost", "0", *PINGS) as server:
        yield server


@pytest.mark.parametrize("leave", [leave_page, close_packet, Client.close_websocket, Client.reset])
def test_with_graces_of_zero_everybody_leaves_at_once(
    eager_server: Server, page: str, leave: Callable[[Client], None]
) -> None:
    with (
        Client(eager_server, "websocket", page, ANN) as ann,
        Client(eager_server, "websocket", page, WATCH) as witness,
    ):
        assert numbers(witness) == (1, 1, 1)
        leave(ann)
        assert numbers(witness) == (0, 0, 0)


# A browser whose whole network fails for a moment: its tabs return in any order


def test_a_hidden_tab_that_returns_first_does_not_take_the_visible_ones_place(page: str) -> None:
    with nannin("--grace-lost", "600", *PINGS) as server, Client(server, "websocket", page, WATCH) as witness:
        behind = {**ANN, "visible": False}
        with (
            Client(server, "websocket", page, ANN) as first,
            Client(server, "websocket", page, behind) as second,
        ):
            witness.wait_event("audience", {"page": page, "connections": 2, "visitors": 1, "visible": 1})
            first.reset()
            wait_for(lambda: in_grace(server, page) == 1)
            second.reset()
            wait_for(lambda: in_grace(server, page) == 2)
        with Client(server, "websocket", page, behind), Client(server, "websocket", page, ANN):
            assert in_grace(server, page) == 0
            witness.emit("nannin:visible", True, ack=1)
            assert witness.receive() == f"43{page},1[]", "no dip of the visible"


# What docs/counting.md shows is so


def test_the_document_says_the_defaults_in_force() -> None:
    text = (ROOT / "docs" / "counting.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `--([a-z-]+)` \| ([^|]+) \|", text, re.MULTILINE)
    assert len(rows) >= 8
    for flag, default in rows:
        assert default.strip() == shown(SETTINGS[flag.replace("-", "_")].default), flag


def shown(default: object) -> str:
    if default is None or default == ():
        return "none"
    if isinstance(default, bool):
        return "on" if default else "off"
    return f"{default:g} s" if isinstance(default, float) else str(default)


def test_the_document_explains_a_number_as_a_server_does() -> None:
    text = (ROOT / "docs" / "counting.md").read_text(encoding="utf-8")
    example = re.search(r"```json\n(\{\n  \"page\".*?)```", text, re.DOTALL)
    assert example is not None
    with nannin("--grace", "600") as server:
        said = json.loads(explain_the_example(server))
    said["windows_s"]["grace"] = SETTINGS["grace"].default
    assert json.loads(example[1]) == said


def explain_the_example(server: Server) -> str:
    """Two tabs of one visitor, a client without an id, one in grace, an observer, and two refused."""
    page = "/news/1"
    with (
        Client(server, "websocket", page, {"visitor": "ann"}),
        Client(server, "websocket", page, {"visitor": "ann", "visible": False}),
        Client(server, "polling", page),
        Client(server, "websocket", page, {"visitor": "bob"}) as bob,
        Client(server, "websocket", page, {"observe": True}),
        Link(server, "websocket") as refused,
    ):
        refused.send(f'40{page},{{"visitor":""}}')
        assert str(refused.receive()).startswith(f"44{page},")
        foreign = {"Origin": "https://elsewhere.example"}
        assert get(server, polling("/socket.io/"), foreign).status == 403
        bob.close()
        wait_for(lambda: in_grace(server, page) == 1)
        return explanation(server, page)


def explanation(server: Server, page: str) -> str:
    reply = get(server, f"/api/explain?page={page}")
    assert reply.status == 200, reply.text
    return reply.text


def in_grace(server: Server, page: str) -> int:
    """How many connections the server says are in grace."""
    return int(json.loads(explanation(server, page))["breakdown"]["in_grace"])


def wait_for(condition: Callable[[], Any]) -> None:
    give_up_at = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)
