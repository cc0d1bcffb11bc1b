"""`nannin watch` against servers: a small one that does what the test says, and nannin itself."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import pty
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from nannin.cli.remote import Address
from nannin.cli.watch.events import Update
from nannin.cli.watch.following import follow
from nannin.errors import RemoteError
from support.certificates import CERTIFICATE
from support.raw_client import connect, masked_text, read_until, upgrade_request
from support.servers import Way, free_port, nannin, served

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
STREAM = OK + b"Connection: close\r\n\r\n"
PATIENCE_S = 10.0

Answer = Callable[[socket.socket], None]


def told(page: str, visitors: int) -> bytes:
    count = {"page": page, "connections": visitors, "visitors": visitors, "visible": 0}
    return f"event: audience\ndata: {json.dumps(count)}\n\n".encode()


def says(*pieces: bytes) -> Answer:
    """Sends these pieces and ends the connection."""

    def answer(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)

    return answer


class FakeServer:
    """Answers each connection as the next of `answers` says, the last of them again and again."""

    def __init__(self, *answers: Answer, port: int = 0) -> None:
        self._answers = list(answers)
        self._listener = socket.create_server(("127.0.0.1", port))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests: list[str] = []
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(PATIENCE_S)
                    request = b""
                    while b"\r\n\r\n" not in request and (piece := connection.recv(65536)):
                        request += piece
                    self.requests.append(request.decode())
                    answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                    answer(connection)
                    connection.shutdown(socket.SHUT_RDWR)

    def hold(self, *pieces: bytes) -> Answer:
        """Sends these pieces, and nothing more until the test ends."""

        def answer(connection: socket.socket) -> None:
            says(*pieces)(connection)
            self.ended.wait(PATIENCE_S)

        return answer

    def then(self, *answers: Answer) -> None:
        self._answers = list(answers)

    def close(self) -> None:
        self.ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE_S)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    server = FakeServer(says(STREAM))
    yield server
    server.close()


class Enough(Exception):
    """Ends `follow`, which by itself never does."""


class Recorder:
    """Keeps what it is told, and stops the test after so many losses."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.delays: list[float] = []

    def opened(self) -> None:
        self.seen.append("opened")

    def update(self, update: Update) -> None:
        self.seen.append(f"{update.page} {update.visitors}")

    def lost(self, reason: str) -> None:
        self.seen.append(reason)


def record(
    url: str, *pages: str, attempts: int = 1, stalled_s: float = PATIENCE_S, token: str | None = None
) -> Recorder:
    """What is seen in so many attempts."""
    recorder = Recorder()

    def sleep(delay_s: float) -> None:
        recorder.delays.append(delay_s)
        if len(recorder.delays) == attempts:
            raise Enough

    with pytest.raises(Enough):
        follow(Address(url), pages or ("*",), recorder, token=token, sleep=sleep, stalled_s=stalled_s)
    return recorder


def refusal(url: str) -> str:
    """Why the first attempt fails."""
    with pytest.raises(RemoteError) as caught:
        follow(Address(url), ("*",), Recorder())
    assert str(caught.value).startswith(f"{url}: ")
    assert str(caught.value).isprintable()
    return str(caught.value).removeprefix(f"{url}: ")


def test_counts_are_told_until_the_stream_ends(server: FakeServer) -> None:
    server.then(says(STREAM, told("/a", 1), told("/b", 2)[:9], told("/b", 2)[9:]))
    assert record(server.url).seen == ["opened", "/a 1", "/b 2", "the server ended the stream"]


def test_a_chunked_stream_is_read_as_it_comes(server: FakeServer) -> None:
    chunks = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (told("/a", 1), told("/b", 2))]
    head = OK + b"Transfer-Encoding: chunked\r\n\r\n"
    server.then(says(head, *chunks, b"0\r\n\r\n"), says(head, chunks[0], b"ff\r\nhalf"))
    assert record(server.url, attempts=2).seen == [
        *("opened", "/a 1", "/b 2", "the server ended the stream"),
        *("opened", "/a 1", "the connection broke off"),
    ]


def test_the_pages_are_asked_for_below_the_path_of_the_address(server: FakeServer) -> None:
    record(f"{server.url}/live/", "/news/1", "/人&b=%")
    record(server.url)
    lines = [request.split("\r\n", 1)[0] for request in server.requests]
    assert lines == [
        "GET /live/api/stream?page=/news/1&page=/%E4%BA%BA%26b%3D%25 HTTP/1.1",
        "GET /api/stream?page=* HTTP/1.1",
    ]
    assert "\r\nAccept: text/event-stream\r\n" in server.requests[0]


