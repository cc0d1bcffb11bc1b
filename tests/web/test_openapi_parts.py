"""What the description of the API is put together from."""

from __future__ import annotations

import pytest

from nannin.web.openapi_parts import content, parameter, probe, reading

OK = {"description": "All.", "content": content("text/plain", {"type": "string"})}


def test_what_is_only_read_says_how_it_refuses() -> None:
    responses = reading("x", "X", [], OK, "NoPage", "TooOften")["get"]["responses"]
    assert list(responses) == ["200", "400", "403", "404", "405", "421", "503"]
    assert responses["404"] == {"$ref": "#/components/responses/NoPage"}


def test_what_forgives_a_wrong_query_does_not_refuse_it() -> None:
    responses = reading("x", "X", [], OK, forgives=True, also={"304": OK})["get"]["responses"]
    assert list(responses) == ["200", "304", "403", "405", "421"]


@pytest.mark.parametrize("private", [True, False])
def test_what_is_private_takes_a_token(private: bool) -> None:
    assert ("security" in reading("x", "X", [], OK, private=private)["get"]) is private


def test_a_parameter_has_its_schema() -> None:
    assert parameter("a", "A.", type="string") == {
        "name": "a",
        "in": "query",
        "description": "A.",
        "schema": {"type": "string"},
    }


def test_a_probe_says_no_in_words() -> None:
    responses = probe("x", "X", {"503": {"description": "Why not."}})["get"]["responses"]
    assert responses["503"]["content"] == content("text/plain", {"type": "string"})
