"""Observers of a real server: nobody is counted, every path works anywhere, and nothing holds up its end."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Iterator

import httpx
import pytest

from support.commands import end
from support.log_lines import noise
from support.raw_client import connect, masked_text, read_to_end, read_until, upgrade_request
from support.servers import Server, Way, nannin, served
from support.waiting import until

PATHS = ["/api/count", "/api/pages", "/api/explain", "/api/openapi.json", "/badge.svg", "/embed"]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with nannin() as server:
        yield server


def open_stream(server: Server, query: str = "", **headers: str) -> socket.socket:
    """A client that asks for a stream."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return connect(server, f"GET /api/stream{query} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode())


def open_visitor(server: Server, page: str) -> socket.socket:
    """A client that is on a page."""
    client = connect(server, upgrade_request("/socket.io/?EIO=4&transport=websocket"))
    read_until(client, b'"sid"')
    client.sendall(masked_text(f"40{page},"))
    read_until(client, f"40{page},".encode())
    return client


def told(page: str, number: int) -> bytes:
    """What an update is on the stream."""
    return f'"page":"{page}","connections":{number},"visitors":{number},"visible":{number}}}\n\n'.encode()


def test_who_reads_is_not_counted_and_hears_who_is(server: Server) -> None:
    with open_stream(server, "?page=/told") as one, open_stream(server, "?page=*") as every:
        read_until(one, told("/told", 0))
        read_until(every, b"retry: ")
        with open_visitor(server, "/told"):
            read_until(one, told("/told", 1))
            read_until(every, told("/told", 1))
            for path in PATHS:
                assert httpx.get(f"{server.url}{path}").status_code == 200
            count = httpx.get(f"{server.url}/api/count?page=/told").json()
            assert count == {"page": "/told", "connections": 1, "visitors": 1, "visible": 1}
            assert httpx.get(f"{server.url}/api/pages").json()["pages"] == [count]
            assert ">1</text>" in httpx.get(f"{server.url}/badge.svg?page=/told").text
        read_until(one, told("/told", 0))
        read_until(every, told("/told", 0))
    assert httpx.get(f"{server.url}/api/pages").json()["total"] == 0


def test_a_count_is_explained(server: Server) -> None:
    with open_visitor(server, "/why"):
        explained = httpx.get(f"{server.url}/api/explain?page=/why").json()
        assert explained["page"] == "/why"
        assert explained["count"] == {"connections": 1, "visitors": 1, "visible": 1}


@pytest.mark.parametrize("way", [Way.PLAIN, Way.TLS], ids=["plain", "tls"])
def test_a_stream_works_however_the_server_is_run(way: Way) -> None:
    with (
        served(way, None) as server,
        httpx.stream("GET", f"{server.url}/api/stream", verify=False) as response,
    ):
        assert response.status_code == 200
        lines = response.iter_lines()
        assert re.fullmatch(r"retry: \d{4}", next(lines))
        assert [next(lines), next(lines)] == ["", "event: audience"]


@pytest.mark.parametrize("path", [*PATHS, "/api/stream"])
def test_everything_works_under_a_mount_path(path: str) -> None:
    with nannin("--root-path", "/live") as server:
        for prefix in ("", "/live"):
            with httpx.stream("GET", f"{server.url}{prefix}{path}") as response:
                assert response.status_code == 200


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/api/count?page=/%00", 404),
        ("/api/count?page=/../x", 200),
        ("/api/../api/count", 404),
        ("/api/%2e%2e/count", 404),
        ("/api/count?page=" + "/x" * 4_000, 404),
        ("/api/stream?page=" + "/x" * 4_000, 404),
        ("/badge.svg?label=" + "x" * 8_000, 200),
        ("/badge.svg?label=" + "x" * 10_000, 431),
        ("/badge.svg?color=%22%3E%3Cscript%3E", 200),
        ("/embed?page=%22%3E%3Cscript%3E", 200),
    ],
)
def test_bad_input_gets_a_clear_answer(server: Server, target: str, status: int) -> None:
    with connect(server, f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()) as client:
        answer = read_to_end(client)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b'"><script>' not in answer.partition(b"\r\n\r\n")[2].replace(b'\\"><script>', b"")


