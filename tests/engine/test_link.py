"""What a session and its transports have in common: how a request is refused, and what a server offers."""

from __future__ import annotations

import pytest

from nannin.engine.link import RequestRefused, retry_headers
from nannin.wire.engine_request import Refusal


@pytest.mark.parametrize("refusal", Refusal)
def test_a_refused_request_says_how_to_answer_it(refusal: Refusal) -> None:
    error = RequestRefused(refusal)
    assert error.refusal is refusal
    assert str(error) == refusal.value[1]


def test_who_may_come_back_is_told_when() -> None:
    assert retry_headers(Refusal.TOO_MANY_REQUESTS) == [(b"retry-after", b"5")]
    assert retry_headers(Refusal.BAD_REQUEST) == []