def test_the_token_goes_along_in_the_head_and_never_in_the_address(server: FakeServer) -> None:
    record(server.url, token="a-token-for-those-who-read")
    assert "\r\nAuthorization: Bearer a-token-for-those-who-read\r\n" in server.requests[0]
    assert "a-token" not in server.requests[0].partition("\r\n")[0]
    record(server.url)
    assert "Authorization" not in server.requests[1]


def test_a_lost_stream_is_asked_for_again_and_that_is_said_once(server: FakeServer) -> None:
    broken = b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n\r\n<p>wait"
    server.then(says(STREAM, told("/a", 1)), says(broken), says(b""), says(STREAM, told("/a", 2)))
    recorder = record(server.url, attempts=4)
    assert recorder.seen == [
        *("opened", "/a 1", "the server ended the stream"),
        *("opened", "/a 2", "the server ended the stream"),
    ]


def test_attempts_come_less_and_less_often(server: FakeServer) -> None:
    delays = record(server.url, attempts=9).delays
    longest = [0.5, 1, 2, 4, 8, 15, 15, 15, 15]
    assert all(most / 2 <= delay <= most for delay, most in zip(delays, longest, strict=True))


@pytest.mark.parametrize("head", [STREAM, OK + b"\r\n", OK + b"Transfer-Encoding: chunked\r\n\r\n"])
def test_a_stream_that_has_stalled_is_lost(server: FakeServer, head: bytes) -> None:
    server.then(server.hold(head))
    recorder = record(server.url, stalled_s=0.2)
    assert recorder.seen == ["opened", "nothing came for 0.2 s"]


def test_nobody_at_the_address_is_one_line() -> None:
    assert refusal(f"http://127.0.0.1:{free_port()}") == "Connection refused"


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not a nannin server: its answer is not HTTP"),
        (b"", "the server closed the connection without an answer: if it speaks https, write https://"),
        (
            b"HTTP/1.1 404 Not\x1bFound\r\nContent-Type: text/html\r\n\r\n<p>what?",
            r"not a nannin server, or an old one: its /api/stream answers 404 Not\u001bFound, text/html",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>hello",
            "not a nannin server, or an old one: its /api/stream answers 200 OK, text/html",
        ),
        (
            b'HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n\r\n{"error":"no page \\u001b"}',
            r"no page \u001b",
        ),
        (
            b"HTTP/1.1 301 Moved Permanently\r\nLocation: https://a.test/api/stream\r\n\r\n",
            "it redirects to https://a.test/api/stream",
        ),
        (STREAM + b"event: audience\ndata: {}\n\n", None),
    ],
)
def test_what_is_no_nannin_server_is_one_line(server: FakeServer, answer: bytes, line: str | None) -> None:
    server.then(says(answer))
    if line is None:
        assert record(server.url).seen[1].startswith("an event is not a count: ")
    else:
        assert refusal(server.url) == line


def command(*arguments: str, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "nannin", "watch", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **env},
    )


@contextlib.contextmanager
def watching(*arguments: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    """Runs `nannin watch` into pipes."""
    with command(*arguments, **env) as process:
        timer = threading.Timer(2 * PATIENCE_S, process.kill)  # bounds every read below
        timer.start()
        try:
            yield process
        finally:
            timer.cancel()
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_the_command_prints_lines_into_a_pipe_and_ends_with_ctrl_c(server: FakeServer) -> None:
    server.then(server.hold(STREAM, told("/人", 3)))
    with watching(server.url, PYTHONIOENCODING="ascii") as process:
        assert line(process)[8:] == " /\\u4eba 3 visitors 3 connections 0 visible\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=PATIENCE_S) == ("", "")
        assert process.returncode == 0


def test_the_command_prints_json_and_nothing_else(server: FakeServer) -> None:
    server.then(server.hold(STREAM, told("/a", 3), told("/a", 4)))
    with watching("--json", server.url) as process:
        assert [json.loads(line(process))["visitors"] for _ in range(2)] == [3, 4]
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=PATIENCE_S) == ("", "")


def test_the_command_says_on_standard_error_that_it_tries_again(server: FakeServer) -> None:
    server.then(says(STREAM, told("/a", 1)), server.hold(STREAM, told("/a", 2)))
    with watching(server.url) as process:
        assert " /a 1 " in line(process)
        assert " /a 2 " in line(process)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE_S)
        assert errors == "nannin: the server ended the stream; trying again\n"


