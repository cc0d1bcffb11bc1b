"""The READMEs' pictures are taken from the demo, and show what the code shows."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import Page, expect

from support.palette import with_few_colours
from support.pictures import Parts, differences, parts_in, parts_of, size_of, with_parts, zone_by_day
from support.servers import ROOT, Server, free_port, running
from whole.browser.test_page_looks import WALL, framed

IS_UPDATE: Final = os.environ.get("UPDATE_SCREENSHOTS") == "1"
# A year takes some seconds to make; what is where needs no more than today.
DAYS: Final = "365" if IS_UPDATE else "0"
MOST_BYTES: Final = 130_000

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


def hold(name: str, picture: bytes) -> None:
    """Compares a picture with the one in docs/, or puts it there.

    Raises:
        AssertionError: the one in docs/ is missing, out of date or too large.
    """
    artifacts = ROOT / "tests" / "artifacts"
    artifacts.mkdir(exist_ok=True)
    (artifacts / name).write_bytes(picture)
    path = ROOT / "docs" / name
    if IS_UPDATE:
        path.write_bytes(with_parts(with_few_colours(picture), parts_in(picture)))
    kept = path.read_bytes()
    assert len(kept) <= MOST_BYTES
    assert size_of(kept) == size_of(picture)
    shown, seen = parts_in(kept), parts_in(picture)
    assert set(shown) == set(seen)
    changed = {view: differences(shown[view], seen[view]) for view in shown}
    assert not any(changed.values()), f"docs/{name} is out of date: make pictures. {changed}"
    for text in ("README.md", "README.ja.md"):
        assert f"/docs/{name})" in (ROOT / text).read_text(encoding="utf-8")


def is_told(page: Page) -> None:
    """Waits until a page of the site has its numbers."""
    expect(page.locator(".readers span").first).to_contain_text("people are reading")
    expect(page.locator(".readers svg")).to_be_visible()
    expect(page.locator("aside span").first).not_to_be_empty()


def is_live(page: Page) -> None:
    """Waits until the dashboard is live and has its chart."""
    expect(page.locator("body[data-state=live]")).to_be_attached()
    expect(page.locator("#chart canvas")).to_be_visible()
    expect(page.locator("#rows tr").nth(10)).to_be_attached()
    expect(page.locator("#peaks li").nth(3)).to_be_attached()
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
