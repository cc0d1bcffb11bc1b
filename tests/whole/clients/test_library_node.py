"""Pages, rooms, acks and recovery of an application, as the official client of Node.js sees them."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest

from support.cutting import cutter
from support.servers import APPS, Server, nannin
from whole.clients.conftest import NodeClient, to_wire

ROOMS = itertools.count(1)
APP = ("--app", f"{APPS / 'library_app.py'}:live", "--ping-interval", "60")
POLLING = ["polling"]
RECOVER = {"recover": True}
each_transport = pytest.mark.parametrize("transports", [["websocket"], POLLING], ids=["websocket", "polling"])


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """The application of the library tests."""
    with nannin(*APP) as server:
        yield server


@pytest.fixture
def page() -> str:
    """A chat that no other test uses."""
    return f"/chat/{next(ROOMS)}"


class Clients(NodeClient):
    """Several sockets, each on a link of its own and known by its name."""

    def join(self, url: str, *names: str, **options: Any) -> list[str]:
        """Opens a socket for each name, one after the other; returns their ids."""
        ids = []
        for name in names:
            self.open(url, name, **{"forceNew": True, "transports": ["websocket"], **options})
            ids.append(self.wait("connect", name)["id"])
        return ids

    def ask(self, name: str, event: str, *args: Any) -> Any:
        """What the server acknowledges an event with."""
        self.tell("call", name, event=event, args=args)
        return self.wait("answer", name, event=event).get("answer")

    def heard(self, name: str) -> list[Any]:
        """What was said to it, each said with one argument, until now."""
        self.ask(name, "tell-me", "that is all")
        said = []
        while (args := self.next_event("said", name))[0] != "that is all":
            said.append(args[0])
        return said


@pytest.fixture(scope="module")
def clients_process(node: str) -> Iterator[Clients]:
    """A process with the official client."""
    with contextlib.closing(Clients(node, "library.mjs")) as clients:
        yield clients


@pytest.fixture
def clients(clients_process: Clients) -> Iterator[Clients]:
    """A process with sockets of the official client; none at first."""
    yield clients_process
    clients_process.reset()


# Targets


@each_transport
def test_a_room_hears_what_is_said_to_it(
    clients: Clients, server: Server, page: str, transports: list[str]
) -> None:
    ids = clients.join(server.url + page, "a", "b", "c", transports=transports)
    assert clients.ask("a", "join", "red", "blue") == ["red", "blue"]
    clients.ask("b", "join", "red")
    assert clients.ask("c", "tell-rooms", ["red", "blue"], [], "once each") == 2
    assert clients.ask("c", "tell-rooms", ["red"], ["blue"], "not a") == 1
    assert clients.ask("c", "tell-rooms", [ids[0]], [], "by id") == 1
    clients.ask("a", "tell-others-in", "red", "from a")
    assert clients.ask("b", "leave", "red") == []
    assert clients.ask("c", "tell-rooms", ["red"], [], "without b") == 1
    assert [clients.heard(name) for name in "abc"] == [
        ["once each", "by id", "without b"],
        ["once each", "not a", "from a"],
        [],
    ]


def test_the_three_targets_and_all_but_some(clients: Clients, server: Server, page: str) -> None:
    _, b, _ = clients.join(server.url + page, "a", "b", "c")
    clients.ask("c", "join", "red")
    clients.ask("a", "tell-page", "everyone")
    clients.ask("a", "tell-others", "everyone but me")
    clients.ask("a", "tell-me", "only me")
    clients.ask("a", "tell-all-but", [b], "not b")
    clients.ask("a", "tell-all-but", ["red", b], "not b, not the red ones")
    assert clients.heard("a") == ["everyone", "only me", "not b", "not b, not the red ones"]
    assert clients.heard("b") == ["everyone", "everyone but me"]
    assert clients.heard("c") == ["everyone", "everyone but me", "not b"]


def test_rooms_of_two_pages_are_two_rooms(clients: Clients, server: Server, page: str) -> None:
    clients.join(server.url + page, "a")
    clients.join(server.url + page + "-too", "b")
    clients.ask("a", "join", "red")
    clients.ask("b", "join", "red")
    assert clients.ask("a", "tell-rooms", ["red"], [], "here") == 1
    assert (clients.heard("a"), clients.heard("b")) == (["here"], [])


def test_bytes_reach_a_room(clients: Clients, server: Server, page: str) -> None:
    clients.join(server.url + page, "a", "b")
    clients.ask("b", "join", "red")
    content = [b"\x00\xff", [[b"x" * 1000], {"plain": 1}], "text"]
    clients.ask("a", "tell-rooms", ["red"], [], *content)
    assert clients.next_event("said", "b") == content


def test_a_volatile_event_arrives_where_the_client_reads(clients: Clients, server: Server, page: str) -> None:
    clients.join(server.url + page, "a", "b")
    clients.ask("a", "tell-page-volatile", "now")
    assert (clients.heard("a"), clients.heard("b")) == (["now"], ["now"])


# Acks


def test_what_a_handler_returns_is_the_ack(clients: Clients, server: Server, page: str) -> None:
    clients.join(server.url + page, "a")
    assert clients.ask("a", "vote", {"choice": "yes", "weight": 2}) == 2
    clients.tell("callback", event="several", args=[])
    assert clients.wait("callback", event="several")["answer"] == [1, "two"]
    clients.tell("callback", event="note", args=["k", None])
    assert clients.wait("callback", event="note")["answer"] == []


@pytest.mark.parametrize(("answer", "got"), [([], None), (["yes"], "yes"), ([1, b"\x02"], [1, b"\x02"])])
def test_the_server_calls_one_client(
    clients: Clients, server: Server, page: str, answer: list[Any], got: Any
) -> None:
    clients.join(server.url + page, "a", answers={"question": to_wire(answer)})
    assert clients.ask("a", "ask-me", "who?") == got
    assert clients.next_event("question") == ["who?"]


def test_a_client_that_does_not_answer_is_waited_for_no_longer(
    clients: Clients, server: Server, page: str
) -> None:
    clients.join(server.url + page, "a")
    assert clients.ask("a", "ask-me-in-vain") == "no answer"


def test_a_call_to_a_page_returns_with_the_answers_that_came(
    clients: Clients, server: Server, page: str
) -> None:
    (a,) = clients.join(server.url + page, "a", answers={"question": ["one"]})
    (b,) = clients.join(server.url + page, "b", answers={"question": [{"two": 2}]})
    (c,) = clients.join(server.url + page, "c")
    answers = clients.ask("a", "ask-page", 0.3, "who?")
    assert answers == {"answered": {a: "one", b: {"two": 2}}, "missing": [c]}


def test_a_call_to_a_page_returns_with_the_last_answer(clients: Clients, server: Server, page: str) -> None:
    ids = clients.join(server.url + page, "a", "b", answers={"question": [1]})
    assert clients.ask("a", "ask-page", 60.0) == {"answered": dict.fromkeys(ids, 1), "missing": []}


# Arguments


def test_a_typed_argument_arrives_as_it_was_sent(clients: Clients, server: Server, page: str) -> None:
    clients.join(server.url + page, "a", "b")
    assert clients.ask("a", "move", {"x": 3}) == {"x": 3, "y": 0}
    assert clients.next_event("moved", "b") == [{"x": 3, "y": 0}]


@pytest.mark.parametrize(
    ("event", "args", "problem"),
    [
        ("move", [{"x": "3"}], "argument 1: Expected `int`, got `str` - at `$.x`"),
        ("move", [{"x": 1, "y": -1}], "argument 1: Expected `int` >= 0 - at `$.y`"),
        ("move", [{"x": 1, "z": 1}], "argument 1: Object contains unknown field `z`"),
        ("move", [], "expected 1 argument, not 0"),
        ("vote", [{"weight": 1}], "argument 1: Object missing required field `choice`"),
        ("vote", [{"choice": "maybe"}], "there is no choice 'maybe'"),
    ],
)
def test_what_does_not_fit_is_refused(
    clients: Clients, server: Server, page: str, event: str, args: list[Any], problem: str
) -> None:
    clients.join(server.url + page, "a")
    assert clients.ask("a", event, *args) == {"error": problem}
    clients.tell("emit", event=event, args=args)
    assert clients.next_event("nannin:refused") == [{"event": event, "message": problem}]


def test_an_event_without_a_handler_of_its_own_goes_to_any(
    clients: Clients, server: Server, page: str
) -> None:
    clients.join(server.url + page, "a")
    assert clients.ask("a", "何", 1, b"\x02") == {"event": "何", "args": [1, b"\x02"]}


def test_the_pages_key_gives_the_parameters(clients: Clients, server: Server) -> None:
    for key in ("blue-sky", "何人"):
        clients.join(f"{server.url}/chat/{key}", key)
        assert clients.ask(key, "who")["params"] == {"room": key}
    clients.open(f"{server.url}/chat/two/parts", "x", forceNew=True)
    assert clients.wait("connect_error", "x")["message"] == "Invalid namespace"


# Refusals


@each_transport
def test_a_refusal_carries_data(clients: Clients, server: Server, transports: list[str]) -> None:
    clients.open(server.url + "/members", transports=transports, auth={"name": "ann", "code": 8})
    error = clients.wait("connect_error")
    assert (error["message"], error["data"]) == ("Members only", {"code": 401, "ask": ["ann"]})


def test_auth_that_fits_is_let_in(clients: Clients, server: Server) -> None:
    clients.open(server.url + "/members", auth={"name": "ann", "code": 7})
    assert clients.next_event("welcome") == ["ann"]


def test_auth_that_does_not_fit_is_refused(clients: Clients, server: Server) -> None:
    clients.open(server.url + "/members", auth={"name": "ann", "code": "7"})
    assert re.match(r"Invalid auth: .*`int`.*`\$\.code`", clients.wait("connect_error")["message"])


def test_middleware_stands_at_the_door(clients: Clients, server: Server) -> None:
    clients.open(server.url + "/guarded/closed")
    error = clients.wait("connect_error")
    assert (error["message"], error["data"]) == ("The guard says no", {"level": "closed"})


def test_middleware_stands_around_each_event(clients: Clients, server: Server) -> None:
    clients.join(server.url + "/guarded/open", "a")
    assert clients.ask("a", "steal", "gold") == {"error": "the guard saw it"}
    assert clients.ask("a", "knock") == "nobody in"
    assert clients.ask("a", "enter", 1) == ["guarded", [1]]


# Ends


@pytest.mark.parametrize(
    ("transports", "do", "reason"),
    [
        (["websocket"], "disconnect", "client namespace disconnect"),
        (["websocket"], "close", "transport close"),
        (["websocket"], "destroy", "transport error"),
        (POLLING, "disconnect", "client namespace disconnect"),
        (POLLING, "close", "transport close"),
    ],
)
def test_a_disconnect_handler_knows_how_it_ended(
    clients: Clients, server: Server, page: str, transports: list[str], do: str, reason: str
) -> None:
    _, b = clients.join(server.url + page, "a", "b", transports=transports, reconnection=False)
    clients.tell(do, "b")
    assert clients.next_event("left") == [b, reason]


def test_a_link_that_is_cut_is_a_transport_error(clients: Clients, server: Server, page: str) -> None:
    clients.join(server.url + page, "a")
    with cutter(server) as network:
        (b,) = clients.join(network.url + page, "b", reconnection=False)
        network.cut()
        assert clients.next_event("left") == [b, "transport error"]


def test_a_disconnect_handler_knows_that_the_server_did_it(
    clients: Clients, server: Server, page: str
) -> None:
    clients.join(server.url + page, "a")
    (b,) = clients.join(server.url + page, "b")
    clients.tell("emit", "b", event="leave-page", args=[])
    assert clients.wait("disconnect", "b")["reason"] == "io server disconnect"
    assert clients.next_event("left") == [b, "server namespace disconnect"]


def test_the_end_of_a_session_ends_its_other_pages(clients: Clients, server: Server, page: str) -> None:
    other = page + "-too"
    clients.join(server.url + page, "a")
    clients.join(server.url + other, "a too")
    (b,) = clients.join(server.url + page, "b", forceNew=False)  # the two share a link
    (b_too,) = clients.join(server.url + other, "b too", forceNew=False)
    clients.tell("emit", "b", event="end-session", args=[])
    assert clients.next_event("left", "a") == [b, "server namespace disconnect"]
    assert clients.next_event("left", "a too") == [b_too, "forced close"]


# Recovery


def lose(clients: Clients, name: str, how: str, id_: str) -> None:
    """Takes a client's link away, and returns once the server knows, as `watcher` is told."""
    clients.tell(how, name)
    assert clients.next_event("left", "watcher")[0] == id_
    clients.wait("disconnect", name)


