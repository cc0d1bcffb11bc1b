"""What `nannin emit` sends, and what it makes of the answer."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest

from nannin.cli.emit import read_argument, send_event
from nannin.cli.remote import Address
from nannin.errors import RemoteError, SettingsError
from support.canned_answers import CannedSocket

URL = "http://live.test/mounted"


def answering(monkeypatch: pytest.MonkeyPatch, status: str, body: bytes) -> CannedSocket:
    """Has every server answer like this."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    sock = CannedSocket(head.encode() + body)

    def connect(address: Address) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(address.host, address.port)
        connection.sock = sock
        return connection

    monkeypatch.setattr(Address, "connect", connect)
    return sock


def test_an_event_is_posted_with_its_token_below_the_servers_path(monkeypatch: pytest.MonkeyPatch) -> None:
    sock = answering(monkeypatch, "200 OK", b'{"recipients":3}')
    assert send_event(URL, "secret", page="/news", event="say", args=["人", 1], to=["red"]) == 3
    head, body = sock.sent.split(b"\r\n\r\n")
    assert head.startswith(b"POST /mounted/api/emit HTTP/1.1\r\n")
    assert b"Authorization: Bearer secret" in head
    assert json.loads(body) == {
        "page": "/news",
        "event": "say",
        "args": ["人", 1],
        "except": [],
        "to": ["red"],
    }


def test_an_event_for_everyone_names_no_rooms(monkeypatch: pytest.MonkeyPatch) -> None:
    sock = answering(monkeypatch, "200 OK", b'{"recipients":0}')
    assert send_event(URL, "secret", page="/", event="say", args=[]) == 0
    assert "to" not in json.loads(sock.sent.split(b"\r\n\r\n")[1])


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        ("401 Unauthorized", b'{"error":"a token is needed"}', "a token is needed"),
        ("200 OK", b'{"recipients":"many"}', "recipients"),
        ("200 OK", b"", "truncated"),
    ],
)
def test_what_goes_wrong_is_one_line_that_names_the_server(
    monkeypatch: pytest.MonkeyPatch, status: str, body: bytes, said: str
) -> None:
    answering(monkeypatch, status, body)
    with pytest.raises(RemoteError) as caught:
        send_event(URL, "secret", page="/", event="say", args=[])
    assert str(caught.value).startswith(f"{URL}: ")
    assert said in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(("text", "value"), [("5", 5), ('"text"', "text"), ("{}", {}), ("null", None)])
def test_an_argument_is_json(text: str, value: Any) -> None:
    assert read_argument(text) == value


@pytest.mark.parametrize("text", ["text", "", "{", "NaN", "1 2", "\x1b[2J"])
def test_an_argument_that_is_not_json_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(SettingsError, match="--data must be JSON, such as 5") as caught:
        read_argument(text)
    assert str(caught.value).isprintable()
