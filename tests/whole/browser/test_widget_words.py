"""The widget, in a real browser: the number in the words and figures of the page's language."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from support.servers import Server
from whole.browser.pages.widget_site import Publish, ScriptedServer, embedding, key_of, shows

COUNT = {"visitors": 3, "connections": 5, "visible": 2}
PEOPLE = 'data-nannin data-nannin-one="{n} person" data-nannin-other="{n} people"'
OSOBY = 'data-nannin-one="{n} osoba" data-nannin-few="{n} osoby" data-nannin-many="{n} osób"'


class Told:
    """A page with the widget, as one that a scripted server tells its counts."""

    def __init__(self, page: Page, server: Server, publish: Publish) -> None:
        self.page = page
        self._embedding = server
        self._publish = publish
        self._server = ScriptedServer(page, COUNT)
        self._key = ""

    def opens(self, body: str, language: str = "en") -> None:
        url = self._publish("/", embedding(self._embedding, body, language))
        self._key = key_of(url)
        self.page.goto(url)

    def hears(self, visitors: int, **more: bool) -> None:
        self._server.tell(self._key, {"visitors": visitors, **more})


def shows_each(page: Page, **texts: str) -> None:
    """Waits until each element, by its name, shows its text."""
    for name, text in texts.items():
        expect(page.locator(name)).to_have_text(text)


@pytest.fixture
def told(shared_server: Server, publish: Publish, newcomer: Callable[..., Page]) -> Told:
    return Told(newcomer("en-US"), shared_server, publish)


# --- which number ---


@pytest.mark.parametrize(
    ("which", "text"),
    [
        ("", "3"),
        ("visitors", "3"),
        ("connections", "5"),
        ("visible", "2"),
        ("sessions", "some"),
        ("page", "some"),
        ("toString", "some"),
    ],
)
def test_an_element_shows_the_number_that_it_names(told: Told, which: str, text: str) -> None:
    told.opens(f'<i data-nannin>-</i><b data-nannin="{which}">some</b>')
    expect(told.page.locator("i")).to_have_text("3")
    expect(told.page.locator("b")).to_have_text(text)


def test_a_nannin_count_element_does_the_same(told: Told) -> None:
    told.opens(
        '<nannin-count>some</nannin-count> <nannin-count data-nannin="visible" data-nannin-other="{n}!">'
    )
    expect(told.page.locator("nannin-count").first).to_have_text("3")
    expect(told.page.locator("nannin-count").last).to_have_text("2!")


def test_the_number_may_stand_in_its_words_more_than_once(told: Told) -> None:
    told.opens('<b data-nannin data-nannin-other="{n} of {n}">some</b>')
    expect(told.page.locator("b")).to_have_text("3 of 3")


def test_a_nannin_count_element_that_is_added_later_does_too(told: Told) -> None:
    told.opens("<p>text</p>")
    told.page.evaluate("document.querySelector('p').append(document.createElement('nannin-count'))")
    expect(told.page.locator("nannin-count")).to_have_text("3")


# --- its words ---


@pytest.mark.parametrize(("visitors", "text"), [(0, "0 people"), (1, "1 person"), (1234, "1,234 people")])
def test_a_word_for_one_and_another_for_the_rest(told: Told, visitors: int, text: str) -> None:
    told.opens(f"<b {PEOPLE}>some</b>")
    shows(told.page, "3 people")
    told.hears(visitors)
    shows(told.page, text)


@pytest.mark.parametrize(
    ("visitors", "text"), [(1, "1 osoba"), (3, "3 osoby"), (5, "5 osób"), (22, "22 osoby"), (112, "112 osób")]
)
def test_the_elements_language_has_its_own_plurals(told: Told, visitors: int, text: str) -> None:
    told.opens(f'<b lang="pl" data-nannin {OSOBY}>some</b>')
    shows(told.page, "3 osoby")
    told.hears(visitors)
    shows(told.page, text)


def test_one_text_is_enough_where_words_do_not_change(told: Told) -> None:
    told.opens('<b data-nannin data-nannin-other="{n}人が見ています">some</b>', "ja")
    shows(told.page, "3人が見ています")
    told.hears(1)
    shows(told.page, "1人が見ています")


def test_a_text_may_do_without_the_number(told: Told) -> None:
    told.opens('<b data-nannin data-nannin-one="only you" data-nannin-other="you and others">some</b>')
    shows(told.page, "you and others")
    told.hears(1)
    shows(told.page, "only you")


def test_a_text_is_text_and_no_markup(told: Told) -> None:
    told.opens('<b data-nannin data-nannin-other="&lt;img src=x onerror=alert(1)&gt;{n}">some</b>')
    shows(told.page, "<img src=x onerror=alert(1)>3")
    assert told.page.locator("img").count() == 0


# --- from how many on, and up to how many ---


def test_below_the_least_number_an_element_has_its_own_text(told: Told) -> None:
    told.opens(f'<b {PEOPLE} data-nannin-min="5">quiet</b><i data-nannin data-nannin-min="3"></i>')
    shows_each(told.page, b="quiet", i="3")
    told.hears(5)
    shows_each(told.page, b="5 people", i="5")
    told.hears(2)
    shows_each(told.page, b="quiet", i="")
    assert told.page.evaluate("document.querySelector('i').matches(':empty')")


def test_over_the_greatest_number_an_element_shows_that_and_a_plus(told: Told) -> None:
    arabic = '<i data-nannin data-nannin-max="99" lang="ar-EG"></i>'
    told.opens(f'<b {PEOPLE} data-nannin-max="1999"></b>{arabic}')
    shows_each(told.page, b="3 people", i="٣")
    told.hears(99)
    shows_each(told.page, b="99 people", i="٩٩")
    told.hears(2000, stale=True)
    shows_each(told.page, b="≈1,999+ people", i="≈٩٩+")
    told.hears(100)
    shows_each(told.page, b="100 people", i="٩٩+")


@pytest.mark.parametrize(
    ("language", "most", "text"),
    [
        ("en", 1, "1+ one"),
        ("pl", 22, "22+ few"),
        ("pl", 25, "25+ many"),
        ("ru", 101, "101+ one"),
        ("ja", 9, "9+ other"),
    ],
)
def test_the_words_are_those_of_the_number_that_is_shown(
    told: Told, language: str, most: int, text: str
) -> None:
    forms = " ".join(f'data-nannin-{form}="{{n}} {form}"' for form in ("one", "few", "many", "other"))
    told.opens(f'<b lang="{language}" data-nannin data-nannin-max="{most}" {forms}></b>')
    expect(told.page.locator("b")).not_to_be_empty()
    told.hears(12345)
    expect(told.page.locator("b")).to_have_text(text)


def test_a_limit_that_is_no_number_limits_nothing(told: Told) -> None:
    other = '<i data-nannin data-nannin-max="x"></i>'
    told.opens(f'<b data-nannin data-nannin-min="some" data-nannin-max=""></b>{other}')
    shows_each(told.page, b="3", i="3")
    told.hears(0)
    shows_each(told.page, b="0", i="0")


# --- its figures ---


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "12,345"),
        ("de", "12.345"),
        ("en-IN", "12,345"),
        ("ar-EG", "١٢٬٣٤٥"),
        ("not a language", "12,345"),
        ("", "12,345"),
    ],
)
def test_the_number_is_written_as_the_page_writes_numbers(told: Told, language: str, text: str) -> None:
    told.opens("<span data-nannin>some</span>", language)
    shows(told.page, "3" if language != "ar-EG" else "٣")
    told.hears(12345)
    shows(told.page, text)


def test_a_part_of_the_page_may_have_another_language(told: Told) -> None:
    told.opens('<b data-nannin></b><p lang="de"><i data-nannin></i></p>')
    expect(told.page.locator("i")).to_have_text("3")
    told.hears(12345)
    expect(told.page.locator("b")).to_have_text("12,345")
    expect(told.page.locator("i")).to_have_text("12.345")


def test_without_a_language_the_browsers_counts(
    shared_server: Server, publish: Publish, newcomer: Callable[..., Page]
) -> None:
    told = Told(newcomer("de-DE"), shared_server, publish)
    told.opens("<span data-nannin>some</span>", "")
    shows(told.page, "3")
    told.hears(12345)
    shows(told.page, "12.345")


# --- how it is told ---


def test_nothing_is_announced_unless_the_page_asks_for_it(told: Told) -> None:
    told.opens('<b data-nannin>some</b><i data-nannin aria-live="polite">some</i>')
    shows(told.page, "3")
    told.hears(4)
    shows(told.page, "4")
    assert told.page.evaluate("document.querySelector('b').getAttributeNames()") == ["data-nannin"]
    expect(told.page.locator("i")).to_have_attribute("aria-live", "polite")


def test_nothing_moves(told: Told) -> None:
    told.opens("<b data-nannin>some</b>")
    shows(told.page, "3")
    told.hears(4)
    shows(told.page, "4")
    assert told.page.evaluate("document.getAnimations().length") == 0
    assert told.page.evaluate("document.querySelector('b').style.length") == 0


def test_the_same_number_again_touches_nothing(told: Told) -> None:
    told.opens("<b data-nannin>some</b>")
    shows(told.page, "3")
    told.page.evaluate(
        """() => {
          const element = document.querySelector("b");
          globalThis.changes = 0;
          new MutationObserver(() => { changes += 1; }).observe(element, { childList: true });
        }"""
    )
    for visitors in (3, 3, 4):
        told.hears(visitors)
    shows(told.page, "4")
    assert told.page.evaluate("changes") == 1


# --- a number that may be old ---


def test_a_number_that_may_be_old_is_marked_in_text_and_attribute_until_it_is_sure(told: Told) -> None:
    told.opens(f"<i data-nannin>-</i><b {PEOPLE}></b><u data-nannin=typo>some</u><s lang=x- data-nannin></s>")
    number, words = told.page.locator("i"), told.page.locator("b")
    expect(words).to_have_text("3 people")
    expect(words).not_to_have_attribute("data-nannin-stale", "")
    told.hears(4321, stale=True)
    expect(number).to_have_text("≈4,321")
    expect(words).to_have_text("≈4,321 people")
    expect(told.page.locator("s")).to_have_text("≈4,321")
    expect(told.page.locator("[data-nannin-stale]")).to_have_count(4)
    told.hears(4321)
    expect(words).to_have_text("4,321 people")
    expect(told.page.locator("[data-nannin-stale]")).to_have_count(0)


def test_a_page_hears_that_a_count_may_be_old(told: Told) -> None:
    told.opens("<i data-nannin>-</i>")
    expect(told.page.locator("i")).to_have_text("3")
    told.page.evaluate(
        """() => {
          globalThis.heard = [];
          document.addEventListener("nannin:count", ({ detail }) => heard.push(detail.stale));
          globalThis.nannin = { onCount: ({ stale }) => heard.push(stale) };
        }"""
    )
    told.hears(4, stale=True)
    told.hears(4)
    expect(told.page.locator("i")).to_have_text("4")
    assert told.page.evaluate("heard.map(String)") == ["true", "true", "undefined", "undefined"]
