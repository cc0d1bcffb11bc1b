"""The embed, in a real browser: one tag and any number of elements, on any site."""

from __future__ import annotations

import gzip
import http.server
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.readers import Visit
from conftest import CHROMIUM_FLAGS
from servers import ROOT, Server, nannin

Newcomer = Callable[..., Page]
Publish = Callable[[str, str], str]

STATIC = ROOT / "src" / "nannin" / "web" / "static"
SIZE_LIMIT_BYTES = 2048
BACK_WITHIN_MS = 15_000


# A client that is told of a crowd at once.
CROWD = """
globalThis.io = () => ({ on(event, handler) { if (event === "audience") handler({ visitors: 12345 }); } });
"""


def embedding(server: Server, body: str = "<span data-nannin>some</span>", language: str = "en") -> str:
    """A page of somebody else's site that carries the tag."""
    return (
        f'<!doctype html><html lang="{language}"><head><link rel="icon" href="data:,">'
        f'<script async src="{server.url}/nannin.js"></script></head><body>{body}</body></html>'
    )


@pytest.fixture
def publish() -> Iterator[Publish]:
    """A site on another loopback origin: puts a page at a path of it, and returns the page's URL."""
    pages: dict[str, bytes] = {}

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path)
            self.send_response(200 if page else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page or b"")))
            self.end_headers()
            self.wfile.write(page or b"")

        def log_message(self, *_: object) -> None:
            pass

    def put(path: str, html: str) -> str:
        pages[path] = html.encode()
        return f"http://127.0.0.1:{site.server_port}{path}"

    site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=site.serve_forever)
    thread.start()
    yield put
    site.shutdown()
    thread.join()
    site.server_close()


def shows(page: Page, text: str, timeout_ms: float = 10_000) -> None:
    expect(page.locator("[data-nannin]").first).to_have_text(text, timeout=timeout_ms)
    for element in page.locator("[data-nannin]").all():
        expect(element).to_have_text(text, timeout=timeout_ms)


def page_key(newcomer: Newcomer, url: str) -> str:
    """The key of the page that a browser at `url` joins, read off its WebSocket."""
    sent: list[str] = []
    page = newcomer("en-US")
    page.on("websocket", lambda link: link.on("framesent", lambda frame: sent.append(str(frame))))
    page.goto(url)
    shows(page, "1")
    page.context.close()
    connect = next(frame for frame in sent if frame.startswith("40"))
    key = re.fullmatch(r'40(/[^,]*),\{"updates":"audience"\}', connect)
    assert key, connect
    return key[1]


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


def test_every_element_of_a_page_gets_the_number(
    shared_server: Server, publish: Publish, visit: Visit
) -> None:
    spans = "<p><span data-nannin></span> of us, <b data-nannin>many</b></p><i data-nannin>and more</i>"
    page = visit(publish("/", embedding(shared_server, spans)))
    assert page.locator("[data-nannin]").count() == 3
    shows(page, "1")


def test_a_tag_that_was_pasted_twice_counts_its_reader_once(
    shared_server: Server, publish: Publish, visit: Visit
) -> None:
    twice = embedding(
        shared_server, f'<span data-nannin></span><script async src="{shared_server.url}/nannin.js"></script>'
    )
    url = publish("/", twice)
    first = visit(url)
    shows(first, "1")
    second = visit(url)
    shows(second, "2")
    shows(first, "2")


@pytest.mark.parametrize(
    ("language", "text"), [("en", "12,345"), ("de", "12.345"), ("not a language", "12,345"), ("", "12,345")]
)
def test_the_number_is_written_as_the_page_writes_numbers(
    shared_server: Server, publish: Publish, newcomer: Newcomer, language: str, text: str
) -> None:
    page = newcomer("en-US")
    page.route("**/socket.io.js", lambda route: route.fulfill(body=CROWD, content_type="text/javascript"))
    page.goto(publish("/", embedding(shared_server, language=language)))
    shows(page, text)


# --- on a site that is not on this machine ---


@pytest.fixture
def visit_far(chromium: Browser) -> Iterator[Visit]:
    """Opens a URL in a browser that finds every host name of .example here."""
    browser = chromium.browser_type.launch(
        executable_path=shutil.which("chromium"),
        args=[*CHROMIUM_FLAGS, "--host-resolver-rules=MAP *.example 127.0.0.1"],
    )

    def open_page(url: str) -> Page:
        page = browser.new_page()
        page.goto(url)
        return page

    yield open_page
    browser.close()


