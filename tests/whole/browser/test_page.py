"""The page of the sample, in a real browser: who is here, in which words, or why nobody knows."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Response, expect

from conftest import CHROMIUM_FLAGS
from support.sample_page import (
    ENGLISH,
    JAPANESE,
    SCRIPTED_CLIENT,
    Visit,
    complaints,
    counts,
    shows,
    shows_japanese,
    told,
)
from support.servers import Server, nannin

STRICT_POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
BACK_WITHIN_MS = 15_000


# --- who is here ---


def test_two_browsers_see_each_other_come_and_go(server: Server, visit: Visit) -> None:
    first = visit(server.url)
    shows_japanese(first, 1)
    second = visit(server.url, "en-US")
    shows(second, ENGLISH[2])
    shows_japanese(first, 2)
    second.context.close()
    shows_japanese(first, 1)


def test_a_third_who_opens_and_closes_changes_both_others_untouched(server: Server, visit: Visit) -> None:
    first, second = visit(server.url), visit(server.url, "en-US")
    shows_japanese(first, 2)
    third = visit(server.url)
    shows_japanese(first, 3)
    shows(second, ENGLISH[3])
    third.close()
    shows_japanese(first, 2)
    shows(second, ENGLISH[2])


def test_a_reload_leaves_the_number_right(server: Server, visit: Visit) -> None:
    first, second = visit(server.url), visit(server.url)
    for _ in range(3):
        second.reload()
        shows_japanese(second, 2)
        shows_japanese(first, 2)


def test_back_and_forward_leave_the_number_right(server: Server, visit: Visit) -> None:
    first, second = visit(server.url), visit(server.url)
    shows_japanese(first, 2)
    second.goto("about:blank")
    shows_japanese(first, 1)
    second.go_back()
    shows_japanese(second, 2)
    shows_japanese(first, 2)
    second.go_forward()
    shows_japanese(first, 1)


def test_a_page_kept_in_the_back_forward_cache_is_not_counted(server: Server, chromium: Browser) -> None:
    # Playwright switches that cache off, so this browser is one of its own.
    browser = chromium.browser_type.launch(
        executable_path=shutil.which("chromium"),
        args=CHROMIUM_FLAGS,
        ignore_default_args=["--disable-back-forward-cache"],
    )
    try:
        first = browser.new_context(locale="ja-JP").new_page()
        first.goto(server.url)
        second = browser.new_context(locale="ja-JP").new_page()
        second.add_init_script(
            "addEventListener('pageshow', (event) => { globalThis.kept = event.persisted; })"
        )
        second.goto(server.url)
        shows_japanese(first, 2)
        second.goto(f"{server.url}/static/favicon.svg")
        shows_japanese(first, 1)
        second.go_back(wait_until="commit")  # a page that was kept does not load again
        shows_japanese(second, 2)
        shows_japanese(first, 2)
        assert second.evaluate("globalThis.kept") is True
        second.go_forward(wait_until="commit")
        shows_japanese(first, 1)
    finally:
        browser.close()


def test_an_ordinary_visit_leaves_the_console_empty(server: Server, visit: Visit) -> None:
    page = visit("about:blank")
    said = complaints(page)
    page.goto(server.url)
    shows_japanese(page, 1)
    assert said == []


def test_two_tabs_of_a_browser_are_one_person_in_two_tabs(server: Server, visit: Visit) -> None:
    first, other = visit(server.url, "en-US"), visit(server.url)
    shows(first, ENGLISH[2])
    second = first.context.new_page()
    second.goto(server.url)
    for page in (first, second):
        shows(page, "2 people are on this page, in 3 tabs.")
    shows(other, "このページにアクセスしているのは2人です（3つのタブ）。")
    second.close()
    shows(first, ENGLISH[2])
    shows_japanese(other, 2)


def test_nobody_sees_a_reload(server: Server, visit: Visit) -> None:
    reader, other = visit(server.url), visit(server.url)
    shows_japanese(reader, 2)
    other.evaluate(
        """() => {
            globalThis.seen = [];
            const note = () => seen.push(document.getElementById("sentence").textContent);
            new MutationObserver(note).observe(document.getElementById("sentence"), {
                childList: true, characterData: true, subtree: true,
            });
        }"""
    )
    for _ in range(3):
        reader.reload()
        shows_japanese(reader, 2)
    other.wait_for_timeout(300)  # longer than an update takes
    assert set(other.evaluate("seen")) <= {"このページにアクセスしているのは2人です。"}


def test_the_page_and_the_tag_know_the_same_visitor(server: Server, visit: Visit) -> None:
    page = visit(server.url)
    shows_japanese(page, 1)
    kept = page.evaluate("localStorage.nannin")
    assert re.fullmatch(r"\d+(,\d+){3}/\d+", kept)
    page.reload()
    shows_japanese(page, 1)
    assert page.evaluate("localStorage.nannin") == kept


def test_who_wants_no_id_kept_or_sent_is_counted_without(server: Server, visit: Visit) -> None:
    page = visit("about:blank")
    page.add_init_script(
        "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true });"
    )
    page.goto(server.url)
    shows_japanese(page, 1)
    assert page.evaluate("localStorage.length") == 0


HANDLED_APP = """
from nannin import Live

