"""What a plain `nannin serve` tells each page, and that its count is right however one leaves."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.raw_links import Client, Link
from support.servers import APPS, Server, nannin
from whole.protocol.conftest import TRANSPORTS

NUMBERS = itertools.count(1)

Join = Callable[..., Client]


@pytest.fixture
def page() -> str:
    """A page that no other test uses."""
    return f"/updates/{next(NUMBERS)}"


@pytest.fixture
def join(plain_server: Server, page: str) -> Iterator[Join]:
    """Makes clients on the page, which leave when the test is over."""
    clients: list[Client] = []

    def join_page(transport: str = "websocket", auth: dict[str, Any] | None = None, **how: Any) -> Client:
        client = Client(plain_server, transport, page, auth, **how)
        clients.append(client)
        return client

    yield join_page
    for client in clients:
        client.close()


def test_a_joiner_is_told_its_own_count_right_behind_connect(join: Join, transport: str) -> None:
    assert join(transport).receive_event() == ["user connected", 1]
    assert join(transport).receive_event() == ["user connected", 2]


def test_the_others_are_told_of_a_join_and_a_leave(join: Join, transport: str) -> None:
    first = join(transport)
    assert first.receive_event() == ["user connected", 1]
    second = join(transport)
    assert first.receive_event() == ["user connected", 2]
    second.close()
    assert first.receive_event() == ["user disconnected", 1]


def test_an_update_is_told_once(join: Join, transport: str) -> None:
    first, second = join(transport), join(transport)
    second.wait_event("user connected", 2)
    first.wait_event("user connected", 2)
    second.close()
    first.wait_event("user disconnected", 1)
    assert (first.pending(), second.pending()) == ([], [])


def test_whoever_asks_for_audience_gets_it_on_any_page(join: Join, transport: str, page: str) -> None:
    client = join(transport, {"updates": "audience"})
    event, told = client.receive_event()
    assert event == "audience"
    assert {"page": page, "connections": 1, "visitors": 1, "visible": 1}.items() <= told.items()
    other = join(transport)
    event, told = client.receive_event()
    assert {"page": page, "connections": 2, "visitors": 2, "visible": 2}.items() <= told.items()
    other.close()
    event, told = client.receive_event()
    assert (event, told["connections"]) == ("audience", 1)


def test_whoever_asks_for_none_gets_none_and_is_counted(join: Join, transport: str) -> None:
    silent = join(transport, {"updates": "none"})
    assert join(transport).receive_event() == ["user connected", 2]
    assert silent.pending() == []


@pytest.mark.parametrize("updates", ["everything", 1, None, ["classic"], {}])
def test_unknown_updates_are_refused(plain_server: Server, page: str, updates: object) -> None:
    with Link(plain_server, "websocket") as link:
        link.send(f"40{page}," + json.dumps({"updates": updates}))
        answer = link.receive()
        assert isinstance(answer, str)
        assert answer.startswith(f"44{page},")
        assert "updates" in json.loads(answer.removeprefix(f"44{page},"))["message"]


def test_unknown_keys_in_connect_are_nobodys_business(join: Join) -> None:
    assert join("websocket", {"token": "x", "more": [1]}).receive_event() == ["user connected", 1]


def test_pages_are_counted_apart(plain_server: Server, join: Join, page: str) -> None:
    join()
    with Client(plain_server, "websocket", page + "/below") as elsewhere:
        assert elsewhere.receive_event() == ["user connected", 1]


def test_one_session_may_be_on_two_pages(plain_server: Server, join: Join, page: str) -> None:
    client = join()
    assert client.receive_event() == ["user connected", 1]
    client.send(f"40{page}/below,")
    assert str(client.receive()).startswith(f"40{page}/below,")
    assert client.receive() == f'42{page}/below,["user connected",1]'


def test_connections_of_one_visitor_are_one_visitor(join: Join) -> None:
    watcher = join("websocket", {"updates": "audience"})
    watcher.receive_event()
    join("websocket", {"visitor": "v1"})
    assert [watcher.receive_event()[1][key] for key in ("visitors",)] == [2]
    join("websocket", {"visitor": "v1"})
    told = watcher.receive_event()[1]
    assert (told["connections"], told["visitors"]) == (3, 2)


@pytest.mark.parametrize("leave", [Client.close_websocket, Client.reset])
def test_a_visitor_who_is_back_in_a_moment_is_no_news(join: Join, leave: Callable[[Client], None]) -> None:
    watcher, visitor = join(), join("websocket", {"visitor": "v1"})
    watcher.wait_event("user connected", 2)
    leave(visitor)
    assert join("polling", {"visitor": "v1"}).receive_event() == ["user connected", 2]
    join()
    assert watcher.receive_event() == ["user connected", 3]


def test_what_a_tab_says_of_its_view_is_told(join: Join, transport: str) -> None:
    client = join(transport, {"updates": "audience", "visible": False})
    assert client.receive_event()[1]["visible"] == 0
    for visible in (True, False):
        client.emit("nannin:visible", visible)
        assert client.receive_event()[1]["visible"] == int(visible)


def test_an_observer_is_told_and_not_counted(join: Join, transport: str) -> None:
    observer = join(transport, {"observe": True})
    assert observer.receive_event() == ["user connected", 0]
    client = join(transport)
    assert client.receive_event() == ["user connected", 1]
    assert observer.receive_event() == ["user connected", 1]
    observer.close()
    join()
    assert client.receive_event() == ["user connected", 2]


# An upgrade neither leaves nor joins


def test_an_upgrade_changes_no_count(plain_server: Server, join: Join, page: str) -> None:
    watcher = join()
    assert watcher.receive_event() == ["user connected", 1]
    joiner = join("polling")
    assert watcher.receive_event() == ["user connected", 2]
    assert joiner.receive_event() == ["user connected", 2]
    joiner.upgrade()
    with Client(plain_server, "websocket", page):
        assert watcher.receive_event() == ["user connected", 3]
        assert joiner.receive_event() == ["user connected", 3], "told over the WebSocket now"
    assert watcher.receive_event() == ["user disconnected", 2]
    assert joiner.receive_event() == ["user disconnected", 2]


# Every way to leave


def leave_by_disconnect(client: Client) -> None:
    client.send(f"41{client.prefix}")


def leave_by_close_packet(client: Client) -> None:
    client.send("1")


def leave_by_a_malformed_packet(client: Client) -> None:
    client.try_send("4abc")


LEAVES = [leave_by_disconnect, leave_by_close_packet, leave_by_a_malformed_packet]


def is_counted_out(join: Join, transport: str, leave: Callable[[Client], None]) -> None:
    """A watcher is told of the client that leaves so."""
    watcher, leaver = join(), join(transport)
    watcher.wait_event("user connected", 2)
    leave(leaver)
    watcher.wait_event("user disconnected", 1)


@pytest.mark.parametrize("leave", LEAVES)
def test_a_client_that_leaves_is_counted_out_at_once(
    join: Join, transport: str, leave: Callable[[Client], None]
) -> None:
    is_counted_out(join, transport, leave)


@pytest.mark.parametrize("transport", ["websocket", "upgrade"])
@pytest.mark.parametrize("leave", [Client.close_websocket, Client.reset])
def test_a_lost_websocket_is_counted_out_at_once(
    join: Join, transport: str, leave: Callable[[Client], None]
) -> None:
    is_counted_out(join, transport, leave)


def test_a_missed_pong_is_counted_out(hasty_server: Server, page: str, transport: str) -> None:
    with (
        Client(hasty_server, "websocket", page) as watcher,
        Client(hasty_server, transport, page, answers_pings=False) as dead,
    ):
        watcher.wait_event("user connected", 2)
        dead.wait_ended()
        watcher.wait_event("user disconnected", 1)


def test_a_duplicate_get_is_counted_out(join: Join) -> None:
    watcher, leaver = join(), join("polling")
    watcher.wait_event("user connected", 2)
    leaver.get_twice()
    watcher.wait_event("user disconnected", 1)


def test_a_session_that_joined_nothing_counts_nowhere(plain_server: Server, join: Join) -> None:
    with Link(plain_server, "websocket"), Link(plain_server, "polling"):
        watcher = join()
        assert watcher.receive_event() == ["user connected", 1]
    assert not watcher.ended.wait(0.1)
    assert watcher.pending() == []


def test_all_leave_at_once_and_the_count_is_exact(join: Join) -> None:
    watcher = join()
    crowd = [join(TRANSPORTS[number % 3]) for number in range(12)]
    watcher.wait_event("user connected", 13)
    for number, client in enumerate(crowd[:9]):
        LEAVES[number % 3](client)
    watcher.wait_event("user disconnected", 4)
    for client in crowd[9:]:
        client.close()
    watcher.wait_event("user disconnected", 1)
    assert join().receive_event() == ["user connected", 2]


# Pages that an application handles


def test_an_application_speaks_alone_on_its_pages(protocol_server: Server) -> None:
    with Client(protocol_server, "websocket") as plain:
        assert plain.receive_event() == ["auth", {}]
        with Client(protocol_server, "websocket", auth={"updates": "audience"}) as asking:
            assert asking.receive_event()[0] == "audience"
            assert asking.receive_event() == ["auth", {"updates": "audience"}]
        plain.emit("message", "after")
        assert plain.receive_event() == ["message-back", "after"]


@pytest.mark.parametrize("door", ["/refusing", "/refusing-later", "/broken"])
def test_a_refused_connection_is_never_counted(quick_server: Server, door: str) -> None:
    with Link(quick_server, "websocket") as link:
        link.send(f"40{door}," + json.dumps({"updates": "audience"}))
        assert str(link.receive()).startswith(f"44{door},")
        assert link.pending() == []


def test_an_application_sees_the_count_and_the_reason(quick_server: Server, page: str) -> None:
    room = "/room" + page
    with Client(quick_server, "websocket", room) as watcher:
        assert watcher.receive_event() == ["entered", 1]
        for leave, reason in [
            (leave_by_disconnect, "client namespace disconnect"),
            (leave_by_close_packet, "transport close"),
            (Client.close_websocket, "transport close"),
            (Client.reset, "transport error"),
            (leave_by_a_malformed_packet, "parse error"),
            (lambda client: client.emit("end-me"), "server namespace disconnect"),
            (lambda client: client.stop_answering(), "ping timeout"),
        ]:
            client = Client(quick_server, "websocket", room)
            assert watcher.receive_event() == ["entered", 2]
            leave(client)
            assert watcher.receive_event() == ["left", 1, reason]
            client.close()


def test_a_server_that_stops_tells_its_clients_to_come_back() -> None:
    with nannin("--app", f"{APPS / 'protocol_app.py'}:live") as server:
        clients = [Client(server, transport) for transport in TRANSPORTS]
        server.stop()
        for client in clients:
            client.wait_ended()
            assert "41" not in client.pending(), (
                "a DISCONNECT would keep the official client from coming back"
            )
