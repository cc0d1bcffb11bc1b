"""The widget, in a real browser: what it keeps of a visitor, for how long, and what it tells the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from support.servers import Server
from whole.browser.pages.widget_site import Publish, ScriptedServer, Wire, comes_true, embedding, shows

Newcomer = Callable[..., Page]

PRIVACY = "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true });"
STORED = "[localStorage.nannin ?? null, sessionStorage.nannin ?? null]"
DAY = "Math.floor(Date.now() / 864e5)"


def joined(page: Page, url: str) -> dict[str, Any]:
    """With what the page joins."""
    wire = Wire(page)
    page.goto(url)
    comes_true(page, lambda: bool(wire.joins))
    return wire.joins[0][1]


# --- what is kept ---


@pytest.mark.parametrize(("tag", "place"), [("", 0), ('data-store="local"', 0), ('data-store="session"', 1)])
def test_the_id_is_kept_where_the_tag_says(
    shared_server: Server, publish: Publish, newcomer: Newcomer, tag: str, place: int
) -> None:
    page = newcomer("en")
    auth = joined(page, publish("/store", embedding(shared_server, tag=tag)))
    stored = page.evaluate(STORED)
    assert stored[place] == f"{auth['visitor']}/{page.evaluate(DAY)}"
    assert stored[1 - place] is None
    assert joined(page, page.url)["visitor"] == auth["visitor"]


@pytest.mark.parametrize(
    ("tag", "script"), [('data-store="none"', ""), ("", PRIVACY), ('data-store="session"', PRIVACY)]
)
def test_nothing_is_kept_and_no_id_is_sent_where_nobody_wants_it(
    shared_server: Server, publish: Publish, newcomer: Newcomer, tag: str, script: str
) -> None:
    page = newcomer("en")
    page.add_init_script(script)
    auth = joined(page, publish("/none", embedding(shared_server, tag=tag)))
    assert auth == {"observe": False, "visible": True, "updates": "audience"}
    shows(page, "1")
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]


def test_a_browser_that_opted_out_sends_no_id(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    page = newcomer("en")
    page.add_init_script("localStorage.setItem('nannin-off', '1')")
    auth = joined(page, publish("/off", embedding(shared_server)))
    assert auth == {"observe": True, "visible": True, "updates": "audience"}


def test_where_storage_is_closed_the_id_lives_as_long_as_the_page(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    page = newcomer("en")
    closed = "{ get() { throw new DOMException('no'); } }"
    page.add_init_script(f"Object.defineProperty(window, 'localStorage', {closed})")
    url = publish("/closed", embedding(shared_server))
    one, other = joined(page, url)["visitor"], joined(page, url)["visitor"]
    assert one
    assert other != one


@pytest.mark.parametrize(("days", "is_new"), [(0, False), (29, False), (30, True), (400, True)])
def test_an_id_that_was_not_used_for_30_days_is_replaced(
    shared_server: Server, publish: Publish, newcomer: Newcomer, days: int, is_new: bool
) -> None:
    page = newcomer("en")
    page.add_init_script(f"localStorage.nannin ??= 'somebody/' + ({DAY} - {days})")
    auth = joined(page, publish("/old", embedding(shared_server)))
    assert (auth["visitor"] != "somebody") is is_new
    assert page.evaluate("localStorage.nannin") == f"{auth['visitor']}/{page.evaluate(DAY)}"


def test_an_id_without_a_day_is_replaced(shared_server: Server, publish: Publish, newcomer: Newcomer) -> None:
    page = newcomer("en")
    page.add_init_script("localStorage.nannin ??= '1,2,3,4'")
    auth = joined(page, publish("/dayless", embedding(shared_server)))
    assert auth["visitor"] != "1,2,3,4"


# --- what the page is told ---


@pytest.mark.parametrize(
    ("tag", "times"), [("", 0), ('data-store="none"', 0), ('data-store=""', 0), ('data-store="sesion"', 1)]
)
def test_a_misspelt_place_is_said_once(
    shared_server: Server, publish: Publish, newcomer: Newcomer, tag: str, times: int
) -> None:
    page = newcomer("en")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    joined(page, publish("/misspelt", embedding(shared_server, tag=tag)))
    page.evaluate("document.body.append('more')")
    assert page.evaluate("new Promise((then) => setTimeout(then, 100))") is None
    assert sum("nannin: unknown data-store" in text for text in said) == times


def console_of(page: Page) -> list[str]:
    """What the tag says in the page's console from now on."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if "nannin:" in message.text else None)
    return said