live = Live()

@live.on("connect")
def hello(socket):
    socket.emit("welcome", socket.id)

@live.on("say")
def say(socket, text):
    socket.page.emit("said", text)
"""


def test_the_handlers_of_an_application_leave_it_its_number(tmp_path: Path, visit: Visit) -> None:
    (tmp_path / "handled.py").write_text(HANDLED_APP)
    with nannin("--app", f"{tmp_path / 'handled.py'}:live") as server:
        first = visit(server.url)
        shows_japanese(first, 1)
        second = visit(server.url, "en-US")
        shows(second, ENGLISH[2])
        shows_japanese(first, 2)


# --- what it is, and how to have it ---


@pytest.mark.parametrize(
    ("language", "what", "button", "copied"),
    [
        ("en-US", "Counts the people on a page, and tells them at once.", "Copy", "Copied"),
        ("ja-JP", "ページを見ている人の数を、リアルタイムで全員に知らせます。", "コピー", "コピーしました"),
    ],
)
def test_it_says_what_it_is_and_gives_its_own_tag(
    shared_server: Server, visit: Visit, language: str, what: str, button: str, copied: str
) -> None:
    page = visit(shared_server.url, language, permissions=["clipboard-read", "clipboard-write"])
    expect(page.get_by_role("heading", level=1)).to_have_text("nannin 何人")
    expect(page.locator("#what")).to_have_text(what)
    snippet = page.locator("#snippet").inner_text()
    assert f'<script async src="{shared_server.url}/nannin.js"></script>\n<span data-nannin ' in snippet
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.get_by_role("button", name=copied, exact=True)).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == snippet


def test_the_tag_of_this_machine_is_said_to_be_for_this_machine(shared_server: Server, visit: Visit) -> None:
    assert "works on this machine only" in visit(shared_server.url, "en-US").locator("#hint").inner_text()


def test_the_tag_of_a_host_is_said_to_need_the_site_of_another(shared_server: Server, visit: Visit) -> None:
    page = visit("about:blank", "en-US")
    page.route(
        "http://live.example.org/**",
        lambda route: route.fulfill(
            response=route.fetch(url=route.request.url.replace("http://live.example.org", shared_server.url))
        ),
    )
    page.goto("http://live.example.org/")
    said = page.locator("#hint").inner_text()
    page.unroute_all(behavior="ignoreErrors")  # a poll is on its way, and would fail in the next test
    assert said.startswith("If your page is on another host, start this server with --allow-origins and")


def test_the_tag_can_be_copied_where_there_is_no_clipboard(shared_server: Server, visit: Visit) -> None:
    page = visit(shared_server.url, "en-US")
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("String(getSelection())").startswith("<script async src=")


# --- its words ---


@pytest.mark.parametrize("language", ["ja", "ja-JP"])
def test_japanese_is_said_to_a_japanese_browser(server: Server, visit: Visit, language: str) -> None:
    page = visit(server.url, language)
    shows_japanese(page, 1)
    expect(page.locator("html")).to_have_attribute("lang", "ja")
    expect(page).to_have_title("1人 – nannin")


@pytest.mark.parametrize("language", ["en-GB", "fr-FR", "jam-JM"])
def test_english_is_said_to_every_other_browser(server: Server, visit: Visit, language: str) -> None:
    page = visit(server.url, language)
    shows(page, ENGLISH[1])
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page).to_have_title("1 person – nannin")


@pytest.mark.parametrize(
    ("languages", "spoken"),
    [(["fr", "ja", "en"], "ja"), (["en-GB", "ja"], "en"), (["JA-jp"], "ja"), (["fr"], "en"), ([], "en")],
)
def test_the_first_language_that_it_speaks_is_taken(
    scripted: Visit, languages: list[str], spoken: str
) -> None:
    page = scripted()
    page.add_init_script(f"Object.defineProperty(navigator, 'languages', {{ value: {languages} }})")
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", spoken)


def test_one_person_is_and_two_people_are(scripted: Visit) -> None:
    page = scripted("en-US")
    for count, sentence in ENGLISH.items():
        counts(page, count)
        shows(page, sentence)
    counts(page, 1)
    shows(page, ENGLISH[1])


def test_a_great_number_is_grouped(scripted: Visit) -> None:
    page = scripted("en-US")
    counts(page, 1_234_567)
    shows(page, "1,234,567 people are on this page.")


@pytest.mark.parametrize(
    ("language", "sentence", "title"),
    [
        ("en-US", "4 people are on this page, in 5 tabs (may be out of date).", "≈ 4 people – nannin"),
        (
            "ja-JP",
            "このページにアクセスしているのは4人です（5つのタブ）（最新ではない場合があります）。",
            "≈ 4人 – nannin",
        ),
    ],
)
def test_a_number_that_may_be_old_is_said_to_be_until_it_is_sure(
    scripted: Visit, language: str, sentence: str, title: str
) -> None:
    page = scripted(language)
    counts(page, 4, 5, stale=True)
    shows(page, sentence)
    expect(page).to_have_title(title)
    counts(page, 4)
    shows(page, "4 people are on this page." if language == "en-US" else JAPANESE.format(4))
    expect(page).to_have_title(title.removeprefix("≈ "))
    counts(page, 4, stale=True)
    told(page, "disconnect", "transport close")
    expect(page.locator("#old")).to_be_empty()


# --- when there is no number ---


def test_before_the_first_number_it_says_that_it_connects(scripted: Visit) -> None:
    page = scripted("en-US")
    expect(page.locator("#state")).to_have_text("Connecting…")
    expect(page.locator("#state")).to_be_visible()
    assert not re.search(r"\d", page.locator("main").inner_text())


def test_a_lost_link_takes_the_number_away_until_the_server_is_back(server: Server, visit: Visit) -> None:
    japanese, english = visit(server.url), visit(server.url, "en-US")
    shows_japanese(japanese, 2)
    server.stop()
    for page, words in ((japanese, "再接続しています…"), (english, "Reconnecting…")):
        expect(page.locator("#state")).to_have_text(words)
        expect(page.locator("#state")).to_be_visible()
        assert not re.search(r"\d", page.locator("main").inner_text())
        expect(page).to_have_title("nannin")
    server.start()
    shows_japanese(japanese, 2, BACK_WITHIN_MS)
    shows(english, ENGLISH[2], BACK_WITHIN_MS)
    expect(japanese.locator("#state")).to_be_hidden()


@pytest.mark.parametrize(
    ("event", "arguments", "state"),
    [
        ("disconnect", ["transport close"], "reconnecting"),
        ("disconnect", ["io client disconnect"], "reconnecting"),
        ("disconnect", ["io server disconnect"], "unavailable"),
    ],
)
def test_only_a_server_that_sends_us_away_is_not_asked_again(
    scripted: Visit, event: str, arguments: list[str], state: str
) -> None:
    page = scripted()
    counts(page, 4)
    told(page, event, *arguments)
    expect(page.locator("body")).to_have_attribute("data-state", state)
    assert "4" not in page.locator("main").inner_text()


def test_a_refusal_is_said(scripted: Visit) -> None:
    page = scripted("en-US", SCRIPTED_CLIENT.replace("active: true", "active: false"))
    told(page, "connect_error", {"message": "no"})
    expect(page.locator("#state")).to_contain_text("Reload the page")


def test_a_client_that_does_not_load_is_said(scripted: Visit) -> None:
    page = scripted("en-US", None)
    expect(page.locator("#state")).to_contain_text("Reload the page")


# --- where it runs ---


STRICT_APP = f"""
from nannin import Live

