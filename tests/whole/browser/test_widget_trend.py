"""The widget, in a real browser: the last hour as a line, which goes on as the number changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from support.servers import Server
from whole.browser.pages.widget_site import Publish, ScriptedServer, comes_true, embedding, key_of

COUNT = {"visitors": 3, "connections": 5, "visible": 2}
LINE = '<b data-nannin data-nannin-show="trend">some</b>'
MINUTE_MS = 60_000


class Reader:
    """A page with a line, as one that a scripted server tells its counts and its last hour."""

    def __init__(self, page: Page, server: Server, publish: Publish) -> None:
        self.page = page
        self._embedding, self._publish = server, publish
        self.server = ScriptedServer(page, COUNT, patience_ms=10_000_000)
        self.asked: list[str] = []
        self.known: dict[str, Any] = {
            "visitors": [None] * 57 + [2, 6, 4],
            "connections": [None] * 58 + [8, 8],
        }
        self.key = ""

    def opens(self, body: str = LINE, language: str = "en") -> None:
        url = self._publish("/", embedding(self._embedding, body, language))
        self.key = key_of(url)
        self.page.route("**/api/trend?*", self._answer)
        self.page.clock.install()
        self.page.goto(url)

    def _answer(self, route: Any) -> None:
        self.asked.append(route.request.url)
        headers = {"access-control-allow-origin": "*"}
        route.fulfill(body=json.dumps(self.known), content_type="application/json", headers=headers)

    def hears(self, visitors: int, **more: Any) -> None:
        self.server.tell(self.key, {**COUNT, "visitors": visitors, **more})

    def says(self, text: str) -> None:
        """Waits until the line says this to those who can't see it."""
        expect(self.page.get_by_role("img")).to_have_accessible_name(text)

    def line(self) -> str:
        return str(self.page.locator("svg path").first.get_attribute("d"))


@pytest.fixture
def reader(shared_server: Server, publish: Publish, newcomer: Callable[..., Page]) -> Reader:
    return Reader(newcomer("en-US"), shared_server, publish)


def test_the_last_hour_is_a_line_that_ends_with_the_number_of_now(reader: Reader) -> None:
    reader.opens()
    reader.says("Most in the last hour: 6. Now: 3.")
    # Of 60 minutes, the last three are known; in the running one there have been 4.
    assert reader.line() == "M57 7.0L58 1.0L59 4.0"
    dot = reader.page.locator("svg path").last
    expect(dot).to_have_attribute("d", "M59 5.5h0")
    box = reader.page.locator("svg").get_attribute("viewBox")
    top, height = (float(number) for number in str(box).split()[1::2])
    radius = float(dot.get_attribute("stroke-width") or 0) / 2
    assert (top <= 1 - radius, top + height >= 10 + radius) == (True, True), "the dot is whole, also at zero"
    assert f"page={reader.key.replace('/', '%2F').replace(':', '%3A')}" in reader.asked[0]


def test_it_goes_on_with_each_update_and_each_minute(reader: Reader) -> None:
    reader.opens()
    reader.says("Most in the last hour: 6. Now: 3.")
    reader.hears(9)
    reader.says("Most in the last hour: 9. Now: 9.")
    assert reader.line() == "M57 8.0L58 4.0L59 1.0"
    reader.page.clock.run_for(MINUTE_MS)
    reader.hears(3)
    reader.says("Most in the last hour: 9. Now: 3.")
    assert reader.line() == "M56 8.0L57 4.0L58 1.0L59 1.0"
    assert len(reader.asked) == 1


def test_a_time_that_nobody_knows_of_is_a_gap(reader: Reader) -> None:
    reader.known["visitors"] = [2, 2, None, 2, None, None, 4] + [None] * 53
    reader.opens()
    reader.says("Most in the last hour: 4. Now: 3.")
    assert reader.line() == "M0 5.5L1 5.5L3 5.5M6 1.0M59 3.3"


def test_without_a_history_the_line_begins_with_the_reader(reader: Reader) -> None:
    reader.known = {"error": "no history"}
    reader.opens()
    reader.says("Most in the last hour: 3. Now: 3.")
    reader.page.clock.run_for(MINUTE_MS)
    expect(reader.page.locator("svg path").first).to_have_attribute("d", "M58 1.0L59 1.0")