def test_a_place_that_is_empty_is_the_browsers(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    page = newcomer("en")
    auth = joined(page, publish("/empty", embedding(shared_server, tag='data-store=""')))
    assert page.evaluate("localStorage.nannin.split('/')[0]") == auth["visitor"]


def test_a_refused_page_is_said_once_in_the_servers_words(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    page = newcomer("en")
    said = console_of(page)
    scripted = ScriptedServer(page, {"visitors": 2}, refused=("/one", "/two"))
    others = [f'<i data-nannin data-nannin-page="{key}"></i>' for key in ("/one", "/two")]
    body = "".join(["<b data-nannin></b>", *others])
    page.goto(publish("/refused", embedding(shared_server, body, tag='data-page="/here"')))
    page.wait_for_function("document.querySelector('b').textContent === '2'")
    scripted.links[-1].close()
    comes_true(page, lambda: scripted.joins().count("/two") == 2)
    page.evaluate("new Promise((then) => setTimeout(then, 100))")
    assert said == ["nannin: /one refused: Invalid namespace", "nannin: /two refused: Invalid namespace"]


@pytest.mark.parametrize("value", ["", "visitors", "connections", "visible"])
def test_what_an_element_may_show_is_said_nowhere(
    shared_server: Server, publish: Publish, newcomer: Newcomer, value: str
) -> None:
    page = newcomer("en")
    said = console_of(page)
    page.goto(
        publish(
            "/known",
            embedding(shared_server, f'<b data-nannin="{value}" data-nannin-min="" data-nannin-max="9"></b>'),
        )
    )
    shows(page, "1")
    assert said == []


def test_an_element_that_asks_for_another_number_is_said_once(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    page = newcomer("en")
    said = console_of(page)
    body = '<b data-nannin>some</b><i data-nannin="vistors">few</i><u data-nannin="vistors">few</u>'
    body += '<s data-nannin data-nannin-show="trned">few</s>'
    body += '<nannin-count data-nannin-show="trned">few</nannin-count>'
    body += '<q data-nannin data-nannin-min="1" data-nannin-max="9,9">few</q>' * 2
    body += '<q data-nannin="vistors" data-nannin-min="x">few</q>'
    page.goto(publish("/wrong", embedding(shared_server, body)))
    page.wait_for_function("document.querySelector('b').textContent === '1'")
    page.evaluate("document.body.append('more')")
    page.evaluate("new Promise((then) => setTimeout(then, 500))")
    # The script of the trend says its own, whenever it has come.
    assert sorted(said) == [
        "nannin: unknown data-nannin vistors",
        "nannin: unknown data-nannin-max 9,9",
        "nannin: unknown data-nannin-min x",
        "nannin: unknown data-nannin-show trned",
    ]
    assert page.locator("q").all_inner_texts() == ["1", "1", "few"]
    assert page.locator("i, s, nannin-count").all_inner_texts() == ["few"] * 3


LISTENS = """
globalThis.told = [];
addEventListener("nannin:count", ({ target, detail }) => {
    told.push([target === document ? "document" : target.id, detail.page, detail.visitors]);
});
"""


def test_an_element_tells_each_change_by_an_event_that_bubbles(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    page = newcomer("en")
    page.add_init_script(LISTENS)
    scripted = ScriptedServer(page, {"connections": 3, "visitors": 2, "visible": 1})
    body = '<b id="a" data-nannin></b><b id="b" data-nannin data-nannin-page="/other"></b>'
    page.goto(publish("/told", embedding(shared_server, body, tag='data-page="/here"')))
    page.wait_for_function("told.length === 2")
    assert sorted(page.evaluate("told")) == [["a", "/here", 2], ["b", "/other", 2]]
    scripted.tell("/here", {"connections": 3, "visitors": 3, "visible": 1})
    page.wait_for_function("told.length === 3")
    assert page.evaluate("told")[2] == ["a", "/here", 3]


def test_without_an_element_the_document_tells(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    page = newcomer("en")
    page.add_init_script(LISTENS)
    ScriptedServer(page, {"visitors": 2})
    page.goto(publish("/silent", embedding(shared_server, "", tag='data-page="/here"')))
    page.wait_for_function("told.length === 1")
    assert page.evaluate("told") == [["document", "/here", 2]]


def test_the_pages_own_function_is_called_with_each_count(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    page = newcomer("en")
    page.add_init_script(
        "globalThis.nannin = { onCount(count) { (globalThis.counts ??= []).push(count); } };"
    )
    count = {"connections": 3, "visitors": 2, "visible": 1}
    ScriptedServer(page, count)
    page.goto(publish("/called", embedding(shared_server, tag='data-page="/here"')))
    page.wait_for_function("globalThis.counts?.length === 1")
    assert page.evaluate("counts") == [{"page": "/here", **count}]


def test_a_function_that_fails_hurts_nothing(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    page = newcomer("en")
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.add_init_script("globalThis.nannin = { onCount() { throw new Error('mine'); } };")
    scripted = ScriptedServer(page, {"visitors": 2})
    page.goto(publish("/fails", embedding(shared_server, tag='data-page="/here"')))
    shows(page, "2")
    scripted.tell("/here", {"visitors": 3})
    shows(page, "3")
    assert errors == ["mine", "mine"]
    assert len(scripted.links) == 1


def test_each_poll_has_an_address_of_its_own(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    page = newcomer("en")
    page.add_init_script("delete globalThis.WebSocket;")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(publish("/polls", embedding(shared_server)))
    shows(page, "1")
    polls = [url for url in asked if "transport=polling" in url]
    assert len(polls) >= 3
    assert len(set(polls)) == len(polls)
