"""A server of their own for the tests of the page, and visitors who share nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from support.sample_page import SCRIPTED_CLIENT, Visit
from support.servers import Server, nannin
from whole.browser.pages.widget_site import Publish, site


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that nobody has been on, and that the test may stop."""
    with nannin() as server:
        yield server


@pytest.fixture(scope="session")
def shared_server() -> Iterator[Server]:
    """A server for tests that are alone on their page, or on none."""
    with nannin() as server:
        yield server


@pytest.fixture
def newcomer(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Makes an empty page in a browser context of its own, with Playwright's options for contexts."""
    with ExitStack() as contexts:

        def make(language: str, **options: Any) -> Page:
            context = chromium.new_context(locale=language, **options)
            contexts.callback(context.close)
            return context.new_page()

        yield make


@pytest.fixture
def visit(newcomer: Callable[..., Page]) -> Visit:
    """Opens a URL as somebody new."""

    def open_page(url: str, language: str = "ja-JP", **options: Any) -> Page:
        page = newcomer(language, **options)
        page.goto(url)
        return page

    return open_page


@pytest.fixture
def far_page(chromium: Browser) -> Iterator[Page]:
    """A page that may be of a site with a name in .example, which is found here."""
    with chromium.new_context() as context:
        yield context.new_page()


@pytest.fixture
def publish() -> Iterator[Publish]:
    """A site on another loopback origin: puts a page at a path of it, and returns the page's URL."""
    with site() as put:
        yield put


@pytest.fixture
def scripted(newcomer: Callable[..., Page], shared_server: Server) -> Visit:
    """Opens the page with SCRIPTED_CLIENT as its client, or with none; `told` then tells it."""

    def open_page(language: str = "ja-JP", client: str | None = SCRIPTED_CLIENT, **options: Any) -> Page:
        page = newcomer(language, **options)
        page.route(
            "**/socket.io/socket.io.js",
            lambda route: (
                route.fulfill(body=client, content_type="text/javascript") if client else route.abort()
            ),
        )
        page.clock.install()
        page.goto(shared_server.url)
        return page

    return open_page
