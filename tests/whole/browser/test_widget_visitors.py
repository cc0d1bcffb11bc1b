"""The widget, in a real browser: who counts as a visitor, who as a connection, and when neither."""

from __future__ import annotations

import http.server
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from conftest import CHROMIUM_FLAGS
from support.servers import Server, nannin
from whole.browser.pages.widget_site import (
    IN_THE_BACKGROUND,
    RECORDER,
    Publish,
    Wire,
    answer,
    comes_true,
    embedding,
    key_of,
    shows,
)

Newcomer = Callable[..., Page]

ALL_NUMBERS = "<p><b data-nannin>-</b> <b data-nannin='connections'>-</b> <b data-nannin='visible'>-</b></p>"
# Long enough for a join that ought not to come; a join takes some 10 ms.
NOTHING_FOR_MS = 400


@pytest.fixture(scope="module")
def widget_server() -> Iterator[Server]:
    """A server whose graces are over soon, yet not before a page has loaded anew."""
    with nannin("--grace", "1.5", "--grace-lost", "1.5") as server:
        yield server


def counts(page: Page, visitors: int, connections: int, visible: int) -> None:
    """Waits until a page with ALL_NUMBERS shows these."""
    expect(page.locator("p")).to_have_text(f"{visitors} {connections} {visible}", timeout=10_000)


def open_tab(context: BrowserContext, url: str) -> Page:
    page = context.new_page()
    page.goto(url)
    return page


def open_hidden_tab(newcomer: Newcomer, url: str) -> Page:
    page = newcomer("en")
    page.add_init_script(IN_THE_BACKGROUND)
    page.goto(url)
    page.wait_for_function("Symbol.for('nannin') in window")
    return page


def recorded(newcomer: Newcomer, url: str) -> Page:
    """A reader whose every number is written down, in shown()."""
    page = newcomer("en")
    page.add_init_script(RECORDER)
    page.goto(url)
    return page


def a_reader_and_a_guest(newcomer: Newcomer, url: str) -> tuple[Page, Page, Wire]:
    """One who is counted, and one who has not come yet, with the guest's wire."""
    reader = newcomer("en")
    reader.goto(url)
    counts(reader, 1, 1, 1)
    guest = newcomer("en")
    return reader, guest, Wire(guest)


# --- tabs and browsers ---


