"""How a stream is followed over lost connections: what is shown, and how long is waited in between."""

from __future__ import annotations

import http.client
from typing import Any, cast

import pytest

from nannin.cli.remote import Address
from nannin.cli.watch import following
from nannin.cli.watch.events import Update
from nannin.cli.watch.following import follow
from nannin.errors import RemoteError
from support.canned_answers import CannedSocket
from support.told_counts import FIRST, SECOND, event

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
REFUSAL = b'HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n\r\n{"error":"no such page"}'


class Enough(Exception):
    """Ends the script; what follows is never asked for."""


class FakeConnection(http.client.HTTPConnection):
    """A connection to such a socket, or one that can't be opened."""

    def __init__(self, answer: bytes | OSError) -> None:
        super().__init__("live.test")
        self._answer = answer
        self.socket: CannedSocket | None = None

    def connect(self) -> None:
        if isinstance(self._answer, OSError):
            raise self._answer
        self.sock = self.socket = CannedSocket(self._answer)


class Script:
    """A server whose connections answer one after the other, and whoever shows what they tell."""

    def __init__(self, *answers: bytes | OSError) -> None:
        self.url, self.path = "http://live.test", "/mounted"
        self.shown: list[Any] = []
        self.slept_s: list[float] = []
        self.connections: list[FakeConnection] = []
        self._answers = list(answers)

    def connect(self) -> FakeConnection:
        if not self._answers:
            raise Enough
        self.connections.append(FakeConnection(self._answers.pop(0)))
        return self.connections[-1]

    def opened(self) -> None:
        self.shown.append("OPENED")

    def update(self, update: Update) -> None:
        self.shown.append(update)

    def lost(self, reason: str) -> None:
        self.shown.append(reason)

    def play(self, *pages: str) -> list[Any]:
        with pytest.raises(Enough):
            follow(cast("Address", self), pages or ("*",), self, sleep=self.slept_s.append)
        return self.shown


def test_what_the_stream_tells_is_shown_and_asked_for_again_when_it_ends() -> None:
    script = Script(HEAD + event(FIRST), HEAD + event(SECOND))
    assert script.play() == [
        "OPENED",
        FIRST,
        "the server ended the stream",
        "OPENED",
        SECOND,
        "the server ended the stream",
    ]


def test_the_pages_are_asked_for_below_the_servers_path() -> None:
    script = Script(HEAD)
    script.play("/news", "/人")
    asked = script.connections[0].socket
    assert asked is not None
    target = b"/mounted/api/stream?page=/news&page=/%E4%BA%BA"
    assert asked.sent.startswith(b"GET " + target + b" HTTP/1.1\r\n")
    assert asked.timeout_s == following.STALLED_S


def test_a_loss_is_said_once_until_the_stream_is_back() -> None:
    gone = ConnectionRefusedError(111, "Connection refused")
    script = Script(HEAD, gone, gone, HEAD)
    assert script.play() == [
        "OPENED",
        *["the server ended the stream", "OPENED"],
        "the server ended the stream",
    ]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (REFUSAL, "no such page"),
        (b"what?\r\n\r\n", "not a nannin server"),
    ],
)
def test_a_server_that_never_answered_is_an_error(answer: bytes | OSError, said: str) -> None:
    with pytest.raises(RemoteError, match=said):
        follow(cast("Address", Script(answer)), ["*"], Script())


def test_who_finds_nobody_waits_twice_as_long_each_time_up_to_15_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda least, most: most)
    script = Script(HEAD, *[ConnectionRefusedError(111, "Connection refused")] * 7)
    script.play()
    assert script.slept_s == [0.5, 1, 2, 4, 8, 15, 15, 15]


def test_a_refusal_after_an_answer_is_only_another_loss() -> None:
    script = Script(HEAD + event(FIRST), REFUSAL)
    assert script.play() == ["OPENED", FIRST, "the server ended the stream"]


def test_a_reader_of_the_lines_that_is_gone_ends_it() -> None:
    class Pipe(Script):
        def update(self, update: Update) -> None:
            raise BrokenPipeError

    pipe = Pipe(HEAD + event(FIRST))
    with pytest.raises(BrokenPipeError):
        follow(cast("Address", pipe), ["*"], pipe)
