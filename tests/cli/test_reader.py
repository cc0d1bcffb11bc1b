"""How a server is asked for JSON, and what is made of its answers."""

from __future__ import annotations

import http.client

import pytest

from nannin.cli.answers import CountAnswer
from nannin.cli.reader import Reader, Refused
from nannin.cli.remote import Address
from nannin.errors import RemoteError
from support.canned_answers import Answer, CannedServer

URL = "http://live.test/mounted"
COUNT = Answer(200, b'{"page":"/a","connections":3,"visitors":2,"visible":1}')
BUSY = Answer(503, b'{"error":"too many requests"}', {"retry-after": "2"})


class Asking:
    """A reader of a server that answers as a test says, one answer after another; the last one stays."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *answers: Answer | Exception, token: str | None = None
    ) -> None:
        self._answers = list(answers)
        self.server = CannedServer(self._answer)
        monkeypatch.setattr(Address, "connect", lambda address: self.server.connect(address))
        self.pauses: list[float] = []
        self.reader = Reader(Address(URL), token, self.pauses.append)

    def _answer(self, target: str) -> Answer:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def ask(self) -> CountAnswer:
        return self.reader.ask("/api/count", {"page": "/人 b"}, CountAnswer)

    def fails(self) -> RemoteError:
        with pytest.raises(RemoteError) as caught:
            self.ask()
        assert str(caught.value).startswith(f"{URL}: ")
        assert str(caught.value).isprintable()
        return caught.value


def test_a_server_is_asked_below_its_path_over_one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Asking(monkeypatch, COUNT)
    with asking.reader as reader:
        assert asking.ask() == CountAnswer("/a", 3, 2)
        assert reader.ask("/api/count", {}, CountAnswer).visitors == 2
    assert asking.server.asked == ["/mounted/api/count?page=/%E4%BA%BA+b", "/mounted/api/count"]
    assert asking.server.opened == 1
    assert "Authorization" not in asking.server.headers


def test_the_token_goes_along_in_the_head(monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Asking(monkeypatch, COUNT, token="a-token")
    asking.ask()
    assert asking.server.headers["Authorization"] == "Bearer a-token"


def test_a_connection_that_the_server_has_closed_meanwhile_is_opened_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asking = Asking(monkeypatch, COUNT, http.client.RemoteDisconnected(""), COUNT)
    assert [asking.ask().visitors, asking.ask().visitors] == [2, 2]
    assert asking.server.opened == 2


def test_a_server_that_is_busy_is_asked_again_when_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    later = Answer(503, b"{}", {"retry-after": "Fri, 27 Nov 2026 04:00:00 GMT"})
    asking = Asking(monkeypatch, BUSY, later, Answer(503, b"{}", {"retry-after": "3600"}), COUNT)
    assert asking.ask().visitors == 2
    assert asking.pauses == [2, 1, 10]


def test_a_server_that_stays_busy_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Asking(monkeypatch, BUSY)
    assert str(asking.fails()) == f"{URL}: too many requests"
    assert 5 < len(asking.pauses) < 20


def test_a_refusal_has_its_status_and_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = Asking(monkeypatch, Answer(404, b'{"error":"no page \\u001b"}')).fails()
    assert isinstance(refused, Refused)
    assert (refused.status, refused.reason) == (404, r"no page \u001b")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            Answer(200, b"[]"),
            "not a nannin server, or another version: its /api/count answers what is not expected",
        ),
        (Answer(200, b""), "not a nannin server, or another version"),
        (
            Answer(200, b'{"page":"/a","connections":-1,"visitors":2}'),
            "not a nannin server, or another version",
        ),
        (Answer(503, b"<p>wait", {"content-type": "text/html"}), "not a nannin server, or an old one"),
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (http.client.BadStatusLine("x"), "not a nannin server: its answer is not HTTP"),
        (TimeoutError("timed out"), "timed out"),
    ],
)
def test_what_goes_wrong_is_one_line_that_names_the_server(
    monkeypatch: pytest.MonkeyPatch, answer: Answer | Exception, words: str
) -> None:
    assert words in str(Asking(monkeypatch, answer).fails())


def test_an_answer_without_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nannin.cli.reader._MAX_ANSWER_BYTES", 1_000)
    error = Asking(monkeypatch, Answer(200, b" " * 1_001)).fails()
    assert str(error).endswith("an answer has over 1,000 bytes")
