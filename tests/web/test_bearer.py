"""A secret of ours in a request's head."""

from __future__ import annotations

import pytest
from starlette.exceptions import HTTPException

from nannin.access.guesses import Guesses
from nannin.access.refusals import Refusal, Refusals
from nannin.settings import Settings
from nannin.web.bearer import Tries, read_bearer
from support.asgi import scope


def bearing(authorization: str) -> dict[str, object]:
    return scope("http", "", {"authorization": authorization})


def test_a_request_without_a_token_has_none() -> None:
    assert read_bearer(scope("http", "", {})) is None
    assert read_bearer(bearing("Basic YTpi")) is None


@pytest.mark.parametrize("authorization", ["Bearer abc", "bearer abc", "BEARER  abc "])
def test_a_token_is_read_as_it_is(authorization: str) -> None:
    assert read_bearer(bearing(authorization)) == "abc"
    assert Tries().is_bearer_of(bearing(authorization), "abc")


@pytest.mark.parametrize("authorization", ["Bearer abcd", "Bearer ab", "Bearer", "Bearer \xe9", "abc", ""])
def test_another_token_is_not_ours(authorization: str) -> None:
    assert not Tries().is_bearer_of(bearing(authorization), "abc")


def test_after_too_many_wrong_tokens_none_is_looked_at_for_a_while() -> None:
    now, refusals = [100.0], Refusals()
    tries = Tries(Guesses(Settings(), refusals), lambda: now[0])
    for _ in range(20):
        assert tries.is_bearer_of(bearing("Bearer right"), "right")
        assert not tries.is_bearer_of(bearing("Bearer wrong"), "right")
        assert not tries.is_bearer_of(scope("http", "", {}), "right")
    for token in ("wrong", "right"):
        with pytest.raises(HTTPException) as refused:
            tries.is_bearer_of(bearing(f"Bearer {token}"), "right")
        assert refused.value.status_code == 429
        assert (refused.value.headers or {})["retry-after"] == "1"
    other = {**bearing("Bearer right"), "client": ("8.8.8.8", 1)}
    assert tries.is_bearer_of(other, "right")
    now[0] += 1.0
    assert tries.is_bearer_of(bearing("Bearer right"), "right")
    assert refusals.tally == {Refusal.GUESS: 2}
