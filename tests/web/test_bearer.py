"""A secret of ours in a request's head."""

from __future__ import annotations

import pytest

from nannin.web.bearer import is_bearer_of, read_bearer
from support.asgi import scope


def bearing(authorization: str) -> dict[str, object]:
    return scope("http", "", {"authorization": authorization})


def test_a_request_without_a_token_has_none() -> None:
    assert read_bearer(scope("http", "", {})) is None
    assert read_bearer(bearing("Basic YTpi")) is None


@pytest.mark.parametrize("authorization", ["Bearer abc", "bearer abc", "BEARER  abc "])
def test_a_token_is_read_as_it_is(authorization: str) -> None:
    assert read_bearer(bearing(authorization)) == "abc"
    assert is_bearer_of(bearing(authorization), "abc")


@pytest.mark.parametrize("authorization", ["Bearer abcd", "Bearer ab", "Bearer", "Bearer \xe9", "abc", ""])
def test_another_token_is_not_ours(authorization: str) -> None:
    assert not is_bearer_of(bearing(authorization), "abc")
