"""What a process says of its health."""

from __future__ import annotations

import pytest

from nannin.web.health import Probe
from support.one_request import ask


@pytest.mark.parametrize(("why_not", "status", "text"), [("", 200, "ok"), ("stopping", 503, "stopping")])
def test_it_is_ok_or_why_not(why_not: str, status: int, text: str) -> None:
    answer = ask(Probe(lambda: why_not), "/readyz?whatever")
    assert (answer.status_code, answer.text) == (status, text)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_an_answer_is_an_answer() -> None:
    assert ask(Probe(), "/healthz").text == "ok"


def test_who_asks_for_the_head_gets_the_same_without_the_text() -> None:
    answer = ask(Probe(lambda: "stopping"), "/readyz", method="HEAD")
    assert (answer.status_code, answer.text, answer.headers["content-length"]) == (503, "", "8")


def test_it_is_only_read() -> None:
    assert ask(Probe(), "/healthz", method="OPTIONS").headers["allow"] == "GET, HEAD, OPTIONS"
    answer = ask(Probe(), "/healthz", method="POST")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert answer.json() == {"error": "method not allowed; use GET, HEAD, OPTIONS"}