@pytest.mark.parametrize(
    ("transports", "how"), [(["websocket"], "close"), (["websocket"], "destroy"), (POLLING, "close")]
)
def test_a_client_comes_back_as_who_it_was(
    clients: Clients, server: Server, page: str, transports: list[str], how: str
) -> None:
    clients.join(server.url + page, "watcher")
    (id_,) = clients.join(server.url + page, "a", transports=transports, auth=RECOVER, reconnection=False)
    clients.ask("a", "join", "red", "blue")
    clients.ask("a", "note", "name", "ann")
    clients.ask("watcher", "tell-rooms", ["red"], [], "before")
    assert clients.next_event("said", "a")[0] == "before"
    lose(clients, "a", how, id_)
    clients.ask("watcher", "tell-rooms", ["red"], [], 1)
    clients.ask("watcher", "tell-rooms", ["green"], [], "not for a")
    clients.ask("watcher", "tell-page", b"\x02")
    clients.ask("watcher", "tell-rooms", ["red", "blue"], [], 3)
    clients.ask("watcher", "tell-all-but", [id_], "not for a")
    clients.ask("watcher", "tell-rooms", [id_], [], 4)
    clients.tell("connect", "a")
    assert clients.wait("connect", "a") == {"name": "a", "what": "connect", "id": id_, "recovered": True}
    clients.ask("watcher", "tell-page", 5)
    assert clients.heard("a") == [1, b"\x02", 3, 4, 5]
    me = clients.ask("a", "who")
    assert (me["id"], me["recovered"], me["rooms"]) == (id_, True, ["red", "blue"])
    assert me["data"] == {"name": "ann"}
    assert me["here"].count(id_) == 1


