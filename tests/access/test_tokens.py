"""Signed page tokens: which page they open, and what opens none."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import Signer

from nannin.access.tokens import TOKEN_CHARACTERS, Tokens

SECRET, OTHER, OLD = "a secret of the site", "a secret of another", "the secret of yesterday"
TOKENS = Tokens([SECRET])
PAGES = st.text(max_size=60).map(lambda text: "/" + text)


@given(PAGES)
def test_a_token_opens_its_page(page: str) -> None:
    assert TOKENS.verify(page, TOKENS.sign(page))


@given(PAGES, PAGES)
def test_a_token_opens_no_other_page(page: str, other: str) -> None:
    assert TOKENS.verify(other, TOKENS.sign(page)) is (page == other)


@given(PAGES)
def test_a_token_of_another_secret_opens_nothing(page: str) -> None:
    assert not TOKENS.verify(page, Tokens([OTHER]).sign(page))


@given(PAGES)
def test_a_token_of_an_old_secret_opens_its_page_until_the_secret_is_taken_out(page: str) -> None:
    token = Tokens([OLD]).sign(page)
    assert Tokens([SECRET, OLD]).verify(page, token)
    assert Tokens([SECRET, OTHER, OLD]).verify(page, token)
    assert not Tokens([SECRET, OTHER]).verify(page, token)


def test_the_first_secret_signs() -> None:
    assert Tokens([SECRET, OLD]).sign("/x") == TOKENS.sign("/x")
    assert Tokens([OLD, SECRET]).sign("/x") != TOKENS.sign("/x")


@given(PAGES, st.one_of(st.text(), st.binary(), st.integers(), st.none(), st.lists(st.text()), st.booleans()))
def test_whatever_else_comes_is_no_token(page: str, garbage: object) -> None:
    assert not TOKENS.verify(page, garbage)


@given(st.integers(0, TOKEN_CHARACTERS - 1), st.characters())
def test_a_token_with_another_character_anywhere_is_none(place: int, character: str) -> None:
    token = TOKENS.sign("/x")
    changed = token[:place] + character + token[place + 1 :]
    assert TOKENS.verify("/x", changed) is (changed == token)


@pytest.mark.parametrize(
    "change",
    [
        lambda token: "",
        lambda token: token[:-1],
        lambda token: token + "=",
        lambda token: token + "\n",
        lambda token: " " + token,
        lambda token: token * 1_000_000,
        lambda token: token[:-1] + "é",
        lambda token: token[:-1] + "\ud800",
        lambda token: token.encode(),
        lambda token: "/x." + token,
    ],
)
def test_a_token_in_another_form_is_none(change: object) -> None:
    assert callable(change)
    assert not TOKENS.verify("/x", change(TOKENS.sign("/x")))


@given(PAGES)
def test_a_token_fits_an_attribute_and_a_query_as_it_is(page: str) -> None:
    token = TOKENS.sign(page)
    assert len(token) == TOKEN_CHARACTERS
    assert token.replace("-", "").replace("_", "").isalnum()
    assert token.isascii()


def test_a_token_is_for_a_page_in_letters_and_as_an_address() -> None:
    assert TOKENS.sign("/人") == TOKENS.sign("/%e4%ba%ba")
    assert TOKENS.verify("/人", TOKENS.sign("/%E4%BA%BA"))
    assert not TOKENS.verify("/人", TOKENS.sign("/日"))


@pytest.mark.parametrize("page", ["/人", "/%E4%BA%BA"])
def test_another_program_may_have_signed_the_letters_or_the_address(page: str) -> None:
    signer = Signer(SECRET, salt="nannin.page", key_derivation="hmac", digest_method=hashlib.sha256)
    for signed in ("/人", "/%E4%BA%BA"):
        assert TOKENS.verify(page, signer.get_signature(signed).decode())


@pytest.mark.parametrize("secrets", [[], [""], [SECRET, ""], SECRET])
def test_there_are_no_tokens_without_secrets(secrets: object) -> None:
    with pytest.raises(ValueError, match="list of secrets"):
        Tokens(secrets)  # type: ignore[arg-type]
