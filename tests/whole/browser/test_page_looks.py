"""How the page of the sample looks and sounds: on a phone, in the dark, to a screen reader."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from support.pictures import parts_of, with_parts
from support.sample_page import ENGLISH, Visit, counts, shows, shows_japanese
from support.servers import Server
from whole.browser.pages.album import WALL, framed, hold

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
    counts(page, count)
    expect(page.locator("#number")).to_have_text(f"{count:,}")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    box = page.locator("#number").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= 640
    assert box["height"] > 48


LINES_OF = """([id, phrase]) => {
    const text = document.getElementById(id).firstChild;
    const range = document.createRange();
    const start = text.data.indexOf(phrase);
    range.setStart(text, start);
    range.setEnd(text, start + phrase.length);
    return new Set([...range.getClientRects()].map(({ top }) => top)).size;
}"""


PHRASES = {
    "what": "リアルタイムで",
    "lead": "アクセスしているのは",
    "before": "コンピューターの",
    "after": "サーバーで",
}


@pytest.mark.parametrize("width", [320, 360, 375])
def test_japanese_breaks_between_phrases(server: Server, visit: Visit, width: int) -> None:
    page = visit(server.url, viewport={"width": width, "height": 640})
    shows_japanese(page, 1)
    assert {id: page.evaluate(LINES_OF, [id, phrase]) for id, phrase in PHRASES.items()} == dict.fromkeys(
        PHRASES, 1
    )


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
    counts(page, 6)
    counts(page, 7)
    strokes = "[...new Set(document.getAnimations().map((animation) => animation.effect.target))].length"
    assert page.evaluate(strokes) == moving


@pytest.mark.parametrize(
    ("count", "figures", "strokes"), [(1, 1, 1), (5, 1, 5), (7, 2, 7), (100, 20, 100), (101, 0, 0)]
)
def test_a_tally_has_a_stroke_for_each_person(
    scripted: Visit, count: int, figures: int, strokes: int
) -> None:
    page = scripted()
    counts(page, 12)
    counts(page, count)
    expect(page.locator("#tally svg")).to_have_count(figures)
    expect(page.locator("#tally path")).to_have_count(strokes)


WIDTHS = """element => ["iiii", "MMMM"].map((text) => {
    const probe = document.createElement("span");
    probe.textContent = text;
    element.append(probe);
    const { width } = probe.getBoundingClientRect();
    probe.remove();
    return width;
})"""


@pytest.mark.parametrize("language", ["ja-JP", "en-US"])
def test_code_is_set_in_letters_of_one_width(server: Server, visit: Visit, language: str) -> None:
    page = visit(server.url, language)
    for code in page.locator("code").all():
        narrow, wide = code.evaluate(WIDTHS)
        assert narrow == wide > 0


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
    counts(page, 1)
    page.clock.run_for(100)
    assert heard(page) == [ENGLISH[1]]
    for count in (2, 3, 2):
        counts(page, count)
        page.clock.run_for(3_000)
    assert heard(page) == [ENGLISH[1]]
    page.clock.run_for(1_000)
    assert heard(page) == [ENGLISH[1], ENGLISH[2]]


def test_a_screen_reader_is_not_told_the_same_twice(scripted: Visit) -> None:
    page = scripted("en-US")
    page.clock.pause_at(page.evaluate("Date.now() + 1000"))
    page.evaluate(LISTEN)
    counts(page, 1)
    page.clock.run_for(100)
    counts(page, 2)
    counts(page, 1)
    page.clock.run_for(30_000)
    assert heard(page) == [ENGLISH[1]]


def test_what_was_spoken_does_not_stay_behind_as_an_old_number(scripted: Visit) -> None:
    page = scripted("en-US")
    counts(page, 1)
    expect(page.get_by_role("status")).to_have_text(ENGLISH[1])
    page.clock.run_for(3_000)
    expect(page.get_by_role("status")).to_be_empty()


def test_the_number_that_is_seen_is_not_the_live_region(scripted: Visit) -> None:
    page = scripted()
    counts(page, 2)
    assert (
        page.locator("#number").evaluate("element => element.closest('[aria-live], [role=status]')") is None
    )
    assert page.locator("#sentence").get_attribute("aria-hidden") is None


# --- its portrait ---


def test_the_portrait_for_the_readme(server: Server, visit: Visit) -> None:
    window, phone = {"width": 560, "height": 706}, {"width": 360, "height": 770}
    for _ in range(4):
        visit(server.url)
    japanese = visit(server.url, viewport=window, device_scale_factor=2, reduced_motion="reduce")
    english = visit(server.url, "en-US", viewport=window, device_scale_factor=2, reduced_motion="reduce")
    dark = visit(
        server.url, viewport=phone, device_scale_factor=2, color_scheme="dark", reduced_motion="reduce"
    )
    shows_japanese(japanese, 7)
    shows(english, "7 people are on this page.")
    shows_japanese(dark, 7)
    figures = (
        framed(japanese.screenshot(), "Chromium, 日本語", left=32, top=32, width=500)
        + framed(english.screenshot(), "Chromium, English", left=552, top=32, width=500)
        + framed(dark.screenshot(), "", left=1072, top=32, width=250)
    )
    wall = visit("about:blank", viewport={"width": 1354, "height": 726})
    wall.set_content(WALL + figures)
    views = {"japanese": japanese, "english": english, "dark": dark}
    parts = {name: parts_of(page) for name, page in views.items()}
    hold("page.png", with_parts(wall.screenshot(), parts))
