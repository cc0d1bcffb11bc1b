"""What a session and its transports have in common: how a request is refused, and what a server offers."""

from __future__ import annotations

import pytest

from nannin.engine.link import RequestRefused
from nannin.wire.engine_request import Refusal


@pytest.mark.parametrize("refusal", Refusal)
def test_a_refused_request_says_how_to_answer_it(refusal: Refusal) -> None:
    error = RequestRefused(refusal)
    assert error.refusal is refusal
    assert str(error) == refusal.value[1]
