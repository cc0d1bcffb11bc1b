"""The cookie of the dashboard's login."""

from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from nannin.access.guesses import Guesses
from nannin.access.refusals import Refusals
from nannin.settings import Settings
from nannin.web.bearer import Tries
from nannin.web.login import COOKIE, LIFE_S, Login
from support.asgi import scope

TOKEN = "a-token-for-those-who-read"


class Day:
    """A time of day that a test moves."""

    def __init__(self) -> None:
        self.unix_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.unix_s


def login(token: str = TOKEN, day: Day | None = None, tries: Tries | None = None) -> Login:
    return Login(token, tries or Tries(), day or Day())


def with_cookie(set_cookie: str, **headers: str) -> dict[str, Any]:
    """A request of a browser that was told to set this cookie."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return scope("http", "", {"cookie": set_cookie.partition(";")[0], **names})


def given(of: Login) -> str:
    return of.give(scope("http", "", {}))


def test_any_process_with_the_same_token_knows_the_cookie() -> None:
    assert login().admits(with_cookie(given(login())))


def test_a_new_token_ends_all_cookies_of_the_old_one() -> None:
    assert not login("another-token-for-readers").admits(with_cookie(given(login())))


def test_it_ends_by_itself_after_a_week() -> None:
    day = Day()
    request = with_cookie(given(login(day=day)))
    day.unix_s += LIFE_S - 1
    assert login(day=day).admits(request)
    day.unix_s += 1
    assert not login(day=day).admits(request)


def test_a_later_end_needs_another_signature() -> None:
    value = re.sub(r"=(\d)", "=9", given(login()))
    assert not login().admits(with_cookie(value))


@pytest.mark.parametrize(
    "value", ["", "x", f"{COOKIE}", f"{COOKIE}=", f"{COOKIE}=1.x", f"{COOKIE}={'9' * 5000}", "\xff=\xff; ;=;"]
)
def test_what_is_not_a_cookie_of_ours_is_not_even_a_guess(value: str) -> None:
    refusals = Refusals()
    tries = Tries(Guesses(Settings(max_guesses=1), refusals), lambda: 100.0)
    for _ in range(5):
        assert not login(tries=tries).admits(scope("http", "", {"cookie": value}))


def test_it_is_found_among_others_and_beside_an_old_one_of_another_path() -> None:
    value = given(login()).partition(";")[0]
    old = given(login("another-token-for-readers")).partition(";")[0]
    assert login().admits(scope("http", "", {"cookie": f"a=b; {old};  {value}; c=d"}))


@pytest.mark.parametrize("number", [4, 100])
def test_no_number_of_forged_cookies_before_it_hides_it(number: int) -> None:
    # A page of a neighbouring name may set as many as a browser sends, and those of longer paths come first.
    guesses = Guesses(Settings(max_guesses=1), Refusals())
    value = given(login()).partition(";")[0]
    forged = "; ".join(given(login(f"another-token-for-readers{n}")).partition(";")[0] for n in range(number))
    of = login(tries=Tries(guesses, lambda: 100.0))
    for _ in range(5):
        assert of.admits(scope("http", "", {"cookie": f"{forged}; {value}"}))


def test_cookies_are_looked_at_within_a_bound_of_bytes() -> None:
    value = given(login()).partition(";")[0]
    assert login().admits(scope("http", "", {"cookie": f"a={'b' * 16_000}; {value}"}))
    assert not login().admits(scope("http", "", {"cookie": f"a={'b' * 16_384}; {value}"}))


def test_all_forged_cookies_of_a_request_are_one_guess() -> None:
    tries = Tries(Guesses(Settings(max_guesses=6), Refusals()), lambda: 100.0)
    forged = given(login("another-token-for-readers")).partition(";")[0]
    request = scope("http", "", {"cookie": "; ".join([forged] * 50)})
    assert not login(tries=tries).admits(request)
    assert login(tries=tries).is_token(request, TOKEN)
    assert not login(tries=tries).admits(request)
    with pytest.raises(HTTPException):
        login(tries=tries).is_token(request, TOKEN)


def test_a_forged_cookie_is_a_guess_at_the_token_and_an_old_one_is_none() -> None:
    refusals, day = Refusals(), Day()
    tries = Tries(Guesses(Settings(max_guesses=3), refusals), lambda: 100.0)
    right = with_cookie(given(login(day=day)))
    day.unix_s += LIFE_S
    for _ in range(5):
        assert not login(day=day, tries=tries).admits(right)
    forged = with_cookie(given(login("another-token-for-readers", day)))
    assert not login(day=day, tries=tries).admits(forged)
    with pytest.raises(HTTPException) as refused:
        login(day=day, tries=tries).admits(right)
    assert refused.value.status_code == 429


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_origin_reads_nothing_by_it(site: str) -> None:
    value = given(login())
    assert not login().admits(with_cookie(value, sec_fetch_site=site, sec_fetch_mode="cors"))
    assert not login().admits(with_cookie(value, sec_fetch_site=site, sec_fetch_mode="no-cors"))
    assert login().admits(with_cookie(value, sec_fetch_site=site, sec_fetch_mode="navigate"))


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_our_own_pages_and_the_address_bar_do(site: str) -> None:
    assert login().admits(with_cookie(given(login()), sec_fetch_site=site, sec_fetch_mode="cors"))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_script_and_no_other_site_gets_it_and_it_stays_on_https_if_it_came_by_it(scheme: str) -> None:
    request = {**scope("http", "", {}), "scheme": scheme}
    for header in (login().give(request), login().take_back(request)):
        attributes = header.split("; ")[1:]
        assert {"HttpOnly", "SameSite=Strict"} <= set(attributes)
        assert ("Secure" in attributes) is (scheme == "https")
        # Without a path, the browser takes the folder of /dashboard as it sees it: the mount point.
        assert "path" not in header.lower()
        assert TOKEN not in header


def test_signing_out_ends_it_in_the_browser() -> None:
    assert login().take_back(scope("http", "", {})).startswith(f"{COOKIE}=; Max-Age=0;")


@pytest.mark.parametrize("came", ["", "x", TOKEN + "x", TOKEN.upper(), "\ud800", "トークン"])
def test_only_the_token_is_the_token(came: str) -> None:
    assert login().is_token(scope("http", "", {}), TOKEN)
    assert not login().is_token(scope("http", "", {}), came)
