"""The page of the sample, in a real browser: the number, its words, and what is shown without a number."""

from __future__ import annotations

import base64
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from conftest import CHROMIUM_FLAGS
from servers import ROOT, Server, nannin

Visit = Callable[..., Page]

JAPANESE = "このページにアクセスしているのは{}人です。"
ENGLISH = {1: "1 person is on this page.", 2: "2 people are on this page.", 3: "3 people are on this page."}
STRICT_POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
BACK_WITHIN_MS = 15_000

# Stands in for the Socket.IO client where a test itself says what is told, and when.
SCRIPTED_CLIENT = """
const handlers = {};
globalThis.told = (event, ...args) => handlers[event](...args);
globalThis.io = (options) => ({ options, active: true, on(event, handler) { handlers[event] = handler; } });
"""


@pytest.fixture
def server() -> Iterator[Server]:
    with nannin() as server:
        yield server


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Visit]:
    """Opens a URL in a browser context of its own: nothing is shared with the visitors before it."""
    contexts = []

    def open_page(url: str, language: str = "ja-JP", **options: object) -> Page:
        context = chromium.new_context(locale=language, **options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def scripted(chromium: Browser, server: Server) -> Iterator[Visit]:
    """Opens the page with SCRIPTED_CLIENT as its client: `told(page, event, number)` then tells it."""
    contexts = []

    def open_page(language: str = "ja-JP", client: str | None = SCRIPTED_CLIENT, **options: object) -> Page:
        context = chromium.new_context(locale=language, **options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.route(
            "**/socket.io/socket.io.js",
            lambda route: (
                route.fulfill(body=client, content_type="text/javascript") if client else route.abort()
            ),
        )
        page.clock.install()
        page.goto(server.url)
        return page

    yield open_page
    for context in contexts:
        context.close()


def told(page: Page, event: str, *arguments: object) -> None:
    page.evaluate("([event, args]) => told(event, ...args)", [event, list(arguments)])


def shows(page: Page, sentence: str, timeout_ms: float = 5_000) -> None:
    expect(page.locator("#sentence")).to_have_text(sentence, timeout=timeout_ms)
    expect(page.locator("body")).to_have_attribute("data-state", "live")


def shows_japanese(page: Page, count: int, timeout_ms: float = 5_000) -> None:
    shows(page, JAPANESE.format(count), timeout_ms)


def complaints(page: Page) -> list[str]:
    """What the browser's console says against the page from now on."""
    said: list[str] = []
    page.on(
        "console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def width_of_content(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth"))


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
        second.go_back()
        shows_japanese(second, 2)
        shows_japanese(first, 2)
        assert second.evaluate("globalThis.kept") is True
        second.go_forward()
        shows_japanese(first, 1)
    finally:
        browser.close()


def test_an_ordinary_visit_leaves_the_console_empty(server: Server, visit: Visit) -> None:
    page = visit("about:blank")
    said = complaints(page)
    page.goto(server.url)
    shows_japanese(page, 1)
    assert said == []


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


def test_one_person_is_and_two_people_are(scripted: Visit) -> None:
    page = scripted("en-US")
    for count, sentence in ENGLISH.items():
        told(page, "user connected", count)
        shows(page, sentence)
    told(page, "user disconnected", 1)
    shows(page, ENGLISH[1])


def test_a_great_number_is_grouped(scripted: Visit) -> None:
    page = scripted("en-US")
    told(page, "user connected", 1_234_567)
    shows(page, "1,234,567 people are on this page.")


# --- how it looks ---


def test_the_number_is_set_apart_from_its_words(server: Server, visit: Visit) -> None:
    page = visit(server.url)
    shows_japanese(page, 1)
    size = "element => parseFloat(getComputedStyle(element).fontSize)"
    assert page.locator("#number").evaluate(size) > 5 * page.locator("#tail").evaluate(size)


@pytest.mark.parametrize("language", ["ja-JP", "en-US"])
@pytest.mark.parametrize("count", [1, 99, 1_234, 1_234_567])
def test_the_sentence_fits_a_phone(scripted: Visit, language: str, count: int) -> None:
    page = scripted(language, viewport={"width": 360, "height": 640})
    told(page, "user connected", count)
    expect(page.locator("#number")).to_have_text(f"{count:,}")
    assert width_of_content(page) == 360
    box = page.locator("#number").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= 640
    assert box["height"] > 48


def luminance(page: Page, selector: str, of: str) -> float:
    """How light a colour of an element is: the mean of its channels, 0 to 255."""
    colour = page.locator(selector).evaluate(f"element => getComputedStyle(element).{of}")
    red, green, blue = (int(channel) for channel in re.findall(r"\d+", colour)[:3])
    return (red + green + blue) / 3


@pytest.mark.parametrize(("scheme", "paper_is_light"), [("light", True), ("dark", False)])
def test_the_colours_follow_the_readers_scheme(
    server: Server, visit: Visit, scheme: str, paper_is_light: bool
) -> None:
    page = visit(server.url, color_scheme=scheme)
    shows_japanese(page, 1)
    paper, ink = luminance(page, "body", "backgroundColor"), luminance(page, "#number", "color")
    assert (paper > ink) is paper_is_light
    assert abs(paper - ink) > 150


@pytest.mark.parametrize(("motion", "moving"), [("no-preference", 1), ("reduce", 0)])
def test_nothing_moves_for_who_wants_no_motion(scripted: Visit, motion: str, moving: int) -> None:
    page = scripted(reduced_motion=motion)
    told(page, "user connected", 6)
    told(page, "user connected", 7)
    strokes = "[...new Set(document.getAnimations().map((animation) => animation.effect.target))].length"
    assert page.evaluate(strokes) == moving


@pytest.mark.parametrize(
    ("count", "figures", "strokes"), [(1, 1, 1), (5, 1, 5), (7, 2, 7), (100, 20, 100), (101, 0, 0)]
)
def test_a_tally_has_a_stroke_for_each_person(
    scripted: Visit, count: int, figures: int, strokes: int
) -> None:
    page = scripted()
    told(page, "user connected", 12)
    told(page, "user connected", count)
    expect(page.locator("#tally svg")).to_have_count(figures)
    expect(page.locator("#tally path")).to_have_count(strokes)


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
    told(page, "user connected", 4)
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


# --- who listens ---


LISTEN = """
globalThis.heard = [];
const region = document.getElementById("spoken");
new MutationObserver(() => { if (region.textContent) heard.push(region.textContent); })
  .observe(region, { childList: true });
"""


def heard(page: Page) -> list[str]:
    """What a screen reader was given to say since LISTEN was evaluated."""
    return list(page.evaluate("heard"))


def test_a_screen_reader_is_told_politely_and_at_most_every_ten_seconds(scripted: Visit) -> None:
    page = scripted("en-US")
    expect(page.get_by_role("status")).to_have_attribute("aria-live", "polite")
    page.clock.pause_at(page.evaluate("Date.now() + 1000"))
    page.evaluate(LISTEN)
    told(page, "user connected", 1)
    page.clock.run_for(100)
    assert heard(page) == [ENGLISH[1]]
    for count in (2, 3, 2):
        told(page, "user connected", count)
        page.clock.run_for(3_000)
    assert heard(page) == [ENGLISH[1]]
    page.clock.run_for(1_000)
    assert heard(page) == [ENGLISH[1], ENGLISH[2]]


def test_a_screen_reader_is_not_told_the_same_twice(scripted: Visit) -> None:
    page = scripted("en-US")
    page.clock.pause_at(page.evaluate("Date.now() + 1000"))
    page.evaluate(LISTEN)
    told(page, "user connected", 1)
    page.clock.run_for(100)
    told(page, "user connected", 2)
    told(page, "user disconnected", 1)
    page.clock.run_for(30_000)
    assert heard(page) == [ENGLISH[1]]


def test_what_was_spoken_does_not_stay_behind_as_an_old_number(scripted: Visit) -> None:
    page = scripted("en-US")
    told(page, "user connected", 1)
    expect(page.get_by_role("status")).to_have_text(ENGLISH[1])
    page.clock.run_for(3_000)
    expect(page.get_by_role("status")).to_be_empty()


def test_the_number_that_is_seen_is_not_the_live_region(scripted: Visit) -> None:
    page = scripted()
    told(page, "user connected", 2)
    assert (
        page.locator("#number").evaluate("element => element.closest('[aria-live], [role=status]')") is None
    )
    assert page.locator("#sentence").get_attribute("aria-hidden") is None


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
        second = visit(f"{server.url}/live")
        shows_japanese(second, 2)
        shows_japanese(first, 2)


# --- its portrait ---


WALL = """<style>
body { margin: 0; background: #dfe5ea; font: 13px system-ui, sans-serif; color: #5d6779 }
figure { position: absolute; margin: 0; border-radius: 10px; overflow: hidden; background: #eef1f4;
  box-shadow: 0 6px 24px #17233b33 }
figcaption { padding: 8px 14px }
figcaption:empty { display: none }
img { display: block }
</style>"""


def framed(shot: bytes, title: str, *, left: int, top: int, width: int) -> str:
    image = base64.b64encode(shot).decode()
    return (
        f'<figure style="left:{left}px;top:{top}px;width:{width}px"><figcaption>{title}</figcaption>'
        f'<img src="data:image/png;base64,{image}" width="{width}" alt=""></figure>'
    )


def test_the_portrait_for_the_readme(server: Server, chromium: Browser, visit: Visit) -> None:
    window, phone = {"width": 560, "height": 460}, {"width": 360, "height": 640}
    japanese = visit(server.url, viewport=window, device_scale_factor=2, reduced_motion="reduce")
    english = visit(server.url, "en-US", viewport=window, device_scale_factor=2, reduced_motion="reduce")
    dark = visit(
        server.url, viewport=phone, device_scale_factor=2, color_scheme="dark", reduced_motion="reduce"
    )
    shows_japanese(japanese, 3)
    shows(english, ENGLISH[3])
    shows_japanese(dark, 3)
    figures = (
        framed(japanese.screenshot(), "Chromium, 日本語", left=32, top=32, width=500)
        + framed(english.screenshot(), "Chromium, English", left=552, top=32, width=500)
        + framed(dark.screenshot(), "", left=1072, top=32, width=250)
    )
    wall = visit("about:blank", viewport={"width": 1354, "height": 509})
    wall.set_content(WALL + figures)
    portrait = wall.screenshot()
    artifacts = ROOT / "tests" / "artifacts"
    artifacts.mkdir(exist_ok=True)
    (artifacts / "page.png").write_bytes(portrait)
    committed = ROOT / "docs" / "page.png"
    if not committed.exists() or os.environ.get("NANNIN_SCREENSHOTS") == "1":
        committed.write_bytes(portrait)
    assert portrait.startswith(b"\x89PNG")
    assert len(portrait) < 250_000