def test_a_client_comes_back_again_and_again(clients: Clients, server: Server, page: str) -> None:
    clients.join(server.url + page, "watcher")
    (id_,) = clients.join(server.url + page, "a", auth=RECOVER, reconnection=False)
    for number in range(4):
        lose(clients, "a", "destroy", id_)
        if number % 2:  # each second time it missed something
            clients.ask("watcher", "tell-page", number)
        clients.tell("connect", "a")
        clients.wait("connect", "a", id=id_, recovered=True)
    assert clients.heard("a") == [1, 3]


def test_a_client_whose_cut_the_server_has_not_noticed_comes_back(
    clients: Clients, server: Server, page: str
) -> None:
    clients.join(server.url + page, "watcher")
    with cutter(server) as network:
        (id_,) = clients.join(network.url + page, "a", auth=RECOVER, reconnection=False)
        clients.ask("watcher", "tell-page", "before")
        assert clients.next_event("said", "a")[0] == "before"
        network.cut_at_the_client()
        clients.wait("disconnect", "a")
        clients.ask("watcher", "tell-page", "into the void")
        clients.tell("connect", "a")
        clients.wait("connect", "a", id=id_, recovered=True)
        assert clients.next_event("left", "watcher") == [id_, "transport error"]
        assert clients.heard("a") == ["into the void"]
        assert clients.ask("a", "who")["here"].count(id_) == 1


