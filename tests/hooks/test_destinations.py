"""Whom a hook tells: where its address and its secrets come from, and what an answer means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nannin.errors import SettingsError
from nannin.hook import Hook
from nannin.hooks.addresses import Addresses
from nannin.hooks.destinations import Destination, Outcome, make_destination
from nannin.hooks.notices import Notice
from nannin.hooks.posting import Answer, NotPosted

SECRET = "whsec_" + "QUJD" * 8
OTHER = "whsec_" + "REVG" * 8
NOTICE = Notice(id="abc", hook="h", what="occupied", page="/", value=1, at_unix_s=0.0, since_unix_s=0.0)


class Posted:
    """Stands for posting: keeps what is posted, and answers as it is told."""

    def __init__(self, answer: Answer | NotPosted = Answer(200)) -> None:  # noqa: B008 - it never changes
        self.answer = answer
        self.calls: list[tuple[str, bytes, dict[str, str], float]] = []

    def __call__(
        self, url: str, body: bytes, headers: dict[str, str], addresses: Addresses, timeout_s: float, **_: Any
    ) -> Answer:
        self.calls.append((url, body, headers, timeout_s))
        if isinstance(self.answer, NotPosted):
            raise self.answer
        return self.answer


def hook(**values: Any) -> Hook:
    return Hook(**{"name": "h", "on": "occupied", "page": "/", **values})


def make(environ: dict[str, str] | None = None, **values: Any) -> Destination:
    return make_destination(hook(**values), Addresses(), environ or {})


def sent(answer: Answer | NotPosted) -> Outcome:
    """How an attempt ends that is answered like this."""
    one = Destination(hook(), "https://example.org/token", (), Addresses(), {}, Posted(answer))
    return one.send(NOTICE, 1_000.0)


def test_a_notice_is_posted_signed_and_by_its_id() -> None:
    post = Posted()
    one = Destination(hook(timeout=3.0), "https://example.org/x", (b"k" * 24,), Addresses(), {}, post)
    assert one.send(NOTICE, 1_000.5) == Outcome(True)
    ((url, body, headers, timeout_s),) = post.calls
    assert (url, timeout_s) == ("https://example.org/x", 3.0)
    assert json.loads(body)["type"] == "count.occupied"
    assert headers["Content-Type"] == "application/json"
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("abc", "1000")
    assert headers["webhook-signature"].startswith("v1,")


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(204), Outcome(True)),
        (Answer(503, 60.0, "busy"), Outcome(False, "https://example.org answered 503: busy", 60.0)),
        (Answer(404), Outcome(False, "https://example.org answered 404", is_refused=True)),
        (Answer(429, 5.0), Outcome(False, "https://example.org answered 429", 5.0)),
        (
            Answer(410),
            Outcome(False, "https://example.org answered 410", is_refused=True, is_gone=True),
        ),
        (
            Answer(301),
            Outcome(
                False,
                "https://example.org answered 301, and redirects are not followed: "
                "put the address that it leads to into the hook",
            ),
        ),
        (NotPosted("it is away"), Outcome(False, "it is away")),
    ],
)
def test_what_an_answer_means(answer: Answer | NotPosted, outcome: Outcome) -> None:
    assert sent(answer) == outcome


def test_secrets_and_addresses_come_from_files_and_variables(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n{OTHER}\n")
    (tmp_path / "url").write_text(" https://example.org/a\n")
    one = make(url_file=str(tmp_path / "url"), secret_file=str(tmp_path / "secret"))
    other = make({"URL": "https://example.org/b", "S": SECRET}, url_variable="URL", secret_variable="S")
    assert (one._url, one._keys) == ("https://example.org/a", (b"ABC" * 8, b"DEF" * 8))
    assert (other._url, other._keys) == ("https://example.org/b", (b"ABC" * 8,))


def test_nothing_of_an_address_is_shown_that_may_be_secret() -> None:
    assert str(make(url="https://hooks.slack.com/services/T0/B0/token?x=y")) == "https://hooks.slack.com"
    assert str(make(command=("/bin/sh", "-c", "token"))) == "the command sh"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"url_variable": "NOT_SET"}, "url_variable names NOT_SET, which is not set"),
        ({"url_file": "/no/such/file"}, "url_file /no/such/file can't be read: No such file"),
        ({"url": "ftp://example.org"}, "url must be an address such as .*: it starts with https"),
        ({"url": "https://exam ple.org"}, "url must be an address such as"),
        ({"url": "https://example.org", "secret": ("secret",)}, "secret must be whsec_ and Base64"),
        ({"url": "https://127.0.0.1/"}, "127.0.0.1 is not a public address: set hook_networks to 127.0.0.1"),
        ({"url": "https://[::1]/"}, "::1 is not a public address"),
        ({"command": ("no-such-program",)}, "command must begin with a program, and there is no no-such"),
    ],
)
def test_what_can_not_work_is_said_at_the_start(values: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=rf"the hook h \(occupied of /\): {words}"):
        make(**values)


def test_a_file_that_holds_no_secret_is_said(tmp_path: Path) -> None:
    for content, words in ((b"", "is empty"), (b"\xff", "UTF-8"), (b"x" * 70_000, "is too large")):
        (tmp_path / "secret").write_bytes(content)
        with pytest.raises(SettingsError, match=words):
            make(url="https://example.org/", secret_file=str(tmp_path / "secret"))


def test_no_error_shows_a_secret() -> None:
    with pytest.raises(SettingsError) as raised:
        make({"S": "verysecret"}, url="https://example.org/", secret_variable="S")
    assert "verysecret" not in str(raised.value)
    with pytest.raises(SettingsError) as raised:
        make({"U": "verysecret"}, url_variable="U")
    assert "verysecret" not in str(raised.value)
