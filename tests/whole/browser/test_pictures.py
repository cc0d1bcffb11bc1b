"""The READMEs' pictures are taken from the demo, and show what the code shows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import Page, expect

from support.pictures import Parts, differences, parts_of, with_parts, zone_by_day
from support.servers import Server, free_port, running
from whole.browser.pages.album import IS_UPDATE, WALL, framed, hold

# A year takes some seconds to make; what is where needs no more than today.
DAYS: Final = "365" if IS_UPDATE else "0"
# A machine that does other things too may take a while.
WITHIN_MS: Final = 30_000

Newcomer = Callable[..., Page]


@pytest.fixture(scope="module")
def demo() -> Iterator[Server]:
    """The demo, as `nannin demo` serves it."""
    port = free_port()
    arguments = ["--port", str(port), "--days", DAYS, "--timezone", zone_by_day()]
    command = [sys.executable, "-m", "nannin", "demo", *arguments]
    with running(command, port, within_s=90) as server:
        yield server


class Album:
    """Pictures of a server's pages, each with what it shows."""

    def __init__(self, server: Server, newcomer: Newcomer) -> None:
        self._server = server
        self._newcomer = newcomer
        self.parts: dict[str, Parts] = {}

    def take(self, name: str, path: str, ready: Callable[[Page], Any], **options: Any) -> bytes:
        """A picture of a page, once that is ready."""
        page = self._newcomer("en-US", reduced_motion="reduce", **options)
        page.goto(self._server.url + path)
        ready(page)
        self.parts[name] = parts_of(page)
        return page.screenshot()

    def mount(self, figures: str, width: int, height: int) -> bytes:
        """The pictures on one wall."""
        wall = self._newcomer("en-US", viewport={"width": width, "height": height})
        wall.set_content(WALL + figures)
        return with_parts(wall.screenshot(), self.parts)


@pytest.fixture
def album(demo: Server, newcomer: Newcomer) -> Album:
    return Album(demo, newcomer)


def is_told(page: Page) -> None:
    """Waits until a page of the site has its numbers."""
    expect(page.locator(".readers span").first).to_contain_text("people are reading", timeout=WITHIN_MS)
    expect(page.locator(".readers svg")).to_be_visible(timeout=WITHIN_MS)
    expect(page.locator("aside span").first).not_to_be_empty(timeout=WITHIN_MS)


def is_live(page: Page) -> None:
    """Waits until the dashboard is live and has its chart."""
    expect(page.locator("body[data-state=live]")).to_be_attached(timeout=WITHIN_MS)
    expect(page.locator("#chart canvas")).to_be_visible(timeout=WITHIN_MS)
    expect(page.locator("#rows tr").nth(10)).to_be_attached(timeout=WITHIN_MS)
    expect(page.locator("#peaks li").nth(3)).to_be_attached(timeout=WITHIN_MS)
    page.wait_for_timeout(300)  # lets the chart draw what has come last


def shows_its_chart(page: Page) -> None:
    """Waits for the same, and looks at the chart."""
    is_live(page)
    page.locator("#detail").evaluate("(detail) => scrollTo(0, detail.offsetTop - 12)")
    page.wait_for_timeout(100)


def test_the_picture_of_the_dashboard(album: Album) -> None:
    window = {"width": 1180, "height": 1040}
    light = album.take("light", "/dashboard#page=%2F*&range=week", is_live, viewport=window)
    dark = album.take(
        "dark", "/dashboard#page=%2Fshop%2F*&range=month", is_live, viewport=window, color_scheme="dark"
    )
    phone = album.take(
        "phone", "/dashboard#page=%2F*&range=day", shows_its_chart, viewport={"width": 390, "height": 820}
    )
    wall = (
        framed(light, "The dashboard: a week", left=28, top=28, width=540)
        + framed(dark, "A section of the site, and its month", left=596, top=28, width=540)
        + framed(phone, "", left=1164, top=28, width=241)
    )
    hold("dashboard.png", album.mount(wall, 1433, 563))


def test_the_picture_of_a_page_with_the_tag(album: Album) -> None:
    path = "/news/bridge-reopens"
    window = album.take("window", path, is_told, viewport={"width": 1000, "height": 560})
    phone = album.take("phone", path, is_told, viewport={"width": 390, "height": 700}, color_scheme="dark")
    wall = framed(window, "A page with the tag", left=32, top=32, width=900) + framed(
        phone, "", left=964, top=32, width=304
    )
    hold("tag.png", album.mount(wall, 1300, 610))


def test_a_picture_of_another_page_is_noticed_and_small_moves_are_not() -> None:
    kept: Parts = [[f"h2 Heading {number}", 20, 100 * number, 200, 20] for number in range(10)]
    moved: Parts = [[name, left + 8, top - 8, width, height] for name, left, top, width, height in kept]
    assert differences(kept, moved) == []
    assert differences(kept, moved[:-1]) == []
    assert len(differences(kept, moved[:-3])) == 3
    assert len(differences(kept, [[name, left + 300, *rest] for name, left, *rest in kept])) == 20
