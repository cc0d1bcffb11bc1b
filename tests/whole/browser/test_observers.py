"""What observers see in a real browser: the stream, the page for an iframe, the badge."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from playwright.sync_api import Page, expect

from support.sample_page import Visit, shows_japanese
from support.servers import ROOT, Server, free_port, nannin

FOLLOW = """
(url) => {
  globalThis.seen = [];
  globalThis.opened = 0;
  const stream = new EventSource(url);
  stream.addEventListener("open", () => { opened += 1; });
  stream.addEventListener("audience", (event) => seen.push(JSON.parse(event.data)));
}
"""
PHONE = {"width": 360, "height": 640}


class Site:
    """Somebody else's site on this machine: one page at `url`, and at `far_url` by a name of its own."""

    def __init__(self) -> None:
        self.body = b""
        self.headers: dict[str, str] = {}
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                for name, value in {"Content-Type": "text/html; charset=utf-8", **site.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(site.body)))
                self.end_headers()
                self.wfile.write(site.body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        self.far_url = self.url.replace("127.0.0.1", "www.example")

    def show(self, server: Server, *, style: str = "", query: str = "", more: str = "") -> None:
        """Its page has our frame and our badge on it, and more."""
        self.body = f"""<!doctype html><html><head><link rel="icon" href="data:,">
            <meta name="viewport" content="width=device-width"><style>html {{ {style} }}
            iframe {{ border: 0; width: 100%; height: 3rem; display: block; }}</style></head><body>
            <p>A page of another site</p>
            <iframe src="{server.url}/embed?page=/nobody{query}" title="Readers now"></iframe>
            <p>And on it goes. <img src="{server.url}/badge.svg?page=/nobody" alt=""></p>{more}
            </body></html>""".encode()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    thread = threading.Thread(target=site.server.serve_forever, args=(0.01,))
    thread.start()
    yield site
    site.server.shutdown()
    thread.join()
    site.server.server_close()


def follow(page: Page, url: str) -> None:
    page.evaluate(FOLLOW, url)


def saw(page: Page, *numbers: int) -> None:
    """Waits until these are the numbers of visitors that were seen, in their order."""
    page.wait_for_function(f"seen.length >= {len(numbers)}")
    assert page.evaluate("seen.map((count) => count.visitors)") == list(numbers)


# --- the stream ---


def test_a_page_of_another_site_follows_the_count_and_is_not_counted(
    server: Server, site: Site, visit: Visit
) -> None:
    follower = visit(site.url)
    follow(follower, f"{server.url}/api/stream")
    saw(follower, 0)
    visitor = visit(server.url)
    shows_japanese(visitor, 1)
    saw(follower, 0, 1)
    visitor.close()
    saw(follower, 0, 1, 0)
    assert follower.evaluate("seen[1]") == {"page": "/", "connections": 1, "visitors": 1, "visible": 1}


def test_a_browser_comes_back_by_itself_to_a_server_that_was_away(site: Site, visit: Visit) -> None:
    port = free_port()
    with nannin(port=port) as server:
        follower = visit(site.url)
        follow(follower, f"{server.url}/api/stream")
        saw(follower, 0)
    with nannin(port=port):
        saw(follower, 0, 0)
        assert follower.evaluate("opened") == 2


def test_a_page_that_is_not_allowed_can_not_follow(site: Site, far_page: Page) -> None:
    with nannin("--no-public") as server:
        far_page.goto(site.far_url)
        with far_page.expect_event("requestfailed", lambda request: "/api/stream" in request.url):
            follow(far_page, f"{server.url}/api/stream")
        assert far_page.evaluate("seen") == []


def test_a_page_that_is_allowed_by_name_follows(site: Site, far_page: Page) -> None:
    with nannin("--no-public", "--allow-origins", site.far_url.rstrip("/")) as server:
        far_page.goto(site.far_url)
        follow(far_page, f"{server.url}/api/stream")
        saw(far_page, 0)


# --- the page for an iframe ---


def test_the_frame_shows_who_is_on_the_page_and_is_not_counted(server: Server, visit: Visit) -> None:
    frame = visit(f"{server.url}/embed?page=/", "en-US")
    expect(frame.locator("#sentence")).to_have_text("0 people here now")
    visitor = visit(server.url)
    shows_japanese(visitor, 1)
    expect(frame.locator("#sentence")).to_have_text("1 person here now")
    visitor.close()
    expect(frame.locator("#sentence")).to_have_text("0 people here now")


@pytest.mark.parametrize(
    ("browser_language", "query", "words", "language"),
    [
        ("ja-JP", "", "いま0人が見ています", "ja"),
        ("fr-FR", "", "0 people here now", "en"),
        ("en-US", "&lang=ja", "いま0人が見ています", "ja"),
        ("ja-JP", "&lang=en", "0 people here now", "en"),
    ],
)
def test_the_frame_speaks_the_readers_language_or_the_one_asked_for(
    shared_server: Server, visit: Visit, browser_language: str, query: str, words: str, language: str
) -> None:
    frame = visit(f"{shared_server.url}/embed?page=/nobody{query}", browser_language)
    expect(frame.locator("#sentence")).to_have_text(words)
    expect(frame.locator("html")).to_have_attribute("lang", language)


@pytest.mark.parametrize(
    ("query", "words", "language"),
    [
        ("&one=Ein Leser&other={n} Leser gerade hier&lang=de", "0 Leser gerade hier", "de"),
        ("&zero=لا أحد&other={n}&lang=ar", "لا أحد", "ar"),
        ("&other=readers: {n} ({n})", "readers: 0 (0)", ""),
        ("&other=somebody", "somebody", ""),
        ("&other=<b>{n}</b>&lang=x%00", "<b>0</b>", ""),
        ("&lang=de", "0 people here now", "en"),
        ("&lang=nonsense!&theme=nonsense&t=1", "0 people here now", "en"),
    ],
)
def test_the_frame_takes_words_of_any_language(
    shared_server: Server, visit: Visit, query: str, words: str, language: str
) -> None:
    frame = visit(f"{shared_server.url}/embed?page=/nobody{query}", "en-US")
    expect(frame.locator("#sentence")).to_have_text(words)
    expect(frame.locator("html")).to_have_attribute("lang", language)


def test_the_frame_is_quiet_where_there_is_no_such_page(shared_server: Server, visit: Visit) -> None:
    frame = visit(f"{shared_server.url}/embed?page=nonsense", "en-US")
    expect(frame.locator("body")).to_have_attribute("data-state", "unknown")
    expect(frame.locator("body")).to_have_text("–")


def test_the_frame_works_under_a_mount_path(visit: Visit) -> None:
    with nannin("--root-path", "/live") as server:
        frame = visit(f"{server.url}/live/embed", "en-US")
        expect(frame.locator("#sentence")).to_have_text("0 people here now")


def test_the_frame_leaves_the_console_empty(shared_server: Server, newcomer: Callable[..., Page]) -> None:
    page = newcomer("en-US")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{shared_server.url}/embed?page=/nobody&theme=dark")
    expect(page.locator("#sentence")).to_have_text("0 people here now")
    assert said == []


def test_the_frame_takes_its_number_away_while_nobody_knows_it(visit: Visit) -> None:
    port = free_port()
    with nannin(port=port) as server:
        frame = visit(f"{server.url}/embed", "en-US")
        expect(frame.locator("#number")).to_have_text("0")
    expect(frame.locator("#number")).to_have_text("–")
    expect(frame.locator("body")).to_have_attribute("data-state", "waiting")
    with nannin(port=port):
        expect(frame.locator("#number")).to_have_text("0", timeout=15_000)


def test_the_frame_asks_again_after_a_proxy_has_answered_in_the_servers_place(
    shared_server: Server, newcomer: Callable[..., Page]
) -> None:
    page = newcomer("en-US")
    page.clock.install()
    page.route("**/api/stream*", lambda route: route.fulfill(status=502))
    with page.expect_response("**/api/stream*"):
        page.goto(f"{shared_server.url}/embed?page=/nobody")
    expect(page.locator("#number")).to_have_text("–")
    page.unroute("**/api/stream*")
    page.clock.run_for(10_000)
    expect(page.locator("#number")).to_have_text("0")


@pytest.mark.parametrize(
    ("query", "words", "title"),
    [
        ("", "≈\xa01,234 people here now", "may be out of date"),
        ("&lang=ja", "いま≈\xa01,234人が見ています", "最新ではない場合があります"),
        ("&lang=pl&other={n} osób", "≈\xa01234 osób", ""),
        ("&other=readers: {n}", "readers: ≈\xa01,234", ""),
    ],
)
def test_the_frame_says_that_its_number_may_be_old_until_it_is_sure(
    shared_server: Server, newcomer: Callable[..., Page], query: str, words: str, title: str
) -> None:
    page = newcomer("en-US")
    page.add_init_script(
        """globalThis.EventSource = class extends EventTarget {
          constructor() {
            super();
            globalThis.told = (data) => this.dispatchEvent(new MessageEvent("audience", { data }));
          }
        };"""
    )
    page.goto(f"{shared_server.url}/embed?page=/nobody{query}")
    page.evaluate("told(JSON.stringify({ visitors: 1234, stale: true }))")
    sentence = page.locator("#sentence")
    expect(page.locator("body")).to_have_attribute("data-state", "stale")
    assert sentence.text_content() == words
    expect(sentence).to_have_attribute("title", title)
    page.evaluate("told(JSON.stringify({ visitors: 1234 }))")
    expect(page.locator("body")).to_have_attribute("data-state", "live")
    assert sentence.text_content() == words.replace("≈\xa0", "")
    expect(sentence).to_have_attribute("title", "")


def colour_at(page: Page, selector: str) -> tuple[int, int, int]:
    """The colour that is painted in the lower right corner of an element."""
    png = page.locator(selector).screenshot()
    found = page.evaluate(
        """async (bytes) => {
          const image = await createImageBitmap(new Blob([new Uint8Array(bytes)], { type: "image/png" }));
          const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
          context.drawImage(image, 0, 0);
          return [...context.getImageData(image.width - 2, image.height - 2, 1, 1).data];
        }""",
        list(png),
    )
    return (found[0], found[1], found[2])


@pytest.mark.parametrize(
    ("style", "query", "scheme"),
    [
        ("background: rgb(250, 240, 200)", "", "light"),
        ("background: rgb(250, 240, 200)", "&theme=light", "dark"),
        ("background: rgb(10, 40, 60); color: white; color-scheme: dark", "&theme=dark", "light"),
        ("background: rgb(10, 40, 60); color: white; color-scheme: dark", "", "dark"),
    ],
)
def test_the_page_shows_through_the_frame(
    shared_server: Server,
    site: Site,
    newcomer: Callable[..., Page],
    style: str,
    query: str,
    scheme: str,
) -> None:
    page = newcomer("en-US", viewport=PHONE, color_scheme=scheme)
    site.show(shared_server, style=style, query=query)
    page.goto(site.url)
    expect(page.frame_locator("iframe").locator("#sentence")).to_have_text("0 people here now")
    channels = re.findall(r"\d+", style)[:3]
    assert colour_at(page, "iframe") == tuple(map(int, channels))


def test_a_page_that_isolates_itself_shows_frame_and_badge(
    shared_server: Server, site: Site, visit: Visit
) -> None:
    site.headers = {
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    site.show(shared_server)
    page = visit(site.url, "en-US")
    assert page.evaluate("crossOriginIsolated") is True
    expect(page.frame_locator("iframe").locator("#sentence")).to_have_text("0 people here now")
    assert page.locator("img").evaluate("(image) => image.naturalWidth") > 50


def test_a_page_that_is_not_allowed_shows_neither(site: Site, far_page: Page) -> None:
    with nannin("--no-public") as server:
        site.show(server)
        asked: list[str] = []
        far_page.on("request", lambda request: asked.append(request.url))
        far_page.goto(site.far_url, wait_until="networkidle")
        assert f"{server.url}/embed?page=/nobody" in asked
        assert not [url for url in asked if "/api/stream" in url]
        assert far_page.frame_locator("iframe").locator("#sentence").count() == 0
        assert far_page.locator("img").evaluate("(image) => image.naturalWidth") == 0


def test_a_page_that_is_allowed_by_name_shows_the_frame(site: Site, far_page: Page) -> None:
    with nannin("--no-public", "--allow-origins", site.far_url.rstrip("/")) as server:
        site.show(server, query="&lang=en")
        far_page.goto(site.far_url)
        expect(far_page.frame_locator("iframe").locator("#sentence")).to_have_text("0 people here now")


# --- the badge ---


@pytest.mark.parametrize("style", ["flat", "flat-square", "plain"])
@pytest.mark.parametrize("label", ["online", "WWWWWiiiii", "いま見ている人", ""])
def test_what_a_badge_says_fits_into_it(shared_server: Server, visit: Visit, style: str, label: str) -> None:
    page = visit(f"{shared_server.url}/badge.svg?page=/nobody&style={style}&label={label}")
    boxes = page.evaluate(
        "[...document.querySelectorAll('text')].map((text) => text.getBBox()).map("
        "(box) => [box.x, box.x + box.width])"
    )
    width = page.evaluate("document.documentElement.width.baseVal.value")
    ends = [0, *(edge for box in boxes for edge in box), width]
    # What stands side by side does not overlap by more than a pixel.
    assert all(after - before > -1 for before, after in pairwise(ends))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_frame_and_badges_fit_a_phone(
    shared_server: Server, site: Site, newcomer: Callable[..., Page], scheme: str
) -> None:
    page = newcomer("ja-JP", viewport=PHONE, color_scheme=scheme, device_scale_factor=2)
    badges = "".join(
        f'<p><img src="{shared_server.url}/badge.svg?page=/nobody&style={style}&{query}" alt=""></p>'
        for style in ("flat", "flat-square", "plain")
        for query in ("", "label=いま見ている人&color=blue", "label=&color=red", "label=now&color=yellow")
    )
    site.show(shared_server, style="color-scheme: light dark", more=badges)
    page.goto(site.url, wait_until="load")
    expect(page.frame_locator("iframe").locator("#sentence")).to_have_text("いま0人が見ています")
    widths = page.locator("img").evaluate_all("(images) => images.map((image) => image.naturalWidth)")
    assert min(widths) >= 7
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    # The picture, to be looked at.
    (ROOT / "tests" / "artifacts").mkdir(exist_ok=True)
    page.screenshot(path=ROOT / "tests" / "artifacts" / f"observers-{scheme}.png")
