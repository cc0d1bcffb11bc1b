"""examples/classic: the sample of 2011 as a user of the library writes it, in three browsers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from support.sample_page import Visit
from support.servers import ROOT, Server, free_port, nannin, running

Arrive = Callable[[str, int], Page]

CLASSIC = ROOT / "examples" / "classic"
WELCOME = "ようこそ。"
ARRIVAL = "だれかが来ました。"


@pytest.fixture
def server() -> Iterator[Server]:
    with nannin("--app", f"{CLASSIC / 'app.py'}:app") as server:
        yield server


@pytest.fixture
def arrive(visit: Visit) -> Arrive:
    """Opens the example as somebody new, once its number is there."""

    def open_page(url: str, count: int) -> Page:
        page = visit(url)
        shows(page, count)
        return page

    return open_page


def shows(page: Page, count: int) -> None:
    expect(page.locator("p")).to_have_text(f"このページにアクセスしているのは{count}人です。", timeout=10_000)


def was_told(page: Page, *notices: str) -> None:
    expect(page.locator("#notices li")).to_have_text(list(notices))


def test_everyone_is_told_how_many_they_are(server: Server, arrive: Arrive) -> None:
    first = arrive(server.url, 1)
    second = arrive(server.url, 2)
    third = arrive(server.url, 3)
    for page in (first, second, third):
        shows(page, 3)
    third.close()
    for page in (first, second):
        shows(page, 2)


def test_one_is_welcomed_and_the_others_hear_of_it(server: Server, arrive: Arrive) -> None:
    first = arrive(server.url, 1)
    second = arrive(server.url, 2)
    third = arrive(server.url, 3)
    was_told(third, WELCOME)
    was_told(second, WELCOME, ARRIVAL)
    was_told(first, WELCOME, ARRIVAL, ARRIVAL)


def test_the_page_of_2011_finds_its_server_by_either_loopback_name(server: Server, arrive: Arrive) -> None:
    assert "io.connect('http://localhost')" in (CLASSIC / "index.html").read_text()
    by_address = arrive(server.url, 1)
    by_name = arrive(server.url.replace("127.0.0.1", "localhost"), 2)
    shows(by_address, 2)
    by_name.reload()
    shows(by_name, 2)
    shows(by_address, 2)


def test_uvicorn_alone_runs_it_too(arrive: Arrive) -> None:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(CLASSIC), "--port", str(port), "app:app"]
    with running(command, port) as server:
        first = arrive(server.url, 1)
        second = arrive(server.url, 2)
        shows(first, 2)
        second.close()
        shows(first, 1)
