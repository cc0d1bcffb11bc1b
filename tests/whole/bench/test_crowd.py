"""The crowd against a real server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from nannin.cli.bench.address import Address
from nannin.cli.bench.crowd import Crowd, Phase
from nannin.errors import BenchError
from support.servers import nannin

LIMIT_S = 20.0


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with nannin() as server:
        yield server.url


@pytest.fixture
def crowd(url: str) -> Iterator[Crowd]:
    with Crowd(Address(url), limit_s=LIMIT_S) as crowd:
        yield crowd


def fill(crowd: Crowd, count: int) -> None:
    """Lets so many join, and waits until all know that they are that many."""
    crowd.invite(count)
    assert crowd.wait(lambda: crowd.numbers() == {count: count})


def test_everyone_joins_and_ends_with_the_right_number(crowd: Crowd) -> None:
    fill(crowd, 300)
    assert crowd.joined == 300
    assert not crowd.lost


def test_it_counts_every_update(crowd: Crowd) -> None:
    fill(crowd, 1)
    assert (crowd.updates, crowd.messages) == (1, 3)  # open, the answer to CONNECT, its first count


def test_a_round_ends_when_all_have_heard(crowd: Crowd) -> None:
    fill(crowd, 20)
    visitor = crowd.visitor()
    crowd.expect(21)
    assert not crowd.has_heard()
    crowd.join(visitor)
    assert crowd.wait(crowd.has_heard)
    assert len(crowd.delays) == 20
    assert crowd.numbers() == {21: 21}
    crowd.expect(20)
    crowd.leave(visitor)
    assert crowd.wait(crowd.has_heard)
    assert len(crowd.delays) == 20
    assert crowd.numbers() == {20: 20}


def test_a_round_that_is_not_over_says_how_many_wait(crowd: Crowd) -> None:
    fill(crowd, 5)
    crowd.expect(99)
    assert not crowd.wait(crowd.has_heard, 0.05)
    assert crowd.waiting == 5


def test_a_visitor_is_not_on_the_page_before_it_joins(crowd: Crowd) -> None:
    fill(crowd, 3)
    visitor = crowd.visitor()
    assert visitor.phase is Phase.READY
    assert crowd.joined == 3


def test_heartbeats_are_answered() -> None:
    with (
        nannin("--ping-interval", "0.1", "--ping-timeout", "0.2") as server,
        Crowd(Address(server.url)) as crowd,
    ):
        fill(crowd, 10)
        assert crowd.wait(lambda: crowd.pings >= 50, LIMIT_S)
        assert crowd.joined == 10
        assert crowd.ping_interval_s == 0.1


def test_it_is_quiet_when_no_update_comes_any_more(crowd: Crowd) -> None:
    crowd.invite(10)
    assert crowd.settle(0.3, LIMIT_S)
    assert crowd.numbers() == {10: 10}


def test_clients_that_the_server_drops_are_lost() -> None:
    with nannin() as server, Crowd(Address(server.url)) as crowd:
        fill(crowd, 4)
        server.stop()
        assert crowd.wait(lambda: crowd.joined == 0, LIMIT_S)
        assert sum(crowd.lost.values()) == 4


def test_deaf_clients_join_and_let_the_server_wait(crowd: Crowd) -> None:
    fill(crowd, 5)
    crowd.invite(3, deaf=True)
    assert crowd.wait(lambda: crowd.deaf == 3)
    assert crowd.wait(lambda: crowd.numbers() == {8: 5})
    assert crowd.joined == 5


def test_nobody_is_let_in_where_nothing_listens() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with Crowd(Address(f"http://127.0.0.1:{port}")) as crowd:
        with pytest.raises(BenchError, match=f"can't connect to http://127.0.0.1:{port}: Connection refused"):
            crowd.visitor()
        crowd.invite(3)
        assert crowd.wait(lambda: crowd.lost["Connection refused"] == 4, LIMIT_S)


def test_a_server_that_speaks_no_websocket_is_named(url: str) -> None:
    with Crowd(Address(url + "/nothing")) as crowd, pytest.raises(BenchError, match="HTTP status 40"):
        crowd.visitor()


def test_a_server_that_closes_at_once_loses_its_client() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            sock, _ = listener.accept()
            sock.close()

        thread = threading.Thread(target=serve)
        thread.start()
        address = Address(f"http://127.0.0.1:{listener.getsockname()[1]}")
        with Crowd(address) as crowd, pytest.raises(BenchError, match="can't connect"):
            crowd.visitor()
        thread.join()
