"""The number of a group of pages, in a real browser: in the widget and in the frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from support.servers import Server, nannin
from whole.browser.pages.widget_site import Publish, embedding, key_of


@pytest.fixture(scope="module")
def grouping() -> Iterator[Server]:
    with nannin("--allow-origins", "*", "--groups", "/*,/127.0.0.1*", "--grace", "30") as server:
        yield server


def test_a_reader_of_two_pages_is_one_in_their_group(
    grouping: Server, publish: Publish, newcomer: Callable[..., Page]
) -> None:
    body = (
        '<i data-nannin></i><b data-nannin-page="/*" data-nannin></b><em data-nannin="/*"></em>'
        '<u data-nannin-page="/*" data-nannin="connections"></u><s data-nannin="/no/*">-</s>'
    )
    urls = [publish(path, embedding(grouping, body)) for path in ("/a", "/b")]
    ann, bob = newcomer("en"), newcomer("en")
    ann.goto(urls[0])
    ann.context.new_page().goto(urls[1])
    bob.goto(urls[1])
    for page, here in ((ann, "1"), (bob, "2")):
        expect(page.locator("i")).to_have_text(here)
        expect(page.locator("b")).to_have_text("2")
        expect(page.locator("u")).to_have_text("3")
        expect(page.locator("em")).to_have_text("2")
        expect(page.locator("s")).to_have_text("-")
    numbers: list[str] = []
    bob.expose_function("note", lambda text: numbers.append(text))
    bob.evaluate(
        "new MutationObserver(() => note(document.querySelector('u').textContent))"
        ".observe(document.querySelector('u'), { childList: true, characterData: true, subtree: true })"
    )
    ann.evaluate("history.pushState(null, '', '/c')")
    expect(ann.locator("i")).to_have_text("1")
    ann.context.close()
    assert numbers == [], "a move from page to page changes no number of the group"
    frame = newcomer("en")
    frame.goto(f"{grouping.url}/embed?page=/127.0.0.1*")
    expect(frame.locator("#number")).to_have_text("2")
    assert key_of(urls[0]).startswith("/127.0.0.1")
