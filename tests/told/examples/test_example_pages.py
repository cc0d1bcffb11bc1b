"""Each example as its own text says it is run, in two browsers that share nothing."""

from __future__ import annotations

import pathlib
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Page, expect

from support.servers import ROOT, free_port, running

EXAMPLES = ["fastapi", "starlette", "litestar", "django", "quart"]
NAMES = ("Ada", "Grace")

Visit = Callable[[str], Page]


def commands(example: str) -> list[list[str]]:
    """The command lines of an example's docstring that serve it, without what names a port."""
    text = (ROOT / "examples" / example / "app.py").read_text(encoding="utf-8").split('"""')[1]
    lines = re.findall(r"^    ((?:nannin|uvicorn) .*)$", text, re.MULTILINE)
    return [shlex.split(line.replace(" --port 8124", "")) for line in lines]


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Visit]:
    """Opens a URL as somebody new."""
    with ExitStack() as contexts:

        def open_page(url: str) -> Page:
            context = chromium.new_context()
            contexts.callback(context.close)
            page = context.new_page()
            page.goto(url)
            return page

        yield open_page


def come_in(page: Page, name: str) -> None:
    """Signs in, where the example asks for it."""
    if page.locator("#door").count():
        page.locator("#door [placeholder]").fill(name)
        page.locator("#door button").click()
        expect(page.locator("#line")).to_be_visible()


def shows(page: Page, visitors: int) -> None:
    expect(page.locator("#people, #readers")).to_have_text(str(visitors), timeout=10_000)


# What is shown, where what one says is there for the other.
SAID = {"fastapi": "#said", "django": "#book"}


# Some by nannin and some by uvicorn: how each is served has no part in what its page shows.
@pytest.mark.parametrize(
    ("example", "way"), [(example, number % 2) for number, example in enumerate(EXAMPLES)]
)
def test_each_of_two_browsers_sees_both_and_what_the_other_says(example: str, way: int, visit: Visit) -> None:
    port = free_port()
    program, *arguments = commands(example)[way]
    module = [sys.executable, "-m", program]
    with running([*module, *arguments, "--port", str(port)], port, fresh=True) as server:
        pages = [visit(f"{server.url}/") for _ in NAMES]
        for number, (page, name) in enumerate(zip(pages, NAMES, strict=True), start=1):
            come_in(page, name)
            if number < len(NAMES) and page.locator("#door").count():
                shows(page, number)
        for page in pages:
            shows(page, 2)
        if example in SAID:
            pages[0].locator("#text").fill("<b>何人</b>")
            pages[0].locator("#line button").click()
            expect(pages[1].locator(f"{SAID[example]} li")).to_have_text(f"{NAMES[0]}: <b>何人</b>")
        pages[1].close()
        shows(pages[0], 1)
        assert "Traceback" not in server.log


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_says_both_ways_to_run_it(example: str) -> None:
    nannin, uvicorn = commands(example)
    assert nannin == ["nannin", "serve", "--app", f"examples/{example}/app.py:app"]
    assert uvicorn[1:] == ["--app-dir", f"examples/{example}", "--ws", "nannin:DirectWebSocket", "app:app"]
    assert pathlib.Path(ROOT, "examples", example, "index.html").exists()