def test_two_tabs_of_a_browser_are_one_visitor_and_two_connections(
    widget_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    url = publish("/", embedding(widget_server, ALL_NUMBERS))
    first = newcomer("en")
    first.goto(url)
    counts(first, 1, 1, 1)
    second = open_tab(first.context, url)
    counts(first, 1, 2, 1)
    counts(second, 1, 2, 1)


def test_two_browsers_are_two_visitors(widget_server: Server, publish: Publish, newcomer: Newcomer) -> None:
    url = publish("/", embedding(widget_server, ALL_NUMBERS))
    first, second = newcomer("en"), newcomer("en")
    first.goto(url)
    second.goto(url)
    counts(first, 2, 2, 2)
    counts(second, 2, 2, 2)


def test_the_visitor_leaves_a_grace_after_the_last_tab(
    widget_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    url = publish("/", embedding(widget_server))
    reader = recorded(newcomer, url)
    guest = newcomer("en")
    guest.goto(url)
    shows(reader, "2")
    other_tab = open_tab(guest.context, url)
    shows(other_tab, "2")
    guest.close()
    other_tab.close()
    shows(reader, "2")
    shows(reader, "1")
    assert reader.evaluate("shown()") == ["some", "1", "2", "1"]


# --- coming back ---


def test_nobody_sees_a_reload(widget_server: Server, publish: Publish, newcomer: Newcomer) -> None:
    url = publish("/", embedding(widget_server))
    reader = recorded(newcomer, url)
    guest = newcomer("en")
    guest.goto(url)
    shows(reader, "2")
    for _ in range(5):
        guest.reload()
        shows(guest, "2")
    third = newcomer("en")
    third.goto(url)
    shows(reader, "3")
    assert reader.evaluate("shown()") == ["some", "1", "2", "3"]


def test_nobody_sees_a_quick_step_back_and_forward(
    widget_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    url, next_url = publish("/", embedding(widget_server)), publish("/next", "<!doctype html>next")
    reader = recorded(newcomer, url)
    guest = newcomer("en")
    guest.goto(next_url)
    guest.goto(url)
    shows(reader, "2")
    for _ in range(3):
        guest.go_back()
        guest.go_forward()
        shows(guest, "2")
    assert reader.evaluate("shown()") == ["some", "1", "2"]


def test_a_page_kept_in_the_back_forward_cache_is_not_counted(
    widget_server: Server, publish: Publish, chromium: Browser
) -> None:
    url, next_url = publish("/", embedding(widget_server)), publish("/next", "<!doctype html>next")
    # Playwright switches that cache off, so this browser is one of its own.
    browser = chromium.browser_type.launch(
        executable_path=shutil.which("chromium"),
        args=CHROMIUM_FLAGS,
        ignore_default_args=["--disable-back-forward-cache"],
    )
    try:
        reader, guest = browser.new_context().new_page(), browser.new_context().new_page()
        reader.goto(url)
        guest.add_init_script(
            "addEventListener('pageshow', (event) => { globalThis.kept = event.persisted; })"
        )
        guest.goto(url)
        shows(reader, "2")
        guest.goto(next_url)
        shows(reader, "1")
        guest.add_init_script(RECORDER)
        guest.go_back(wait_until="commit")  # a page that was kept does not load again
        shows(guest, "2")
        shows(reader, "2")
        assert guest.evaluate("globalThis.kept") is True
        guest.go_forward(wait_until="commit")
        shows(reader, "1")
    finally:
        browser.close()


# --- not looked at ---


def test_a_tab_in_the_background_counts_once_it_is_shown(
    widget_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    url = publish("/", embedding(widget_server, ALL_NUMBERS))
    reader, guest, wire = a_reader_and_a_guest(newcomer, url)
    guest.add_init_script(IN_THE_BACKGROUND)
    guest.goto(url)
    guest.wait_for_function("Symbol.for('nannin') in window")
    guest.wait_for_timeout(NOTHING_FOR_MS)
    assert wire.links == 0
    guest.evaluate("look(true)")
    counts(reader, 2, 2, 2)
    counts(guest, 2, 2, 2)


def test_visible_are_those_with_a_tab_in_view(
    widget_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    url = publish("/", embedding(widget_server, ALL_NUMBERS))
    reader = newcomer("en")
    reader.goto(url)
    guest = open_hidden_tab(newcomer, url)
    guest.evaluate("look(true)")
    counts(reader, 2, 2, 2)
    guest.evaluate("look(false)")
    counts(reader, 2, 2, 1)
    guest.evaluate("look(true)")
    counts(reader, 2, 2, 2)


def test_a_reader_who_looked_away_comes_back_from_a_lost_link_as_such(
    publish: Publish, newcomer: Newcomer
) -> None:
    with nannin() as server:
        url = publish("/", embedding(server))
        guest = newcomer("en")
        wire = Wire(guest)
        guest.add_init_script(IN_THE_BACKGROUND)
        guest.goto(url)
        guest.evaluate("look(true)")
        shows(guest, "1")
        guest.evaluate("look(false)")
        wire.sends(f'42{key_of(url)},["nannin:visible",false]')
        server.stop()
        server.start()
        comes_true(guest, lambda: len(wire.joins) == 2)
        assert [auth["visible"] for _, auth in wire.joins] == [True, False]


# --- prerendered: by a Chromium that nobody drives, since one that Playwright drives does not prerender ---


class Stage(http.server.ThreadingHTTPServer):
    """A site whose first page has its second one prerendered, and goes there when it may."""

    FIRST = """<!doctype html><link rel="icon" href="data:,"><script type="speculationrules">
        {"prerender": [{"source": "list", "urls": ["/second"], "eagerness": "immediate"}]}
        </script><script>fetch("/wait").then(() => { location.href = "/second"; });</script>"""
    PROBE = """<script>
        addEventListener("load", () => fetch(`/loaded?prerendering=${document.prerendering}`));
        </script>"""

    def __init__(self) -> None:
        self.second = ""
        self.may_go, self.loaded = threading.Event(), threading.Event()
        self.was_prerendered = False
        stage = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/wait":
                    stage.may_go.wait()
                if self.path.startswith("/loaded"):
                    stage.was_prerendered = self.path.endswith("=true")
                    stage.loaded.set()
                body = {"/first": stage.FIRST, "/second": stage.second}.get(self.path, "").encode()
                answer(self, body)

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    thread = threading.Thread(target=stage.serve_forever, args=(0.01,))
    thread.start()
    yield stage
    stage.may_go.set()
    stage.shutdown()
    thread.join()
    stage.server_close()


def test_a_prerendered_page_counts_once_it_is_shown(
    widget_server: Server, publish: Publish, newcomer: Newcomer, stage: Stage, tmp_path: Path
) -> None:
    stage.second = embedding(widget_server, head=stage.PROBE)
    watched = key_of(f"{stage.url}/second")
    reader = recorded(
        newcomer, publish("/", embedding(widget_server, f'<b data-nannin data-nannin-page="{watched}"></b>'))
    )
    shows(reader, "0")
    path = shutil.which("chromium")
    assert path
    command = [path, *CHROMIUM_FLAGS, "--headless", "--remote-debugging-port=0"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        [*command, f"--user-data-dir={tmp_path}", f"{stage.url}/first"], stdout=quiet, stderr=quiet
    ) as browser:
        try:
            assert stage.loaded.wait(20), "the page was never prerendered"
            assert stage.was_prerendered
            reader.wait_for_timeout(NOTHING_FOR_MS)
            shows(reader, "0")
            stage.may_go.set()
            shows(reader, "1")
        finally:
            browser.terminate()
            browser.wait(20)
    assert reader.evaluate("shown()")[:3] == ["", "0", "1"]


# --- not to be counted ---


def test_a_browser_that_opted_out_sees_the_number_and_is_not_in_it(
    widget_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    url = publish("/", embedding(widget_server, ALL_NUMBERS))
    reader, guest, wire = a_reader_and_a_guest(newcomer, url)
    guest.add_init_script("localStorage.setItem('nannin-off', '1')")
    guest.goto(url)
    counts(guest, 1, 1, 1)
    comes_true(guest, lambda: [auth["observe"] for _, auth in wire.joins] == [True])
    assert guest.evaluate("Object.keys(localStorage)") == ["nannin-off"]
    counts(reader, 1, 1, 1)