live = Live()

async def app(scope, receive, send):
    async def send_with_policy(message):
        if message["type"] == "http.response.start":
            headers = [pair for pair in message["headers"] if pair[0].lower() != b"content-security-policy"]
            message = {{**message, "headers": [*headers, (b"content-security-policy", b"{STRICT_POLICY}")]}}
        await send(message)
    await live(scope, receive, send_with_policy)
"""

MOUNTED_APP = """
from starlette.applications import Starlette
from starlette.routing import Mount

from nannin import Live

app = Starlette(routes=[Mount("/live", Live())])
"""


def test_the_page_runs_under_a_strict_content_security_policy(tmp_path: Path, visit: Visit) -> None:
    (tmp_path / "strict.py").write_text(STRICT_APP)
    with nannin("--app", f"{tmp_path / 'strict.py'}:app") as server:
        page = visit("about:blank")
        said = complaints(page)
        answer = page.goto(server.url)
        assert isinstance(answer, Response)
        assert answer.headers["content-security-policy"] == STRICT_POLICY
        shows_japanese(page, 1)
        assert said == []


def test_the_page_runs_under_a_mount_path(tmp_path: Path, visit: Visit) -> None:
    (tmp_path / "mounted.py").write_text(MOUNTED_APP)
    with nannin("--app", f"{tmp_path / 'mounted.py'}:app") as server:
        first = visit(f"{server.url}/live/")
        shows_japanese(first, 1)
        assert f'src="{server.url}/live/nannin.js"' in first.locator("#snippet").inner_text()
        second = visit(f"{server.url}/live")
        shows_japanese(second, 2)
        shows_japanese(first, 2)
