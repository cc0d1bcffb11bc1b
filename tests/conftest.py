"""Fixtures that several tests share: real servers, Node, Chromium. What is missing fails, it never skips."""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator

import httpx
import hypothesis
import pytest
from playwright.sync_api import Browser, sync_playwright

from support.servers import Way

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Whoever needs a site of another name finds it on this machine.
    "--host-resolver-rules=MAP *.example 127.0.0.1",
]

# The test files with real servers that take half a minute or more, longest first.
LONGEST = (
    "test_socket_io",
    "test_node_client",
    "test_page",
    "test_socket_io_js_links",
    "test_workers",
    "test_updates",
    "test_site",
    "test_page_looks",
    "test_scale",
    "test_full",
    "test_dashboard",
    "test_widget_pages",
    "test_observers",
    "test_socket_io_js",
    "test_redis_servers",
    "test_examples",
    "test_server",
    "test_widget_links",
    "test_example_pages",
    "test_engine_io_life",
    "test_widget_words",
    "test_torture",
    "test_redis_failover",
    "test_reload",
    "test_visitors_leaving",
    "test_bad_input",
    "test_visitors",
    "test_engine_io",
    "test_workers_observers",
    "test_shutdown",
    "test_redis",
    "test_garbage",
    "test_history_postgres",
    "test_history",
)

# A busy machine makes an example slow, not wrong; and no run depends on what an earlier one has kept.
hypothesis.settings.register_profile("nannin", deadline=None, database=None)
hypothesis.settings.load_profile("nannin")


def pytest_configure() -> None:
    """Heeds Ctrl-C though a shell's `&` started the tests with it ignored, which their children inherit."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["XDG_DATA_HOME"] = tempfile.mkdtemp(prefix="nannin-tests-")


def pytest_unconfigure() -> None:
    """Removes the history of what was served without a test's word about it."""
    shutil.rmtree(os.environ["XDG_DATA_HOME"], ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begins with real servers, and what takes longest, so that short files fill all cores to the end."""

    def rank(item: pytest.Item) -> int:
        if not {"whole", "told"} & set(item.path.parts):
            return len(LONGEST) + 1
        return LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST)

    items.sort(key=rank)


def pytest_collection_finish() -> None:
    """Has no garbage collection look at what was collected and imported: it is there to the end."""
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _no_history(request: pytest.FixtureRequest) -> Iterator[None]:
    """Servers keep no history, unless a test asks for it; two of them would be in each other's way."""
    with pytest.MonkeyPatch.context() as patch:
        if {"whole", "told"} & set(request.path.parts):
            patch.setenv("NANNIN_HISTORY", "off")
        yield


@pytest.fixture(scope="session", autouse=True)
def _certificates_read_once() -> Iterator[None]:
    """Has httpx read the certificates that it trusts once, not for each request, be it over TLS or not."""
    with pytest.MonkeyPatch.context() as patch:
        module = "httpx._transports.default"
        patch.setattr(f"{module}.create_ssl_context", functools.cache(httpx.create_ssl_context))
        yield


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, each in a loop of its own."""
    return "asyncio"


@pytest.fixture(scope="session")
def node() -> str:
    """The path of Node.js."""
    path = shutil.which("node")
    assert path, "Node.js is missing: `make test` installs it"
    return path


@pytest.fixture(scope="session", params=list(Way), ids=lambda way: way.name.lower())
def way(request: pytest.FixtureRequest) -> Way:
    """How the servers are run."""
    assert isinstance(request.param, Way)
    return request.param


@pytest.fixture(scope="session")
def playwrights() -> Iterator[tuple[Browser, asyncio.AbstractEventLoop]]:
    """The system's Chromium, driven by Playwright, and Playwright's loop, which runs only under `chromium`.

    Where there is its headless shell, the same engine without windows, that: a page of it costs a quarter.
    """
    path = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    assert path, "chromium is missing: `make test` installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        loop = asyncio.get_running_loop()
        asyncio._set_running_loop(None)
        yield browser, loop
        asyncio._set_running_loop(loop)
        browser.close()


@pytest.fixture(scope="module")
def chromium(playwrights: tuple[Browser, asyncio.AbstractEventLoop]) -> Iterator[Browser]:
    """Chromium, for the tests of one file.

    Playwright's loop counts as running between its calls as well, which is in the way of asynchronous tests.
    In their files it does not count, so that one browser does for all files.
    """
    browser, loop = playwrights
    asyncio._set_running_loop(loop)
    yield browser
    asyncio._set_running_loop(None)
