"""The dashboard's address: who sees it, who is asked for a token, and how one goes in and out."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from nannin import Live
from nannin.access.refusals import Refusal
from nannin.web.files import STATIC
from support.one_request import ask

TOKEN = "a-token-for-those-who-read"
FAR, NEAR = ("203.0.113.9", 50_000), ("127.0.0.1", 50_000)
FORM = {"content-type": "application/x-www-form-urlencoded"}


class Browser:
    """One browser, with its cookies, before a Live."""

    def __init__(
        self, live: Any, address: tuple[str, int] = FAR, base: str = "https://live.example.org"
    ) -> None:
        self._live = live
        self._address = address
        self._base = base
        self.cookies = httpx.Cookies()

    def ask(self, method: str, path: str, body: str | bytes = b"", **headers: str) -> httpx.Response:
        async def main() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._live, client=self._address)
            async with httpx.AsyncClient(
                transport=transport, base_url=self._base, cookies=self.cookies
            ) as client:
                names = {name.replace("_", "-"): value for name, value in headers.items()}
                answer = await client.request(method, path, content=body, headers=names)
                self.cookies = client.cookies
                return answer

        return asyncio.run(main())

    def get(self, path: str = "/dashboard", **headers: str) -> httpx.Response:
        return self.ask("GET", path, **headers)

    def post(self, fields: dict[str, str], path: str = "/dashboard", **headers: str) -> httpx.Response:
        return self.ask("POST", path, urlencode(fields), **{**FORM, **headers})


def state(response: httpx.Response) -> str:
    """What the page at `/dashboard` is: the dashboard, entered in some way, or a state of the login."""
    found = re.search(r'<body[^>]* data-(?:entered|state)="(\w+)">', response.text)
    assert found, response.text
    return found[1]


def test_on_this_machine_it_is_open() -> None:
    response = Browser(Live(), NEAR, "http://localhost:8124").get()
    assert (response.status_code, state(response)) == (200, "local")
    assert response.headers["cache-control"] == "no-store"


def test_from_elsewhere_it_is_closed_and_says_what_opens_it() -> None:
    response = Browser(Live()).get()
    assert (response.status_code, state(response)) == (403, "closed")
    assert "read_token" in response.text


@pytest.mark.parametrize("header", ["x_forwarded_for", "forwarded", "via"])
def test_what_a_proxy_on_this_machine_passes_on_comes_from_elsewhere(header: str) -> None:
    response = Browser(Live(), NEAR, "http://localhost:8124").get(**{header: "127.0.0.1"})
    assert (response.status_code, state(response)) == (403, "closed")


def test_the_token_opens_it_and_signing_out_closes_it() -> None:
    browser = Browser(Live(read_token=TOKEN))
    asked = browser.get()
    assert (asked.status_code, state(asked), asked.headers["www-authenticate"]) == (401, "asked", "Bearer")
    wrong = browser.post({"token": "a-token-that-is-wrong"})
    assert (wrong.status_code, state(wrong)) == (401, "wrong")
    assert "set-cookie" not in wrong.headers
    right = browser.post({"token": f" {TOKEN} ", "name": "nannin"})
    assert (right.status_code, right.headers["location"]) == (303, "dashboard")
    assert TOKEN not in right.headers["set-cookie"]
    assert state(browser.get()) == "cookie"
    out = browser.post({"sign-out": "1"})
    assert (out.status_code, out.headers["location"]) == (303, "dashboard")
    assert state(browser.get()) == "asked"


@pytest.mark.parametrize("path", ["/api/pages", "/api/explain"])
def test_the_cookie_opens_the_lists_that_the_dashboard_reads(path: str) -> None:
    browser = Browser(Live(read_token=TOKEN))
    assert browser.get(path).status_code == 401
    browser.post({"token": TOKEN})
    assert browser.get(path).status_code == 200
    assert browser.get(path, sec_fetch_site="same-site", sec_fetch_mode="cors").status_code == 401
    assert browser.get(path, authorization="Bearer wrong").status_code == 401


def test_the_cookie_of_one_process_opens_the_others() -> None:
    browser = Browser(Live(read_token=TOKEN))
    browser.post({"token": TOKEN})
    other = Browser(Live(read_token=TOKEN))
    other.cookies = browser.cookies
    assert state(other.get()) == "cookie"


def test_a_program_may_send_the_token_as_ever() -> None:
    assert state(Browser(Live(read_token=TOKEN)).get(authorization=f"Bearer {TOKEN}")) == "token"


def test_guessing_is_slowed_down() -> None:
    live = Live(read_token=TOKEN, max_guesses=3)
    browser = Browser(live)
    assert state(browser.post({"token": "wrong"})) == "wrong"
    late = browser.post({"token": TOKEN})
    assert (late.status_code, state(late)) == (429, "wait")
    assert int(late.headers["retry-after"]) >= 1
    assert live.assembly.refusals.tally["list"] == 1  # type: ignore[index]  # words are compared as words


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec_fetch_site": "cross-site"}]
)
def test_another_site_signs_nobody_in_or_out(headers: dict[str, str]) -> None:
    browser = Browser(Live(read_token=TOKEN))
    response = browser.post({"token": TOKEN}, **headers)
    assert response.status_code == 403
    assert "set-cookie" not in response.headers


def test_only_a_form_is_taken() -> None:
    browser = Browser(Live(read_token=TOKEN))
    assert browser.ask("POST", "/dashboard", "token=x", content_type="text/plain").status_code == 415
    assert browser.post({"token": "x" * 10_000}).status_code == 413
    assert state(browser.ask("POST", "/dashboard", "&" * 5_000, **FORM)) == "wrong"
    assert state(browser.ask("POST", "/dashboard", b"token=%ff\xff", **FORM)) == "wrong"
    assert state(Browser(Live()).post({"token": TOKEN})) == "closed"
    refused = browser.ask("DELETE", "/dashboard")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, POST")
    assert browser.ask("HEAD", "/dashboard").content == b""


@pytest.mark.parametrize("entered", [NEAR, FAR])
def test_nothing_inline_runs_and_no_frame_shows_it(entered: tuple[str, int]) -> None:
    response = Browser(Live(read_token=TOKEN), entered, "http://localhost").get()
    policy = response.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on\w+=", response.text)


@pytest.mark.parametrize("entered", [NEAR, FAR])
@pytest.mark.parametrize("root_path", ["", "/mounted"])
def test_all_that_it_loads_is_there_wherever_it_is_mounted(entered: tuple[str, int], root_path: str) -> None:
    live = Live(read_token=TOKEN)
    page = ask(live, f"{root_path}/dashboard", root_path=root_path).text
    loaded = re.findall(r'(?:src|href)="([^"#]+)"', page)
    assert loaded
    for address in loaded:
        path = httpx.URL(f"http://127.0.0.1{root_path}/dashboard").join(address).path
        assert ask(live, path, root_path=root_path).status_code == 200, address


def test_its_modules_import_only_what_is_served() -> None:
    live = Live()
    for script in (STATIC / "dashboard").glob("*.js"):
        for name in re.findall(r'from "\./(.+?)"', script.read_text()):
            assert ask(live, f"/static/dashboard/{name}").status_code == 200, name


def test_with_a_slash_at_its_end_it_leads_to_the_page() -> None:
    response = Browser(Live(), NEAR, "http://localhost").get("/dashboard/")
    assert (response.status_code, response.headers["location"]) == (307, "../dashboard")


def test_every_word_of_the_pages_is_known_in_both_languages() -> None:
    words = (STATIC / "dashboard" / "words.js").read_text()
    english, japanese = words.partition("\n  ja: {")[0], words.partition("\n  ja: {")[2]
    names = set(re.findall(r"^    (\w+):", english, re.M))
    assert names == set(re.findall(r"^    (\w+):", japanese.partition("\n};")[0], re.M))
    for page in ("dashboard.html", "login.html"):
        used = set(re.findall(r'data-(?:words|label|hint)="(\w+)"', (STATIC / page).read_text()))
        assert used <= names
    for script in (STATIC / "dashboard").glob("*.js"):
        assert set(re.findall(r"\bwords\.(?!js)(\w+)", script.read_text())) <= names, script.name


def test_every_reason_for_a_refusal_is_said_in_both_languages() -> None:
    words = (STATIC / "dashboard" / "words.js").read_text()
    tables = re.findall(r"reasons: \{(.*?)\n    \}", words, re.S)
    # An event was refused, and not a client: it is not shown.
    reasons = {str(reason) for reason in Refusal if reason is not Refusal.EVENT}
    assert [set(re.findall(r"^\s+(\w+):", table, re.M)) for table in tables] == [reasons, reasons]