@pytest.mark.parametrize("size", [1, 8_000])
def test_a_last_event_id_is_harmless(server: Server, size: int) -> None:
    with open_stream(server, Last_Event_ID="9" * size) as client:
        read_until(client, told("/", 0))


def test_a_giant_last_event_id_is_refused_and_nothing_else_happens(server: Server) -> None:
    head = f"GET /api/stream HTTP/1.1\r\nHost: x\r\nLast-Event-ID: {'9' * 60_000}\r\n\r\n"
    with connect(server, head.encode()) as client:
        assert read_to_end(client).startswith(b"HTTP/1.1 431 ")
    assert httpx.get(f"{server.url}/api/count").status_code == 200


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_within_2_seconds_while_a_stream_is_idle(how: signal.Signals) -> None:
    with nannin() as server, open_stream(server) as client:
        read_until(client, told("/", 0))
        took, code = end(server, how)
        assert took < 2
        assert code == 0
        assert noise(server.log) == []
        # The last chunk: the stream has ended, and was not cut off.
        assert read_to_end(client).endswith(b"0\r\n\r\n")


def test_where_counts_are_not_public_the_settings_say_who_may_read_them() -> None:
    friend, foreign = "https://friend.example", "https://foreign.example"
    with nannin("--no-public", "--allow-origins", friend) as server:
        url = f"{server.url}/api/count"
        assert httpx.get(url, headers={"origin": friend}).headers["access-control-allow-origin"] == friend
        assert httpx.get(url, headers={"origin": foreign}).status_code == 403
        assert httpx.get(url, headers={"origin": server.url}).status_code == 200
        assert friend in httpx.get(f"{server.url}/embed").headers["content-security-policy"]


def test_whoever_guesses_at_a_token_is_slowed_down_and_told_of_once() -> None:
    with nannin(
        "--emit-token", "a-token-for-those-who-send", "--read-token", "a-token-for-readers"
    ) as server:

        def statuses(address: str) -> list[int]:
            return [
                httpx.request(
                    method,
                    f"{server.url}{path}",
                    headers={"authorization": f"Bearer guess-{number}", "x-forwarded-for": address},
                ).status_code
                for number in range(30)
                for method, path in (("POST", "/api/emit"), ("GET", "/api/pages"))
            ]

        answers = statuses("203.0.113.9")
        assert answers[:20] == [401] * 20
        assert answers.count(429) >= 30
        assert server.log.count("wrong tokens") == 1
        assert "203.0.113.9" not in server.log
        assert "guess-" not in server.log
        assert statuses("203.0.113.10")[0] == 401
        right = {"authorization": "Bearer a-token-for-readers", "x-forwarded-for": "203.0.113.11"}
        assert httpx.get(f"{server.url}/api/pages", headers=right).status_code == 200
        tally = httpx.get(f"{server.url}/api/explain").json()["not_counted"]["refused_since_start"]
        assert tally["guess"] >= 30
        assert tally["emit"] >= 10


def test_lists_are_for_this_machine_and_for_whoever_has_the_token() -> None:
    token = "a-token-for-those-who-read"
    proxied = {"x-forwarded-for": "203.0.113.9"}
    lists = ["/api/pages", "/api/explain", "/api/stream?page=*"]
    with nannin("--read-token", token) as server:
        for path in lists:
            assert httpx.get(f"{server.url}{path}", headers=proxied).status_code == 401
            assert httpx.get(f"{server.url}{path}", headers={"host": "live.example.com"}).status_code == 421
            with httpx.stream("GET", f"{server.url}{path}") as local:
                assert local.status_code == 200
            sent = {**proxied, "authorization": f"Bearer {token}"}
            with httpx.stream("GET", f"{server.url}{path}", headers=sent) as remote:
                assert remote.status_code == 200
        assert httpx.get(f"{server.url}/api/count", headers=proxied).status_code == 200

        def all_are_tallied() -> bool:
            tally = httpx.get(f"{server.url}/api/explain").json()["not_counted"]["refused_since_start"]
            return bool(tally["list"] == tally["host"] == len(lists))

        until(all_are_tallied)  # an answer that has cost a busy machine much is kept for a while
        assert server.log.count("refused /api/pages: lists of pages answer this machine") == 1, server.log
        assert token not in server.log