def test_it_may_be_the_line_of_another_number_and_of_another_page(reader: Reader) -> None:
    group = '<i data-nannin="/shop/*" data-nannin-show="trend"></i>'
    reader.opens(f'<b data-nannin="connections" data-nannin-show="trend"></b>{group}')
    expect(reader.page.locator("b title")).to_have_text("Most in the last hour: 8. Now: 5.")
    expect(reader.page.locator("i title")).to_have_text("Most in the last hour: 6. Now: 3.")
    assert [url for url in reader.asked if url.endswith("page=%2Fshop%2F*")]


def test_its_words_are_the_pages_own_or_those_of_its_language(reader: Reader) -> None:
    label = 'data-nannin-label="Höchstens {most}, jetzt {n}"'
    german = f'<i lang="de" data-nannin data-nannin-show="trend" {label}></i>'
    reader.opens('<b data-nannin data-nannin-show="trend" data-nannin-max="5"></b>' + german, "ja")
    expect(reader.page.locator("b title")).to_have_text("直近1時間の最大 5+、現在 3")
    expect(reader.page.locator("i title")).to_have_text("Höchstens 6, jetzt 3")
    reader.hears(4, stale=True)
    expect(reader.page.locator("b title")).to_have_text("直近1時間の最大 ≈5+、現在 ≈4")
    expect(reader.page.locator("[data-nannin-stale]")).to_have_count(2)


def test_below_the_least_number_and_without_one_it_is_the_elements_own_content(reader: Reader) -> None:
    reader.opens('<b data-nannin data-nannin-show="trend" data-nannin-min="3"><u>quiet</u></b>')
    reader.says("Most in the last hour: 6. Now: 3.")
    reader.hears(2)
    expect(reader.page.locator("b u")).to_have_text("quiet")
    reader.hears(3)
    reader.says("Most in the last hour: 6. Now: 3.")
    reader.server.up = False
    reader.server.links[-1].close()
    reader.page.clock.run_for(4_000)
    expect(reader.page.locator("b u")).to_have_text("quiet")
    reader.server.up = True

    def is_back() -> bool:
        reader.page.clock.run_for(500)
        return len(reader.asked) == 2

    comes_true(reader.page, is_back)
    reader.says("Most in the last hour: 6. Now: 3.")


def test_it_comes_to_rest_and_comes_back_where_the_page_has_removed_it(reader: Reader) -> None:
    reader.opens()
    reader.says("Most in the last hour: 6. Now: 3.")
    reader.page.evaluate(
        "globalThis.changes = 0; new MutationObserver(() => (changes += 1))"
        ".observe(document, { subtree: true, childList: true, attributes: true })"
    )
    reader.page.clock.run_for(1_000)
    assert reader.page.evaluate("changes") == 0
    reader.page.evaluate("document.querySelector('b').textContent = 'rendered again'")
    reader.page.clock.run_for(1_000)
    reader.says("Most in the last hour: 6. Now: 3.")


def test_it_has_the_colour_of_the_text_around_it_and_no_style_of_its_own(reader: Reader) -> None:
    reader.opens(f'<p><font color="#aa0000">{LINE}</font></p>')
    reader.says("Most in the last hour: 6. Now: 3.")
    path = reader.page.locator("svg path").first
    assert path.evaluate("(path) => getComputedStyle(path).stroke") == "rgb(170, 0, 0)"
    assert reader.page.locator("[style], style").count() == 0


def test_where_the_second_script_does_not_come_the_element_keeps_its_text(reader: Reader) -> None:
    said: list[str] = []
    reader.page.on("console", lambda message: said.append(message.text))
    reader.page.on("pageerror", lambda error: said.append(f"uncaught {error}"))
    reader.page.route("**/nannin-trend.js", lambda route: route.abort())
    reader.opens(f"{LINE}<i data-nannin>-</i>")
    expect(reader.page.locator("i")).to_have_text("3")
    comes_true(reader.page, lambda: any("nannin: TypeError" in text for text in said))
    for number in (4, 5):
        reader.hears(number)
        expect(reader.page.locator("i")).to_have_text(str(number))
    expect(reader.page.locator("b")).to_have_text("some")
    assert len([text for text in said if "nannin: " in text]) == 1
    assert not [text for text in said if text.startswith("uncaught")]