def test_a_site_that_is_allowed_by_name_gets_its_number(publish: Publish, visit_far: Visit) -> None:
    site = publish("/article", "").removesuffix("/article").replace("127.0.0.1", "www.example")
    with nannin("--allow-origins", site) as server:
        publish("/article", embedding(server))
        shows(visit_far(f"{site}/article"), "1")


def test_a_site_that_is_not_allowed_keeps_its_own_text(
    shared_server: Server, publish: Publish, visit_far: Visit
) -> None:
    url = publish("/article", embedding(shared_server)).replace("127.0.0.1", "www.example")
    page = visit_far("about:blank")
    with page.expect_event("requestfailed", lambda request: "transport=polling" in request.url):
        page.goto(url)
    shows(page, "some")


# --- which page it is ---


def test_the_key_on_another_site_is_its_host_and_path(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    url = publish("/blog/2011", embedding(shared_server))
    assert page_key(newcomer, url) == "/" + url.removeprefix("http://")


def test_the_query_and_the_fragment_are_no_part_of_the_key(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    publish("/shop?from=mail", embedding(shared_server))
    url = publish("/shop", embedding(shared_server))
    assert page_key(newcomer, f"{url}?from=mail#top") == "/" + url.removeprefix("http://")


def test_the_key_on_the_servers_own_host_is_the_path(tmp_path: Path, newcomer: Newcomer) -> None:
    (tmp_path / "own.py").write_text(OWN_SITE)
    with nannin("--app", f"{tmp_path / 'own.py'}:app") as server:
        assert page_key(newcomer, f"{server.url}/news/1") == "/news/1"


OWN_SITE = """
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route

from nannin import Live

def news(request):
    return HTMLResponse('<script async src="/nannin.js"></script><span data-nannin></span>')

app = Starlette(routes=[Route("/news/1", news), Mount("/", Live())])
"""


def test_a_comma_in_the_address_is_encoded(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    url = publish("/a,b,c", embedding(shared_server))
    assert page_key(newcomer, url).endswith("/a%2Cb%2Cc")


def test_two_long_addresses_that_begin_alike_are_two_pages(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    long = "/" + "x" * 300
    first = page_key(newcomer, publish(long + "1", embedding(shared_server)))
    second = page_key(newcomer, publish(long + "2", embedding(shared_server)))
    assert len(first) == len(second) == 255
    assert first != second
    assert first == page_key(newcomer, publish(long + "1", embedding(shared_server)))


# --- a page without it breaks nothing ---


def test_without_a_server_the_element_keeps_its_own_text(
    server: Server, publish: Publish, visit: Visit
) -> None:
    url = publish("/", embedding(server))
    server.stop()
    page = visit(url)
    page.wait_for_load_state()
    shows(page, "some")


def test_a_lost_server_gives_the_element_its_own_text_back_until_it_returns(
    server: Server, publish: Publish, visit: Visit
) -> None:
    page = visit(publish("/", embedding(server)))
    shows(page, "1")
    server.stop()
    shows(page, "some")
    server.start()
    shows(page, "1", BACK_WITHIN_MS)


def test_a_page_keeps_the_client_that_it_brought(
    shared_server: Server, publish: Publish, visit: Visit
) -> None:
    own = "<script>globalThis.io = 'the page\\'s own';</script>"
    page = visit(publish("/", own + embedding(shared_server)))
    shows(page, "1")
    assert page.evaluate("globalThis.io") == "the page's own"


def test_a_page_without_elements_says_nothing_in_the_console(
    shared_server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    complaints: list[str] = []
    page = newcomer("en-US")
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    client = CROWD + "globalThis.told = true;"
    page.route("**/socket.io.js", lambda route: route.fulfill(body=client, content_type="text/javascript"))
    page.goto(publish("/", embedding(shared_server, "no number here")))
    page.wait_for_function("globalThis.told && document.readyState === 'complete'")
    assert complaints == []


def test_the_embed_is_small() -> None:
    assert len(gzip.compress((STATIC / "nannin.js").read_bytes())) <= SIZE_LIMIT_BYTES
