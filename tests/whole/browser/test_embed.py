"""The widget, in a real browser: one tag and any number of elements, on any site, and nothing left behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from support.sample_page import Visit
from support.servers import Server, nannin
from whole.browser.pages.widget_site import Publish, Wire, comes_true, embedding, shows

Newcomer = Callable[..., Page]

# What README and docs/embed.md promise: under 2.5 KB, and 1.3 KB more for a line.
SIZE_LIMIT_BYTES = 2500
LINE_LIMIT_BYTES = 1350
LINE = '<span data-nannin data-nannin-show="trend">some</span>'

MOUNTED_APP = """
from starlette.applications import Starlette
from starlette.routing import Mount

from nannin import Live

app = Starlette(routes=[Mount("/live", Live())])
"""


def test_the_script_is_small_on_the_wire(shared_server: Server, visit: Visit, publish: Publish) -> None:
    page = visit("about:blank")
    with page.expect_response("**/nannin.js") as answer:
        page.goto(publish("/size", embedding(shared_server)))
    assert answer.value.header_value("content-encoding") == "gzip"
    assert answer.value.request.sizes()["responseBodySize"] <= SIZE_LIMIT_BYTES


def test_a_line_takes_a_second_script_which_is_smaller(
    shared_server: Server, visit: Visit, publish: Publish
) -> None:
    page = visit("about:blank")
    with page.expect_response("**/nannin-trend.js") as answer:
        page.goto(publish("/size", embedding(shared_server, LINE)))
    assert answer.value.header_value("content-encoding") == "gzip"
    assert answer.value.request.sizes()["responseBodySize"] <= LINE_LIMIT_BYTES


# --- the number ---


def test_two_readers_of_a_page_of_another_site_see_each_other(
    shared_server: Server, publish: Publish, visit: Visit
) -> None:
    url = publish("/article", embedding(shared_server))
    first = visit(url)
    shows(first, "1")
    second = visit(url)
    shows(second, "2")
    shows(first, "2")
    second.context.close()
    shows(first, "1")


def test_each_page_has_a_number_of_its_own(shared_server: Server, publish: Publish, visit: Visit) -> None:
    one, other = publish("/one", embedding(shared_server)), publish("/other", embedding(shared_server))
    first, second = visit(one), visit(one)
    alone = visit(other)
    shows(first, "2")
    shows(second, "2")
    shows(alone, "1")


def test_every_element_gets_the_number_over_one_link(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    spans = "<p><span data-nannin></span> of us, <b data-nannin>many</b></p><i data-nannin>and more</i>"
    page = newcomer("en")
    wire = Wire(page)
    page.goto(publish("/", embedding(shared_server, spans * 10)))
    shows(page, "1")
    assert page.locator("[data-nannin]").count() == 30
    comes_true(page, lambda: len(wire.joins) == 1)
    assert wire.links == 1


def test_an_element_that_is_added_later_gets_the_number(
    shared_server: Server, publish: Publish, visit: Visit
) -> None:
    page = visit(publish("/", embedding(shared_server)))
    shows(page, "1")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p><b data-nannin>later</b></p>')")
    expect(page.locator("b")).to_have_text("1")


def test_a_page_without_an_element_counts_its_reader(
    shared_server: Server, publish: Publish, visit: Visit
) -> None:
    url = publish("/", embedding(shared_server))
    first = visit(url)
    shows(first, "1")
    publish("/", embedding(shared_server, "no number here"))
    visit(url)
    shows(first, "2")


def test_a_tag_that_was_pasted_twice_counts_its_reader_once(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    again = f'<script async src="{shared_server.url}/nannin.js"></script>'
    page = newcomer("en")
    wire = Wire(page)
    page.goto(publish("/", embedding(shared_server, f"<span data-nannin></span>{again}", head=again)))
    page.wait_for_load_state()
    shows(page, "1")
    assert wire.links == 1


def test_it_works_under_a_mount_path(tmp_path: Path, publish: Publish, visit: Visit) -> None:
    (tmp_path / "mounted.py").write_text(MOUNTED_APP)
    with nannin("--app", f"{tmp_path / 'mounted.py'}:app") as server:
        url = publish("/", embedding(server, mount="/live"))
        first, second = visit(url), visit(url)
        shows(first, "2")
        shows(second, "2")
        first.evaluate("document.querySelector('span').dataset.nanninShow = 'trend'")
        expect(first.locator("svg title")).to_contain_text("2")


# --- on a site that is not on this machine ---


def test_a_site_that_is_allowed_by_name_gets_its_number(publish: Publish, far_page: Page) -> None:
    site = publish("/article", "").removesuffix("/article").replace("127.0.0.1", "www.example")
    with nannin("--allow-origins", site) as server:
        publish("/article", embedding(server))
        far_page.goto(f"{site}/article")
        shows(far_page, "1")


def test_a_strict_policy_needs_only_the_servers_address(publish: Publish, far_page: Page) -> None:
    site = publish("/strict", "").removesuffix("/strict").replace("127.0.0.1", "www.example")
    with nannin("--allow-origins", site) as server:
        policy = (
            f"default-src 'none'; img-src data:; script-src {server.url}; "
            f"connect-src {server.url} {server.ws_url}; require-trusted-types-for 'script'"
        )
        body = f"{LINE}<b data-nannin>some</b>"
        publish("/strict", embedding(server, body), Content_Security_Policy=policy)
        said: list[str] = []
        far_page.on("console", lambda message: said.append(message.text))
        far_page.on("pageerror", lambda error: said.append(str(error)))
        far_page.goto(f"{site}/strict")
        expect(far_page.locator("b")).to_have_text("1")
        expect(far_page.locator("span svg")).to_be_visible()
        assert said == []


def test_the_nonce_of_the_tag_is_enough_for_a_line_too(
    shared_server: Server, publish: Publish, visit: Visit
) -> None:
    policy = f"script-src 'nonce-abc'; connect-src {shared_server.url} {shared_server.ws_url}"
    page = visit(
        publish("/", embedding(shared_server, LINE, tag='nonce="abc"'), Content_Security_Policy=policy)
    )
    expect(page.locator("svg")).to_be_visible()


def test_a_site_that_is_not_allowed_keeps_its_own_text(
    shared_server: Server, publish: Publish, far_page: Page
) -> None:
    url = publish("/article", embedding(shared_server)).replace("127.0.0.1", "www.example")
    with far_page.expect_event("requestfailed", lambda request: "transport=polling" in request.url):
        far_page.goto(url)
    shows(far_page, "some")


# --- a page with it is the page that it was ---


def test_it_leaves_nothing_behind_but_the_visitors_id(
    shared_server: Server, publish: Publish, visit: Visit
) -> None:
    page = visit(publish("/", embedding(shared_server)))
    shows(page, "1")
    assert page.context.cookies() == []
    assert page.evaluate("Object.keys(localStorage)") == ["nannin"]
    assert page.evaluate("sessionStorage.length") == 0
    assert page.evaluate("indexedDB.databases()") == []


def test_it_leaves_one_symbol_in_the_global_scope(
    shared_server: Server, publish: Publish, visit: Visit
) -> None:
    globals_of = "Reflect.ownKeys(window).filter((key) => !/^\\d+$/.test(String(key))).map(String).sort()"
    plain = visit(publish("/plain", "<!doctype html><p>no number</p>")).evaluate(globals_of)
    page = visit(publish("/", embedding(shared_server)))
    shows(page, "1")
    assert set(page.evaluate(globals_of)) - set(plain) == {"Symbol(nannin)"}


def test_the_pages_own_functions_stay_as_they_are(
    shared_server: Server, publish: Publish, visit: Visit
) -> None:
    own = "<script>globalThis.io = 'the page\\'s own';</script>"
    page = visit(publish("/", embedding(shared_server, head=own)))
    shows(page, "1")
    assert page.evaluate("globalThis.io") == "the page's own"
    assert page.evaluate("history.pushState === History.prototype.pushState")


@pytest.mark.parametrize("body", ["no number here", "<span data-nannin>some</span>"])
def test_an_ordinary_visit_leaves_the_console_empty(
    publish: Publish, newcomer: Newcomer, server: Server, body: str
) -> None:
    complaints: list[str] = []
    page = newcomer("en-US")
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    wire = Wire(page)
    page.goto(publish("/", embedding(server, body)))
    page.wait_for_function("Symbol.for('nannin') in window && document.readyState === 'complete'")
    page.reload()
    page.wait_for_function("Symbol.for('nannin') in window && document.readyState === 'complete'")
    page.goto("about:blank")
    assert complaints == []
    assert wire.links == 2


def test_a_page_whose_storage_is_closed_is_counted(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    page = newcomer("en")
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no'); } })"
    )
    page.goto(publish("/", embedding(shared_server)))
    shows(page, "1")