def test_the_command_ends_quietly_when_nobody_reads_any_more(server: FakeServer) -> None:
    server.then(says(STREAM, *(told("/a", n) for n in range(5000))))
    with watching(server.url) as process:
        line(process)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.wait(PATIENCE_S) == 0
        assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["http://127.0.0.1:{port}"], 1, "nannin: http://127.0.0.1:{port}: Connection refused\n"),
        (
            ["ftp://a.test"],
            2,
            "nannin: URL must be an address such as http://127.0.0.1:8124, not ftp://a.test\n",
        ),
        (["--page", "news"], 2, "nannin: --page must start with / or be *, not news\n"),
    ],
)
def test_the_command_fails_with_one_line(arguments: list[str], code: int, error: str) -> None:
    port = str(free_port())
    with command(*(argument.replace("{port}", port) for argument in arguments)) as process:
        assert process.communicate(timeout=PATIENCE_S) == ("", error.replace("{port}", port))
        assert process.returncode == code


class Terminal:
    """`nannin watch` in a terminal of 80 columns and 24 lines."""

    def __init__(self, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        self.text = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nannin", "watch", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"},
            start_new_session=True,
        )
        os.close(theirs)

    def read_until(self, expected: str) -> None:
        """Reads until the terminal has shown this text since the last time."""
        give_up_at = time.monotonic() + PATIENCE_S
        shown = b""
        while expected not in shown.decode(errors="replace"):
            left_s = give_up_at - time.monotonic()
            assert left_s > 0, f"no {expected!r} in {shown!r}"
            if select.select([self._ours], [], [], left_s)[0]:
                shown += os.read(self._ours, 65536)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def open_terminal(*arguments: str) -> Terminal:
        opened.append(Terminal(*arguments))
        return opened[-1]

    yield open_terminal
    for each in opened:
        each.close()


SHOW_CURSOR = "\x1b[?25h"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_a_terminal_shows_a_table_and_gets_its_cursor_back(
    server: FakeServer, terminal: Callable[..., Terminal], number: signal.Signals, code: int
) -> None:
    server.then(server.hold(STREAM, told("/first", 12345)))
    screen = terminal(server.url)
    screen.read_until("12,345")
    screen.process.send_signal(number)
    # A signal that comes just before Python begins to wait is heard when the wait ends, or with the next one.
    with contextlib.suppress(subprocess.TimeoutExpired):
        screen.process.wait(2)
    screen.process.send_signal(number)
    screen.read_until(SHOW_CURSOR)
    assert screen.process.wait(PATIENCE_S) == code


def test_a_terminal_is_told_that_its_table_is_old(
    server: FakeServer, terminal: Callable[..., Terminal]
) -> None:
    server.then(says(STREAM, told("/a", 3)), says(b""))
    screen = terminal(server.url, "--page", "/a")
    screen.read_until("no connection since ")


def test_the_counts_of_nannin_itself_are_followed() -> None:
    with nannin() as server, watching("--json", "--page", "/", server.url) as process:
        assert json.loads(line(process)) == {"page": "/", "connections": 0, "visitors": 0, "visible": 0}
        with connect(server, upgrade_request("/socket.io/?EIO=4&transport=websocket")) as client:
            read_until(client, b"pingInterval")
            client.sendall(masked_text("40"))
            assert json.loads(line(process)) == {"page": "/", "connections": 1, "visitors": 1, "visible": 1}
        assert json.loads(line(process))["connections"] == 0
        server.stop()
        assert process.stderr is not None
        assert process.stderr.readline().endswith("; trying again\n")


def test_nannin_itself_says_why_there_is_no_such_page() -> None:
    with nannin("--pages", "/,/news/*") as server, watching("--page", "/x", server.url) as process:
        output, errors = process.communicate(timeout=PATIENCE_S)
        assert (output, errors.count("\n"), process.returncode) == ("", 1, 1)
        assert "not a nannin server" not in errors


def test_https_is_followed_where_the_certificate_is_trusted_or_need_not_be(tmp_path: pathlib.Path) -> None:
    trusted = tmp_path / "trusted.pem"
    trusted.write_text(CERTIFICATE)
    with served(Way.TLS, None) as server:
        assert refusal(server.url).startswith("self-signed certificate: --insecure accepts any certificate")
        with watching("--insecure", "--json", "--page", "/", server.url) as process:
            assert json.loads(line(process))["page"] == "/"
        with watching("--json", "--page", "/", server.url, SSL_CERT_FILE=str(trusted)) as process:
            assert json.loads(line(process))["page"] == "/"
