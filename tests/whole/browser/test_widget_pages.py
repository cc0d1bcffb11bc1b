"""The widget, in a real browser: which page its reader is on, and which pages it only watches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from support.sample_page import Visit
from support.servers import Server, nannin
from whole.browser.pages.widget_site import (
    Publish,
    ScriptedServer,
    Wire,
    comes_true,
    embedding,
    key_of,
    shows,
)

Newcomer = Callable[..., Page]

SECRET = "a secret of the test's own"
# Long enough for a join that ought not to come; a join takes some 10 ms.
NOTHING_FOR_MS = 300

OWN_SITE = """
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route

from nannin import Live

def news(request):
    return HTMLResponse('<script async src="/nannin.js"></script><span data-nannin></span>')

app = Starlette(routes=[Route("/", news), Route("/news/1", news), Mount("/", Live())])
"""


def comes_to_rest(page: Page) -> None:
    """Lets the widget look at what has just changed, so that its next look has another cause."""
    page.wait_for_timeout(NOTHING_FOR_MS)


def page_key(newcomer: Newcomer, url: str) -> str:
    """The key of the one page that a browser at `url` joins."""
    page = newcomer("en")
    wire = Wire(page)
    page.goto(url)
    comes_true(page, lambda: bool(wire.joins))
    (key,) = wire.joined
    page.context.close()
    return key


# --- which page it is ---


def test_the_key_on_another_site_is_its_host_and_path(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    url = publish("/blog/2011", embedding(shared_server))
    assert page_key(newcomer, url) == key_of(url)


def test_the_query_and_the_fragment_are_no_part_of_the_key(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    url = publish("/shop", embedding(shared_server))
    assert page_key(newcomer, f"{url}?from=mail#top") == key_of(url)


@pytest.mark.parametrize("path", ["/", "/news/1"])
def test_the_key_on_the_servers_own_host_is_the_path(tmp_path: Path, newcomer: Newcomer, path: str) -> None:
    (tmp_path / "own.py").write_text(OWN_SITE)
    with nannin("--app", f"{tmp_path / 'own.py'}:app") as server:
        assert page_key(newcomer, server.url + path) == path


def test_a_comma_in_the_address_is_encoded(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    url = publish("/a,b,c", embedding(shared_server))
    assert page_key(newcomer, url).endswith("/a%2Cb%2Cc")


def test_an_address_of_255_bytes_is_a_key_as_it_stands(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    host = key_of(publish("", ""))
    url = publish("/" + "x" * (254 - len(host)), embedding(shared_server))
    assert page_key(newcomer, url) == key_of(url)


@pytest.mark.parametrize("extra", [256, 300, 2000])
def test_two_longer_addresses_that_begin_alike_are_two_pages(
    shared_server: Server, publish: Publish, newcomer: Newcomer, extra: int
) -> None:
    host = key_of(publish("", ""))
    long = "/" + "x" * (extra - len(host) - 2)
    first = page_key(newcomer, publish(long + "1", embedding(shared_server)))
    second = page_key(newcomer, publish(long + "2", embedding(shared_server)))
    assert len(first) == len(second) == 255
    assert first != second
    assert first == page_key(newcomer, publish(long + "1", embedding(shared_server)))


@pytest.mark.parametrize("href", ["/article", "/article?page=2#part", "https://{host}/article"])
def test_a_canonical_link_to_the_same_host_names_the_page(
    shared_server: Server, publish: Publish, newcomer: Newcomer, href: str
) -> None:
    host = key_of(publish("", "")).removeprefix("/")
    link = f'<link rel="canonical" href="{href.format(host=host)}">'
    url = publish("/article/print", embedding(shared_server, head=link))
    assert page_key(newcomer, url) == f"/{host}/article"


@pytest.mark.parametrize(
    "href", ["https://elsewhere.example/article", "http://127.0.0.1/article", "http://["]
)
def test_another_canonical_link_does_not(
    shared_server: Server, publish: Publish, newcomer: Newcomer, href: str
) -> None:
    link = f'<link rel="canonical" href="{href}">'
    url = publish("/copy", embedding(shared_server, head=link))
    assert page_key(newcomer, url) == key_of(url)


def test_a_key_that_lacks_its_slash_gets_one(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    url = publish("/", embedding(shared_server, tag='data-page="launch"'))
    assert page_key(newcomer, url) == "/launch"


def test_the_tag_may_name_the_page(shared_server: Server, publish: Publish, newcomer: Newcomer) -> None:
    url = publish("/", embedding(shared_server, tag='data-page="/launch/日本"'))
    assert page_key(newcomer, url) == "/launch/%E6%97%A5%E6%9C%AC"


def test_a_page_is_known_by_its_name_in_letters(
    shared_server: Server, publish: Publish, visit: Visit
) -> None:
    readers = embedding(shared_server)
    url = publish("/%E6%97%A5%E6%9C%AC", readers)
    shows(visit(url, "en"), "1")
    key = key_of(url).replace("%E6%97%A5%E6%9C%AC", "日本")
    other = publish("/other", embedding(shared_server, f'<b data-nannin data-nannin-page="{key}">none</b>'))
    shows(visit(other, "en"), "1")


# --- a single-page application ---


@pytest.mark.parametrize(
    ("browser_has", "moves"),
    [
        ("", "history.pushState(null, '', '/b')"),
        ("", "history.replaceState(null, '', '/b')"),
        ("", "location.hash = 'top'; history.pushState(null, '', '/b?x=1#y')"),
        # An older browser tells of no move: what the application then shows does.
        (
            "delete window.navigation; delete Window.prototype.navigation;",
            "history.pushState(null, '', '/b'); document.title = 'B'",
        ),
    ],
    ids=["pushState", "replaceState", "query and fragment", "older browser"],
)
def test_a_move_takes_the_visitor_along(
    shared_server: Server, publish: Publish, newcomer: Newcomer, browser_has: str, moves: str
) -> None:
    url = publish("/a", embedding(shared_server))
    other = key_of(url)[:-2] + "/b"
    stays, goes = newcomer("en"), newcomer("en")
    stays.goto(url)
    shows(stays, "1")
    wire = Wire(goes)
    goes.add_init_script(f"{browser_has}; if (location.hash) throw new Error()")
    goes.goto(url)
    shows(goes, "2")
    comes_to_rest(goes)
    goes.evaluate(moves)
    comes_true(goes, lambda: other in wire.joined)
    wire.sends(f"41{key_of(url)},")
    shows(goes, "1")
    shows(stays, "1")
    assert [key for key, _ in wire.joins] == [key_of(url), other]
    assert wire.links == 1


def test_back_and_forward_within_an_application_move_the_visitor(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    url = publish("/a", embedding(shared_server))
    key, other = key_of(url), key_of(url)[:-2] + "/b"
    page = newcomer("en")
    wire = Wire(page)
    page.goto(url)
    shows(page, "1")
    page.evaluate("history.pushState(null, '', '/b')")
    comes_true(page, lambda: len(wire.joins) == 2)
    page.evaluate("history.back()")
    comes_true(page, lambda: len(wire.joins) == 3)
    page.evaluate("history.forward()")
    comes_true(page, lambda: len(wire.joins) == 4)
    assert [joined for joined, _ in wire.joins] == [key, other, key, other]
    assert wire.links == 1


def test_a_change_of_query_or_fragment_is_no_move(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    page = newcomer("en")
    wire = Wire(page)
    page.goto(publish("/a", embedding(shared_server)))
    shows(page, "1")
    page.evaluate("history.pushState(null, '', '/a?tab=2'); location.hash = 'end'")
    page.wait_for_timeout(NOTHING_FOR_MS)
    assert len(wire.joins) == 1
    shows(page, "1")


def test_a_canonical_link_that_comes_late_moves_the_visitor(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    link = '<link rel="canonical" href="/a">'
    url = publish("/a", embedding(shared_server, head=link))
    page = newcomer("en")
    wire = Wire(page)
    page.goto(url)
    shows(page, "1")
    page.evaluate("history.pushState(null, '', '/b?x')")
    comes_to_rest(page)
    assert len(wire.joins) == 1
    page.evaluate("document.querySelector('link[rel=canonical]').href = '/b'")
    comes_true(page, lambda: len(wire.joins) == 2)
    assert wire.joins[-1][0] == key_of(url)[:-2] + "/b"
    shows(page, "1")


def test_the_pages_own_wrapper_of_push_state_works_on(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    wrapper = """<script>
        const own = history.pushState;
        history.pushState = function (...args) { globalThis.pushed = args[2]; return own.apply(this, args); };
        </script>"""
    page = newcomer("en")
    wire = Wire(page)
    page.goto(publish("/a", embedding(shared_server, head=wrapper)))
    shows(page, "1")
    page.evaluate("history.pushState(null, '', '/b')")
    comes_true(page, lambda: len(wire.joins) == 2)
    assert page.evaluate("pushed") == "/b"


def test_who_comes_back_to_a_page_sees_no_number_of_before(
    server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    page = newcomer("en")
    scripted = ScriptedServer(page, {"visitors": 7})
    url = publish("/a", embedding(server))
    page.goto(url)
    shows(page, "7")
    scripted.count = None
    page.evaluate("history.pushState(null, '', '/b')")
    comes_true(page, lambda: len(scripted.joins()) == 2)
    scripted.tell(key_of(url), {"visitors": 8})  # it was under way when the visitor left
    shows(page, "some")
    scripted.tell(key_of(url)[:-2] + "/b", {"visitors": 9})
    shows(page, "9")
    page.evaluate("history.back()")
    comes_true(page, lambda: len(scripted.joins()) == 3)
    shows(page, "some")


# --- pages that are only watched ---


def test_another_page_is_watched_without_being_counted_there(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    url = publish("/watched", embedding(shared_server))
    key = key_of(url)
    front = f'<b data-nannin></b> <i data-nannin data-nannin-page="{key}"></i>'
    watcher, reader = newcomer("en"), newcomer("en")
    wire = Wire(watcher)
    watcher.goto(publish("/", embedding(shared_server, front)))
    expect(watcher.locator("i")).to_have_text("0")
    expect(watcher.locator("b")).to_have_text("1")
    reader.goto(url)
    shows(reader, "1")
    expect(watcher.locator("i")).to_have_text("1")
    comes_true(watcher, lambda: len(wire.joins) == 2)
    assert wire.links == 1
    assert wire.joined[key]["observe"] is True
    assert "visitor" not in wire.joined[key]


def test_an_element_on_the_page_that_it_names_is_on_that_page(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    own = key_of(publish("/own", ""))
    page = newcomer("en")
    wire = Wire(page)
    page.goto(publish("/own", embedding(shared_server, f'<b data-nannin data-nannin-page="{own}"></b>')))
    shows(page, "1")
    comes_true(page, lambda: [(key, auth["observe"]) for key, auth in wire.joins] == [(own, False)])


def test_a_watched_page_that_the_visitor_moves_to_counts_the_visitor(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    other = key_of(publish("/b", ""))
    page = newcomer("en")
    wire = Wire(page)
    page.goto(publish("/a", embedding(shared_server, f'<b data-nannin data-nannin-page="{other}"></b>')))
    shows(page, "0")
    page.evaluate("history.pushState(null, '', '/b')")
    shows(page, "1")
    page.evaluate("history.back()")
    shows(page, "0")
    assert wire.links == 1


def test_an_element_may_change_the_page_that_it_watches(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    first, second = publish("/first", embedding(shared_server)), publish("/second", "")
    page, reader = newcomer("en"), newcomer("en")
    wire = Wire(page)
    page.goto(
        publish("/", embedding(shared_server, f'<b data-nannin data-nannin-page="{key_of(first)}"></b>'))
    )
    shows(page, "0")
    reader.goto(first)
    shows(page, "1")
    comes_to_rest(page)
    page.evaluate("(key) => { document.querySelector('b').dataset.nanninPage = key; }", key_of(second))
    shows(page, "0")
    wire.sends(f"41{key_of(first)},")


# --- pages that there are not, or that take a token ---


def test_a_refused_page_keeps_its_own_text_and_the_others_their_numbers(
    publish: Publish, newcomer: Newcomer
) -> None:
    own = key_of(publish("/known", ""))
    with nannin("--pages", own) as server:
        body = '<b data-nannin>some</b> <i data-nannin data-nannin-page="/unknown">few</i>'
        page = newcomer("en")
        wire = Wire(page)
        page.goto(publish("/known", embedding(server, body)))
        expect(page.locator("b")).to_have_text("1")
        expect(page.locator("i")).to_have_text("few")
        page.wait_for_timeout(NOTHING_FOR_MS)
        assert sorted(key for key, _ in wire.joins) == sorted(["/unknown", own])


def test_a_refusal_takes_an_old_number_away(server: Server, publish: Publish, newcomer: Newcomer) -> None:
    page = newcomer("en")
    scripted = ScriptedServer(page, {"visitors": 7})
    url = publish("/", embedding(server))
    page.goto(url)
    shows(page, "7")
    scripted.links[-1].send(f'44{key_of(url)},{{"message":"Invalid namespace"}}')
    shows(page, "some")


def test_a_page_that_takes_a_token_gets_the_tags_and_the_elements(
    publish: Publish, newcomer: Newcomer
) -> None:
    from nannin.access.tokens import Tokens

    own, other = key_of(publish("/own", "")), key_of(publish("/other", ""))
    sign = Tokens([SECRET]).sign
    with nannin("--page-secret", SECRET) as server:
        body = (
            f'<b data-nannin>some</b> <i data-nannin data-nannin-page="{other}" '
            f'data-nannin-token="{sign(other)}">few</i> <u data-nannin data-nannin-page="/none">none</u>'
        )
        page = newcomer("en")
        page.goto(publish("/own", embedding(server, body, tag=f'data-token="{sign(own)}"')))
        expect(page.locator("b")).to_have_text("1")
        expect(page.locator("i")).to_have_text("0")
        expect(page.locator("u")).to_have_text("none")


def test_a_token_that_has_ended_can_be_renewed_in_place(publish: Publish, newcomer: Newcomer) -> None:
    from nannin.access.tokens import Tokens

    own, other = key_of(publish("/renewed", "")), key_of(publish("/watched", ""))
    tokens = Tokens([SECRET])
    old, new = tokens.sign(own, 1_000_000_000), tokens.sign(own, 100_000_000_000)
    with nannin("--page-secret", SECRET) as server:
        body = (
            f'<b data-nannin>some</b> <i data-nannin data-nannin-page="{other}" data-nannin-token="x">few</i>'
        )
        page = newcomer("en")
        wire = Wire(page)
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.goto(publish("/renewed", embedding(server, body, tag=f'data-token="{old}"')))
        comes_true(page, lambda: any("Token expired" in line for line in said))
        expect(page.locator("b")).to_have_text("some")
        assert "an expired token" in server.log
        assert old not in server.log
        renew = "([tag, name, token]) => { document.querySelector(tag).dataset[name] = token; }"
        page.evaluate(renew, ["script", "token", new])
        expect(page.locator("b")).to_have_text("1")
        page.evaluate(renew, ["i", "nanninToken", tokens.sign(other)])
        expect(page.locator("i")).to_have_text("0")
        # Of one that is on the page, the next token is only kept for the next link.
        page.evaluate(renew, ["script", "token", tokens.sign(own)])
        page.wait_for_timeout(NOTHING_FOR_MS)
        assert len(wire.joins) == 4
        expect(page.locator("b")).to_have_text("1")


# --- a page that is replaced in place ---


REPLACES_BODY = """(html) => {
    document.body = new DOMParser().parseFromString(html, "text/html").body;
    for (const old of document.querySelectorAll("script")) {
        const script = document.createElement("script");
        for (const { name, value } of old.attributes) script.setAttribute(name, value);
        old.replaceWith(script);
    }
}"""


def body_of(server: Server, page: str, token: str = "") -> str:
    """The body of a page that has the tag in it, as sites with Turbo often do."""
    return (
        f'<body><span data-nannin>some</span><script async src="{server.url}/nannin.js" '
        f'data-page="{page}" data-token="{token}"></script></body>'
    )


def test_a_tag_in_a_replaced_body_speaks_for_its_page(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    reader = newcomer("en")
    wire = Wire(reader)
    html = body_of(shared_server, "/turbo/a", "one")
    reader.goto(publish("/turbo", f'<!doctype html><html lang="en"><link rel="icon" href="data:,">{html}'))
    shows(reader, "1")
    reader.evaluate(REPLACES_BODY, body_of(shared_server, "/turbo/b", "two"))
    comes_true(reader, lambda: [key for key, _ in wire.joins] == ["/turbo/a", "/turbo/b"])
    shows(reader, "1")
    wire.sends("41/turbo/a,")
    assert [auth["token"] for _, auth in wire.joins] == ["one", "two"]
    assert wire.links == 1


# --- one page, one key ---


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/%e6%97%a5", "/%E6%97%A5"),
        ("/%E6%97%A5", "/%E6%97%A5"),
        ("/%7eann%2d%41", "/~ann-A"),
        ("/a%2fb", "/a%2Fb"),
        ("/%2c%25%ff", "/%2C%25%FF"),
    ],
)
def test_spellings_of_an_address_are_one_page(
    shared_server: Server, publish: Publish, newcomer: Newcomer, path: str, key: str
) -> None:
    url = publish(path, embedding(shared_server))
    host = url.partition("://")[2].partition("/")[0]
    assert page_key(newcomer, url) == f"/{host}{key}"
