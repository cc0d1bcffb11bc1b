"""What a page of another site can't do, in a real browser that finds the site on this machine."""

from __future__ import annotations

import httpx
from playwright.sync_api import Page, expect

from support.sample_page import complaints
from support.servers import nannin
from whole.browser.pages.widget_site import Publish

FRAME = '<!doctype html><link rel="icon" href="data:,"><iframe src="{url}/"></iframe>'


def count(url: str) -> int:
    return int(httpx.get(f"{url}/api/count").json()["connections"])


def far(url: str) -> str:
    """The URL by the name of another site."""
    return url.replace("127.0.0.1", "evil.example")


def test_a_foreign_page_has_nobody_counted_in_a_frame(publish: Publish, far_page: Page) -> None:
    with nannin("--no-public") as server:
        said = complaints(far_page)
        far_page.goto(far(publish("/frame", FRAME.format(url=server.url))), wait_until="networkidle")
        assert any("frame-ancestors" in line for line in said), said
        assert count(server.url) == 0


def test_the_page_of_a_public_server_may_be_shown_in_a_frame(publish: Publish, far_page: Page) -> None:
    with nannin("--allow-origins", "https://other.example") as server:
        far_page.goto(far(publish("/frame", FRAME.format(url=server.url))))
        expect(far_page.frame_locator("iframe").locator("#number")).to_have_text("1")
