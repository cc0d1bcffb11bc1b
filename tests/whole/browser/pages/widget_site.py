"""For the tests of the widget: a site that carries it, what its readers see, and a scripted server."""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol
from urllib.parse import urlsplit

from playwright.sync_api import Page, WebSocketRoute, expect

Publish = Callable[..., str]

# Every text that the first element showed, in order; shown() tells them. An element that the parser has just
# begun has none yet.
RECORDER = """
const seen = [];
globalThis.shown = () => seen;
const isWhole = (element) => element.firstChild || element.nextSibling || document.readyState !== "loading";
const note = () => {
  const element = document.querySelector("[data-nannin]");
  if (element && isWhole(element) && seen.at(-1) !== element.textContent) seen.push(element.textContent);
};
new MutationObserver(note).observe(document, { subtree: true, childList: true, characterData: true });
document.addEventListener("DOMContentLoaded", note);
"""

# A tab in the background from its start; look(true) brings it to the front, look(false) takes it back.
IN_THE_BACKGROUND = """
let isHidden = true;
const visibilityState = () => (isHidden ? "hidden" : "visible");
Object.defineProperty(Document.prototype, "hidden", { get: () => isHidden });
Object.defineProperty(Document.prototype, "visibilityState", { get: visibilityState });
globalThis.look = (visible) => {
  isHidden = !visible;
  document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
};
"""


class HasUrl(Protocol):
    """A server, or a network in front of one."""

    @property
    def url(self) -> str:
        """Where it answers."""


def embedding(
    server: HasUrl,
    body: str = "<span data-nannin>some</span>",
    language: str = "en",
    *,
    head: str = "",
    tag: str = "",
    mount: str = "",
) -> str:
    """A page of somebody else's site that carries the tag.

    Args:
        server: where the tag leads.
        body: what the page says.
        language: of the page.
        head: what stands in the page's head before the tag.
        tag: attributes of the tag.
        mount: the path under which the server is.
    """
    return (
        f'<!doctype html><html lang="{language}"><head><link rel="icon" href="data:,">{head}'
        f'<script async src="{server.url}{mount}/nannin.js" {tag}></script></head><body>{body}</body></html>'
    )


def answer(
    request: http.server.BaseHTTPRequestHandler,
    html: bytes,
    headers: dict[str, str] | None = None,
) -> None:
    """Answers a request with a page; an empty one is not there."""
    request.send_response(200 if html else 404)
    for name, value in (headers or {}).items():
        request.send_header(name, value)
    request.send_header("Content-Type", "text/html; charset=utf-8")
    request.send_header("Content-Length", str(len(html)))
    request.end_headers()
    request.wfile.write(html)


@contextlib.contextmanager
def site() -> Iterator[Publish]:
    """A site on another loopback origin; yields what puts a page at a path of it and returns its URL."""
    pages: dict[str, tuple[bytes, dict[str, str]]] = {}

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body, headers = pages.get(self.path) or pages.get(urlsplit(self.path).path, (b"", {}))
            answer(self, body, headers)

        def log_message(self, *_: object) -> None:
            pass

    def put(path: str, html: str, **headers: str) -> str:
        pages[path] = html.encode(), {name.replace("_", "-"): value for name, value in headers.items()}
        return f"http://127.0.0.1:{server.server_port}{path}"

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield put
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def key_of(url: str) -> str:
    """The key of a page that is not on nannin's own host."""
    return "/" + url.partition("://")[2]


def shows(page: Page, text: str, timeout_ms: float = 10_000) -> None:
    """Waits until every element of the page shows this text."""
    elements = page.locator("[data-nannin]")
    expect(elements.first).to_have_text(text, timeout=timeout_ms)
    for element in elements.all():
        expect(element).to_have_text(text, timeout=timeout_ms)


def comes_true(page: Page, condition: Callable[[], bool], within_s: float = 10.0) -> None:
    """Waits, for a bounded time, until something holds that the page's traffic brings about."""
    give_up_at = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < give_up_at, "it never came true"
        page.wait_for_timeout(10)  # lets Playwright hear of what happened


class Wire:
    """What goes over the WebSockets of one page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.links = 0
        self.ends = 0
        self.sent: list[str] = []
        self.heard: list[str] = []
        page.on("websocket", self._add)

    def _add(self, link: Any) -> None:
        self.links += 1
        link.on("framesent", lambda frame: self.sent.append(str(frame)))
        link.on("framereceived", lambda frame: self.heard.append(str(frame)))
        link.on("close", self._end)

    def _end(self, _link: Any) -> None:
        self.ends += 1

    @property
    def joins(self) -> list[tuple[str, dict[str, Any]]]:
        """The pages that it asked for, each with the payload of its CONNECT, in order."""
        matches = [re.fullmatch(r"40(/[^,]*),(.*)", frame) for frame in self.sent]
        return [(match[1], json.loads(match[2])) for match in matches if match]

    @property
    def joined(self) -> dict[str, dict[str, Any]]:
        """The last payload for each page."""
        return dict(self.joins)

    def sends(self, packet: str) -> None:
        """Waits until the page has sent this packet."""
        comes_true(self.page, lambda: packet in self.sent)


class ScriptedServer:
    """Stands in for the server on a page's WebSockets, where a test says what is told, and when.

    Args:
        page: a page that has not loaded anything yet.
        count: what is told to who joins; None tells nothing.
        refused: pages that are refused.
        patience_ms: the ping interval and the ping timeout, each.
    """

    def __init__(
        self,
        page: Page,
        count: dict[str, int] | None = None,
        refused: tuple[str, ...] = (),
        patience_ms: int = 20_000,
    ) -> None:
        self.page, self.count, self.refused, self.patience_ms = page, count, refused, patience_ms
        self.links: list[WebSocketRoute] = []
        self.sent: list[str] = []
        self.up = True
        self.answers = True  # whether those who ask for a page hear of it
        page.route_web_socket(re.compile(r"/socket\.io/\?"), self._open)

    def _open(self, link: WebSocketRoute) -> None:
        self.links.append(link)
        if not self.up:
            link.close(code=1011)
            return
        link.on_message(lambda message: self._receive(link, str(message)))
        handshake = {"sid": "a", "upgrades": [], "maxPayload": 16384}
        patience = {"pingInterval": self.patience_ms, "pingTimeout": self.patience_ms}
        link.send("0" + json.dumps(handshake | patience))

    def _receive(self, link: WebSocketRoute, message: str) -> None:
        self.sent.append(message)
        connect = re.fullmatch(r"40(/[^,]*),(.*)", message)
        if not connect or not self.answers:
            return
        key = connect[1]
        if key in self.refused:
            link.send(f'44{key},{{"message":"Invalid namespace"}}')
            return
        link.send(f'40{key},{{"sid":"b"}}')
        if self.count is not None:
            self.tell(key, self.count, link)

    def tell(self, key: str, count: dict[str, int], link: WebSocketRoute | None = None) -> None:
        """Tells a page's count."""
        update = json.dumps(["audience", {"page": key, **count}])
        (link or self.links[-1]).send(f"42{key},{update}")

    def joins(self) -> list[str]:
        """The pages that were asked for, in order."""
        return [match[1] for match in (re.match(r"40(/[^,]*),", packet) for packet in self.sent) if match]
