"""For the tests of our Socket.IO client: running servers, and pages with the client in them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from whole.browser.pages.client_site import HELPERS, Site, serving


@pytest.fixture(scope="module", params=["official", "nannin"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    with serving(request.param) as started:
        yield started


@pytest.fixture(params=["official", "nannin"])
def own_site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """A server that the test may stop, halt and start."""
    with serving(request.param, ping_interval_s=0.3, ping_timeout_s=0.3) as started:
        yield started


@pytest.fixture(scope="module")
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """One browser for all pages: our client keeps nothing that the next one could find."""
    with chromium.new_context() as context:
        context.add_init_script(HELPERS)
        yield context


@pytest.fixture
def noisy_page(context: BrowserContext) -> Iterator[Page]:
    """A page whose test expects errors on the console, such as those of a server that is away."""
    page = context.new_page()
    yield page
    page.close()


@pytest.fixture
def page(noisy_page: Page, site: Site) -> Iterator[Page]:
    """A page with our client; at the end the console is empty, and so is the server."""
    errors: list[str] = []
    noisy_page.on("console", lambda message: errors.append(f"{message.type}: {message.text}"))
    noisy_page.on("pageerror", lambda error: errors.append(str(error)))
    noisy_page.goto(site.page)
    yield noisy_page
    assert errors == []
    noisy_page.goto("about:blank")
    site.comes_to_nobody()
