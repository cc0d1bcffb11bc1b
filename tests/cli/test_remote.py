"""Where a server is, and what of its words may be shown."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nannin.cli.remote import Address, check_pages, describe, escape, url_of
from nannin.errors import SettingsError
from nannin.settings import Settings


@given(st.text())
def test_an_escaped_text_can_steer_no_terminal(text: str) -> None:
    assert escape(text).isprintable()


@given(st.dictionaries(st.text(), st.text()))
def test_escaped_json_means_the_same(value: dict[str, str]) -> None:
    assert json.loads(escape(json.dumps(value, ensure_ascii=False))) == value


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "shown"),
    [
        ("http://127.0.0.1:8124", "127.0.0.1", 8124, "", "http://127.0.0.1:8124"),
        ("http://127.0.0.1:8124/", "127.0.0.1", 8124, "", "http://127.0.0.1:8124"),
        ("localhost:9000", "localhost", 9000, "", "http://localhost:9000"),
        ("https://a.test/live/", "a.test", None, "/live", "https://a.test/live"),
        ("http://[::1]:80/人 x", "::1", 80, "/%E4%BA%BA%20x", "http://[::1]:80/%E4%BA%BA%20x"),
    ],
)
def test_an_address_may_have_a_path_and_need_no_scheme(
    url: str, host: str, port: int | None, path: str, shown: str
) -> None:
    address = Address(url)
    assert (address.host, address.port, address.path, address.url) == (host, port, path, shown)
    assert address.is_https is url.startswith("https")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/",
        "ftp://a.test",
        "http://",
        "http://:80",
        "http://a.test:x",
        "http://a.test:99999",
        "http://[::1",
        "http://a b",
        "http://a\x1b[2J",
        "http://user:hush@a.test",
        "http://a.test/?page=/x",
        "http://a.test/#x",
    ],
)
def test_what_is_no_address_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Address(url)
    assert str(caught.value).isprintable()
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        (Settings(), "http://127.0.0.1:8124"),
        (Settings(host="0.0.0.0", port=9000, root_path="/live"), "http://127.0.0.1:9000/live"),
        (Settings(ssl_certfile="c.pem", port=443), "https://127.0.0.1"),
    ],
)
def test_a_server_of_this_machine_is_where_its_settings_say(settings: Settings, url: str) -> None:
    assert url_of(settings) == url


@pytest.mark.parametrize("settings", [Settings(uds="n.sock"), Settings(fd=3)])
def test_no_url_leads_to_a_socket_without_a_port(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="give the URL of the proxy"):
        url_of(settings)


def test_a_certificate_that_is_not_trusted_is_said_with_the_remedy() -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    said = describe(error, Address("https://a.test"))
    assert said.startswith("self-signed certificate: --insecure accepts any certificate")


def answer_once(data: bytes) -> tuple[int, threading.Thread]:
    """A server that reads something, answers this and closes; its port, and its thread."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)

    def run() -> None:
        with listener, listener.accept()[0] as connection:
            connection.settimeout(10)
            connection.recv(4096)
            connection.sendall(data)

    thread = threading.Thread(target=run)
    thread.start()
    return listener.getsockname()[1], thread


@pytest.mark.parametrize(
    ("scheme", "answer", "reason"),
    [
        ("https", b"HTTP/1.1 400 Bad Request\r\n\r\n", "this server speaks http: write http://"),
        (
            "http",
            b"",
            "the server closed the connection without an answer: if it speaks https, write https://",
        ),
    ],
)
def test_the_wrong_scheme_is_said_with_the_right_one(scheme: str, answer: bytes, reason: str) -> None:
    port, thread = answer_once(answer)
    address = Address(f"{scheme}://127.0.0.1:{port}", insecure=True)
    reasons = []
    with contextlib.closing(address.connect()) as connection:
        try:
            connection.request("GET", "/")
            connection.getresponse()
        except OSError as error:
            reasons.append(describe(error, address))
    thread.join(10)
    assert reasons == [reason]


def test_a_connection_takes_any_certificate_only_if_it_is_told_to() -> None:
    for insecure, mode in ((False, ssl.CERT_REQUIRED), (True, ssl.CERT_NONE)):
        connection = Address("https://a.test", insecure=insecure).connect()
        assert vars(connection)["_context"].verify_mode is mode


def test_pages_are_named_once_and_begin_with_a_slash() -> None:
    assert check_pages(["/b", "/a", "/b"]) == ("/b", "/a")
    with pytest.raises(SettingsError, match=r"--page must start with /, not news\\u001b"):
        check_pages(["/a", "news\x1b"])
