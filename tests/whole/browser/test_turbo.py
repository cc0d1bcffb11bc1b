"""The widget on a site that Turbo drives: links replace the body of the page, and nothing is loaded anew."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from support.doc_pages import read
from support.servers import NODE, Server
from whole.browser.pages.widget_site import Publish, Wire, comes_true, key_of, shows

Newcomer = Callable[..., Page]

TURBO = NODE / "node_modules" / "@hotwired" / "turbo" / "dist" / "turbo.es2017-umd.js"


@pytest.fixture
def turbo(publish: Publish) -> str:
    """The address of Turbo."""
    assert TURBO.exists(), "Turbo is missing: `make node` installs it"
    return publish("/turbo.js", TURBO.read_text(encoding="utf-8"))


def page_with(turbo: str, head: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><link rel="icon" href="data:,"><script src="{turbo}"></script>'
        f"{head}</head><body><span data-nannin>some</span> {body}</body></html>"
    )


def tag(server: Server, attributes: str = "") -> str:
    return f'<script async src="{server.url}/nannin.js" {attributes}></script>'


def test_a_link_takes_the_visitor_along(
    shared_server: Server, publish: Publish, newcomer: Newcomer, turbo: str
) -> None:
    head = tag(shared_server)
    other = publish("/to", page_with(turbo, head, "<p>to</p>"))
    start = publish("/from", page_with(turbo, head, f'<a href="{other}">go</a>'))
    reader, witness = newcomer("en"), newcomer("en")
    wire = Wire(reader)
    for page in (witness, reader):
        page.goto(start)
    shows(witness, "2")
    reader.evaluate("globalThis.isTheSame = true")
    reader.get_by_text("go").click()
    reader.get_by_text("to", exact=True).wait_for()
    shows(reader, "1")
    shows(witness, "1")
    assert reader.evaluate("isTheSame")
    assert [key for key, _ in wire.joins] == [key_of(start), key_of(other)]
    reader.go_back()
    shows(reader, "2")
    shows(witness, "2")
    assert wire.links == 1


def test_a_tag_in_the_body_speaks_for_each_page_with_its_token(
    shared_server: Server, publish: Publish, newcomer: Newcomer, turbo: str
) -> None:
    second = tag(shared_server, 'data-page="/second" data-token="two"')
    first = tag(shared_server, 'data-page="/first" data-token="one"')
    other = publish("/b", page_with(turbo, "", f"{second}<p>to</p>"))
    start = publish("/a", page_with(turbo, "", f'{first}<a href="{other}">go</a>'))
    reader = newcomer("en")
    wire = Wire(reader)
    reader.goto(start)
    shows(reader, "1")
    reader.get_by_text("go").click()
    comes_true(reader, lambda: len(wire.joins) == 2)
    shows(reader, "1")
    assert [(key, auth["token"]) for key, auth in wire.joins] == [("/first", "one"), ("/second", "two")]
    assert wire.links == 1


def test_a_page_from_the_cache_shows_no_old_number_where_the_site_empties_its_elements(
    server: Server, publish: Publish, newcomer: Newcomer, turbo: str
) -> None:
    pattern = r"```js\n(document.addEventListener\(\"turbo:.*?)```"
    (listener,) = re.findall(pattern, read("docs/embed.md"), re.DOTALL)
    head = f"{tag(server)}<script>{listener}</script>"
    other = publish("/to", page_with(turbo, head, "<p>to</p>"))
    start = publish("/from", page_with(turbo, head, f'<a href="{other}">go</a>'))
    reader = newcomer("en")
    reader.goto(start)
    shows(reader, "1")
    reader.get_by_text("go").click()
    reader.get_by_text("to", exact=True).wait_for()
    shows(reader, "1")
    server.stop()
    shows(reader, "some")
    reader.go_back()
    reader.get_by_text("go").wait_for()
    shows(reader, "")
