"""Signed page tokens: which page they open, and what opens none."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import Signer

from nannin.access.admission import Verdict
from nannin.access.tokens import SIGNATURE_CHARACTERS, Tokens

SECRET, OTHER, OLD = "a secret of the site", "a secret of another", "the secret of yesterday"
TOKENS = Tokens([SECRET])
NOW = 1_800_000_000
PAGES = st.text(max_size=60).map(lambda text: "/" + text)


def opens(tokens: Tokens, page: str, token: object) -> bool:
    """Whether a token that never ends by itself opens a page."""
    verdict = tokens.judge(page, token, NOW)
    assert verdict is not Verdict.EXPIRED
    return verdict is Verdict.VALID


@given(PAGES)
def test_a_token_opens_its_page(page: str) -> None:
    assert opens(TOKENS, page, TOKENS.sign(page))


@given(PAGES, PAGES)
def test_a_token_opens_no_other_page(page: str, other: str) -> None:
    assert opens(TOKENS, other, TOKENS.sign(page)) is (page == other)


@given(PAGES)
def test_a_token_of_another_secret_opens_nothing(page: str) -> None:
    assert not opens(TOKENS, page, Tokens([OTHER]).sign(page))


@given(PAGES)
def test_a_token_of_an_old_secret_opens_its_page_until_the_secret_is_taken_out(page: str) -> None:
    token = Tokens([OLD]).sign(page)
    assert opens(Tokens([SECRET, OLD]), page, token)
    assert opens(Tokens([SECRET, OTHER, OLD]), page, token)
    assert not opens(Tokens([SECRET, OTHER]), page, token)


def test_the_first_secret_signs() -> None:
    assert Tokens([SECRET, OLD]).sign("/x") == TOKENS.sign("/x")
    assert Tokens([OLD, SECRET]).sign("/x") != TOKENS.sign("/x")


@given(PAGES, st.one_of(st.text(), st.binary(), st.integers(), st.none(), st.lists(st.text()), st.booleans()))
def test_whatever_else_comes_is_no_token(page: str, garbage: object) -> None:
    assert not opens(TOKENS, page, garbage)


@given(st.integers(0, SIGNATURE_CHARACTERS - 1), st.characters())
def test_a_token_with_another_character_anywhere_is_none(place: int, character: str) -> None:
    token = TOKENS.sign("/x")
    changed = token[:place] + character + token[place + 1 :]
    assert opens(TOKENS, "/x", changed) is (changed == token)


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
    assert not opens(TOKENS, "/x", change(TOKENS.sign("/x")))


@given(PAGES)
def test_a_token_fits_an_attribute_and_a_query_as_it_is(page: str) -> None:
    token = TOKENS.sign(page)
    assert len(token) == SIGNATURE_CHARACTERS
    assert token.replace("-", "").replace("_", "").isalnum()
    assert token.isascii()


def test_a_token_is_for_a_page_in_letters_and_as_an_address() -> None:
    assert TOKENS.sign("/人") == TOKENS.sign("/%e4%ba%ba")
    assert opens(TOKENS, "/人", TOKENS.sign("/%E4%BA%BA"))
    assert not opens(TOKENS, "/人", TOKENS.sign("/日"))


@pytest.mark.parametrize("page", ["/人", "/%E4%BA%BA"])
def test_another_program_may_have_signed_the_letters_or_the_address(page: str) -> None:
    signer = Signer(SECRET, salt="nannin.page", key_derivation="hmac", digest_method=hashlib.sha256)
    for signed in ("/人", "/%E4%BA%BA"):
        assert opens(TOKENS, page, signer.get_signature(signed).decode())


@pytest.mark.parametrize("secrets", [[], [""], [SECRET, ""], SECRET])
def test_there_are_no_tokens_without_secrets(secrets: object) -> None:
    with pytest.raises(ValueError, match="list of secrets"):
        Tokens(secrets)  # type: ignore[arg-type]


# Tokens that end


@given(PAGES, st.integers(1, 10**12 - 1), st.floats(0, 1e12))
def test_a_token_opens_its_page_until_it_ends(page: str, until: int, now: float) -> None:
    verdict = TOKENS.judge(page, TOKENS.sign(page, until), now)
    assert verdict is (Verdict.VALID if now < until else Verdict.EXPIRED)


def test_it_has_ended_in_its_last_second() -> None:
    token = TOKENS.sign("/x", NOW)
    assert TOKENS.judge("/x", token, NOW - 0.001) is Verdict.VALID
    assert TOKENS.judge("/x", token, NOW) is Verdict.EXPIRED


@given(PAGES, PAGES)
def test_of_a_token_of_another_page_nobody_hears_that_it_has_ended(page: str, other: str) -> None:
    verdict = TOKENS.judge(other, TOKENS.sign(page, NOW), NOW + 1)
    assert verdict is (Verdict.EXPIRED if other == page else Verdict.WRONG)


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token.replace("18", "19", 1),
        lambda token: "1" + token,
        lambda token: "0" + token,
        lambda token: token.replace("1800000000.", ""),
        lambda token: token.replace(".", ":"),
        lambda token: token.replace("1800000000", "1_800_000_000"),
        lambda token: token.replace("1800000000", "１８００００００００"),
        lambda token: token.replace("1800000000", "-1800000000"),
        lambda token: token.replace("1800000000", "1e9"),
        lambda token: token.replace("1800000000", "9" * 100_000),
        lambda token: "." + token,
        lambda token: token + "\n",
    ],
)
def test_its_end_cant_be_moved(change: object) -> None:
    assert callable(change)
    assert TOKENS.judge("/x", change(TOKENS.sign("/x", 1_800_000_000)), 0) is Verdict.WRONG


def test_a_token_with_an_end_is_not_one_without_and_the_other_way_round() -> None:
    ending, lasting = TOKENS.sign("/x", NOW), TOKENS.sign("/x")
    assert TOKENS.judge("/x", ending.partition(".")[2], 0) is Verdict.WRONG
    assert TOKENS.judge("/x", f"{NOW}.{lasting}", 0) is Verdict.WRONG
    assert TOKENS.judge(f"/{NOW}:/x", ending.partition(".")[2], 0) is Verdict.WRONG


@pytest.mark.parametrize("until", [0, -1, 10**12])
def test_an_end_is_a_unix_time(until: int) -> None:
    with pytest.raises(ValueError, match="1 to 12 digits"):
        TOKENS.sign("/x", until)


@pytest.mark.parametrize("page", ["/人", "/%E4%BA%BA"])
def test_another_program_may_have_signed_one_that_ends(page: str) -> None:
    signer = Signer(SECRET, salt="nannin.page.until", key_derivation="hmac", digest_method=hashlib.sha256)
    for signed in ("/人", "/%E4%BA%BA"):
        token = f"{NOW}.{signer.get_signature(f'{NOW}:{signed}').decode()}"
        assert TOKENS.judge(page, token, NOW - 1) is Verdict.VALID


def test_a_secret_is_changed_without_turning_anybody_away() -> None:
    """The steps of the docs: the new secret joins behind the old one, then stands first, then alone."""
    steps = [Tokens([OLD]), Tokens([OLD, SECRET]), Tokens([SECRET, OLD]), Tokens([SECRET])]
    for before, after in pairwise(steps):
        given_before, given_after = before.sign("/x", NOW), after.sign("/x", NOW)
        # While some servers have taken a step and others have not, each takes what the other gives.
        assert before.judge("/x", given_after, 0) is Verdict.VALID
        if after is not steps[-1]:  # which is taken once the tokens of the old secret have ended
            assert after.judge("/x", given_before, 0) is Verdict.VALID
    assert steps[-1].judge("/x", steps[0].sign("/x", NOW), 0) is Verdict.WRONG
