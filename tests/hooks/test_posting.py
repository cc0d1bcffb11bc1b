"""Posting: one request to an address that was judged, within a time, whatever the receiver does."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nannin.hooks.addresses import Addresses
from nannin.hooks.posting import Answer, NotPosted, post, seconds_of
from support.certificates import CERTIFICATE, KEY
from support.receivers import Receiver, receiver
from support.tls import context

LOOPBACK = Addresses(["127.0.0.1"])


@pytest.fixture
def one() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def send(url: str, addresses: Addresses = LOOPBACK, timeout_s: float = 5.0, **options: Any) -> Answer:
    return post(url, b'{"a":1}', {"X-Mine": "yes"}, addresses, timeout_s, unix_s=0.0, **options)


def test_a_body_is_posted_with_its_headers(one: Receiver) -> None:
    assert send(one.url) == Answer(200)
    (got,) = one.got
    assert (got.line, got.body) == ("POST /hook?x=1 HTTP/1.1", b'{"a":1}')
    assert got.headers["host"] == f"127.0.0.1:{one.port}"
    assert (got.headers["x-mine"], got.headers["connection"]) == ("yes", "close")


def test_an_address_of_other_letters_is_encoded(one: Receiver) -> None:
    send(f"http://127.0.0.1:{one.port}/日本?q=é&r=%20")
    assert one.got[0].line == "POST /%E6%97%A5%E6%9C%AC?q=%C3%A9&r=%20 HTTP/1.1"


def test_redirects_are_not_followed(one: Receiver) -> None:
    one.answers = [b"HTTP/1.1 302 Found\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % one.url.encode()]
    assert send(one.url).status == 302
    assert one.connections == 1


def test_a_refusal_has_the_beginning_of_its_words(one: Receiver) -> None:
    one.answers = [b"HTTP/1.1 400 Bad\r\nRetry-After: 7\r\n\r\nno\r\n\x00such " + b"x" * 100_000]
    answer = send(one.url)
    assert (answer.status, answer.retry_after_s) == (400, 7.0)
    assert answer.words.startswith("no such xxx")
    assert len(answer.words) == 100


def test_an_interim_answer_is_none(one: Receiver) -> None:
    one.answers = [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"]
    assert send(one.url) == Answer(204)


def drip(connection: socket.socket) -> None:
    """Sends a byte now and then, without an end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for _ in range(100):
        connection.sendall(b"x")
        time.sleep(0.05)


def test_all_of_it_has_to_be_done_in_time(one: Receiver) -> None:
    one.answers = [drip]
    began_s = time.monotonic()
    with pytest.raises(NotPosted, match=r"did not answer within 0.3 s"):
        send(one.url, timeout_s=0.3)
    assert time.monotonic() - began_s < 3


def test_a_receiver_without_an_answer_is_waited_for_so_long(one: Receiver) -> None:
    one.answers = [lambda connection: time.sleep(0.6)]
    with pytest.raises(NotPosted, match=r"did not answer within 0.2 s"):
        send(one.url, timeout_s=0.2)


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200])
def test_what_is_no_answer_is_said(one: Receiver, answer: bytes) -> None:
    one.answers = [answer]
    with pytest.raises(NotPosted, match=r"does not speak HTTP|can't be reached"):
        send(one.url)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n" + b"a: " + b"b" * 60_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + (b"a: " + b"b" * 1_000 + b"\r\n") * 60 + b"\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000 + b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_of_an_answer_without_an_end_no_more_than_32_kib_are_read(one: Receiver, answer: bytes) -> None:
    one.answers = [answer]
    with pytest.raises(NotPosted, match=r"answered with headers of more than 32 KiB"):
        send(one.url)


def test_a_port_where_nobody_listens_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(NotPosted, match=rf"127.0.0.1:{port} can't be reached"):
        send(f"http://127.0.0.1:{port}/secret")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0", "[::ffff:127.0.0.1]"]
)
def test_addresses_of_this_machine_are_not_connected_to(one: Receiver, host: str) -> None:
    try:
        with pytest.raises(NotPosted, match=r"hooks may not connect unless hook_networks allows it|can't be"):
            send(f"http://{host}:{one.port}/", Addresses())
    finally:
        assert one.connections == 0


def test_what_is_connected_to_is_what_was_judged(one: Receiver) -> None:
    asked = []

    def rebinds(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["10.0.0.1", "127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    assert send(f"http://rebinds.example:{one.port}/", resolve=rebinds).status == 200
    assert asked == ["rebinds.example"], "a name is resolved once"
    assert one.got[0].headers["host"] == f"rebinds.example:{one.port}"


def test_a_name_without_an_address_is_said() -> None:
    with pytest.raises(NotPosted, match=r"nowhere.example is without an address"):
        send("http://nowhere.example/", resolve=lambda host, port: [])

    def fails(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(NotPosted, match=r"nowhere.example can't be reached: Name or service not known"):
        send("http://nowhere.example/", resolve=fails)


@pytest.mark.parametrize("error", [UnicodeError("label too long"), ValueError("no"), MemoryError("no")])
def test_whatever_a_lookup_raises_is_a_failure_in_words(error: Exception) -> None:
    def raises(host: str, port: int) -> list[str]:
        raise error

    with pytest.raises(NotPosted, match=rf"odd.example can't be looked up: {error}"):
        send("http://odd.example/", resolve=raises)


@pytest.mark.parametrize("host", ["a..b", f"{'x' * 64}.example"])
def test_a_name_that_can_not_be_encoded_is_a_failure(host: str) -> None:
    with pytest.raises(NotPosted, match=r"can't be looked up"):
        send(f"http://{host}/")


def test_the_time_is_for_the_lookup_too() -> None:
    ends = threading.Event()

    def hangs(host: str, port: int) -> list[str]:
        ends.wait(10)
        return []

    began_s = time.monotonic()
    with pytest.raises(NotPosted, match=r"no address of slow.example was found in time"):
        send("http://slow.example/", timeout_s=0.1, resolve=hangs)
    assert time.monotonic() - began_s < 3
    ends.set()


def test_another_address_is_tried_where_one_can_not_be_reached(one: Receiver) -> None:
    addresses = Addresses(["127.0.0.0/8"])
    found = ["127.0.0.9", "127.0.0.1"]
    assert send(f"http://two.example:{one.port}/", addresses, resolve=lambda host, port: found).status == 200


def test_tls_is_for_the_name_and_not_for_the_address(tmp_path: Path) -> None:
    (tmp_path / "both.pem").write_text(KEY + CERTIFICATE)
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(tmp_path / "both.pem")
    with receiver(ours) as one:

        def to(name: str) -> Answer:
            return send(f"https://{name}:{one.port}/", resolve=lambda *_: ["127.0.0.1"], context=context())

        assert to("localhost").status == 200
        with pytest.raises(NotPosted, match=rf"TLS with bad.example:{one.port} failed"):
            to("bad.example")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 1.5 ", 1.5),
        ("-1", None),
        ("soon", None),
        ("9" * 30, None),
        ("Thu, 01 Jan 1970 00:02:00 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
    ],
)
def test_a_pause_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert seconds_of(value, 100.0) == seconds
