"""What a page of another site can't do, in a real browser that finds the site on this machine."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator

import httpx
from playwright.sync_api import Page, expect

from support.sample_page import complaints
from support.servers import nannin
from whole.browser.pages.widget_site import Publish

FRAME = '<!doctype html><link rel="icon" href="data:,"><iframe src="{url}/"></iframe>'


def count(url: str) -> int:
    return int(httpx.get(f"{url}/api/count").json()["connections"])


@contextlib.contextmanager
def evil_site() -> Iterator[int]:
    """A site with an empty page; yields its port, which is free after the block."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=site.serve_forever, args=(0.01,))
    thread.start()
    yield site.server_port
    site.shutdown()
    thread.join()
    site.server_close()


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


def test_a_foreign_name_that_was_led_to_this_machine_shows_no_page(far_page: Page) -> None:
    with nannin() as server:
        answer = far_page.goto(f"{far(server.url)}/")
        assert answer is not None
        assert answer.status == 421
        assert "hosts" in answer.text()


def test_a_page_of_a_name_that_was_led_to_this_machine_reads_and_joins_nothing(far_page: Page) -> None:
    with evil_site() as port:
        far_page.goto(f"http://evil.example:{port}/")
    with nannin("--no-public", port=port) as server:  # where the site was
        for path in ("/api/count", "/api/pages", "/api/stream?page=*", "/socket.io/?EIO=4&transport=polling"):
            forged = "{headers: {'X-Forwarded-For': '8.8.8.8', 'X-Forwarded-Proto': 'https'}}"
            for options in ("{}", forged):
                fetched = f"fetch({path!r}, {options}).then((answer) => answer.status)"
                assert far_page.evaluate(fetched) == 421
        opened = far_page.evaluate(
            """() => new Promise((resolve) => {
              const url = location.origin.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket";
              const socket = new WebSocket(url);
              socket.onopen = () => resolve(true);
              socket.onerror = () => resolve(false);
            })"""
        )
        assert opened is False
        assert count(server.url) == 0


def test_a_foreign_name_that_is_set_shows_the_page(far_page: Page) -> None:
    with nannin("--hosts", "evil.example") as server:
        far_page.goto(f"{far(server.url)}/")
        expect(far_page.locator("#number")).to_have_text("1")