def test_a_client_that_was_cut_comes_back_by_itself(clients: Clients, server: Server, page: str) -> None:
    with cutter(server) as network:
        (id_,) = clients.join(network.url + page, "a", auth=RECOVER)
        clients.ask("a", "join", "red")
        network.cut()
        clients.wait("disconnect", "a")
        clients.wait("connect", "a", id=id_, recovered=True)
        assert clients.ask("a", "who")["rooms"] == ["red"]


def test_a_client_that_left_is_a_new_one(clients: Clients, server: Server, page: str) -> None:
    (id_,) = clients.join(server.url + page, "a", auth=RECOVER)
    clients.ask("a", "join", "red")
    clients.tell("disconnect", "a")
    clients.wait("disconnect", "a")
    clients.tell("connect", "a")
    back = clients.wait("connect", "a")
    assert back["id"] != id_
    assert not back["recovered"]
    assert clients.ask("a", "who")["rooms"] == []


def test_a_client_that_does_not_ask_gets_no_offset_and_does_not_recover(
    clients: Clients, server: Server, page: str
) -> None:
    clients.join(server.url + page, "watcher")
    (asking,) = clients.join(server.url + page, "asking", auth=RECOVER)
    (id_,) = clients.join(server.url + page, "a", reconnection=False)
    clients.ask("watcher", "tell-page", "text")
    assert clients.next_event("said", "a") == ["text"]
    said, offset = clients.next_event("said", "asking")
    assert (said, type(offset)) == ("text", str)
    lose(clients, "a", "destroy", id_)
    clients.ask("watcher", "tell-page", "missed")
    clients.tell("connect", "a")
    back = clients.wait("connect", "a")
    assert back["id"] not in (id_, asking)
    assert not back.get("recovered")
    assert clients.heard("a") == []


def test_where_all_may_come_back_an_unchanged_client_does(clients: Clients) -> None:
    with nannin(*APP, "--recover-all") as server:
        page = server.url + "/chat/all"
        clients.join(page, "watcher")
        (id_,) = clients.join(page, "a", reconnection=False)
        clients.ask("watcher", "tell-page", "seen")
        assert clients.next_event("said", "a")[0] == "seen"
        lose(clients, "a", "destroy", id_)
        clients.ask("watcher", "tell-page", "missed")
        clients.tell("connect", "a")
        clients.wait("connect", "a", id=id_, recovered=True)
        assert clients.heard("a") == ["missed"]


def test_who_comes_too_late_is_a_new_one(clients: Clients) -> None:
    with nannin(*APP, "--recover", "0.3") as server:
        late = {"reconnectionDelay": 700, "reconnectionDelayMax": 700, "randomizationFactor": 0}
        (id_,) = clients.join(server.url + "/chat/late", "a", auth=RECOVER, **late)
        clients.ask("a", "join", "red")
        clients.tell("destroy", "a")
        back = clients.wait("connect", "a")
        assert back["id"] != id_
        assert not back["recovered"]
        me = clients.ask("a", "who")
        assert (me["recovered"], me["rooms"], me["here"]) == (False, [], [back["id"]])
