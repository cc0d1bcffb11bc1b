"""The widget, in a real browser: its link to the server, how it is lost and found again."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route

from support.cutting import cutter
from support.sample_page import Visit
from support.servers import Server, nannin
from whole.browser.pages.widget_site import (
    RECORDER,
    Publish,
    ScriptedServer,
    Wire,
    comes_true,
    embedding,
    key_of,
    shows,
)

Newcomer = Callable[..., Page]

BACK_WITHIN_MS = 15_000

NO_WEBSOCKET = {
    "throws": "globalThis.WebSocket = class { constructor() { throw new DOMException('no'); } };",
    "is missing": "delete globalThis.WebSocket;",
    "fails": """globalThis.WebSocket = class {
        constructor() { setTimeout(() => { this.onerror?.({}); this.onclose?.({ code: 1006 }); }); }
        close() {}
    };""",
}


# Notes when, by the page's own clock, WebSockets were opened, and when they or requests have ended.
NOTES_LINKS = """<script>
    const opens = [], ends = [];
    const end = () => { ends.push(performance.now()); };
    const openUrl = fetch;
    globalThis.fetch = (...args) => openUrl(...args).finally(end);
    globalThis.WebSocket = class extends WebSocket {
        constructor(...args) {
            opens.push(performance.now());
            super(...args);
            this.addEventListener("close", end);
        }
    };
</script>"""


def loses_its_server(server: Server, publish: Publish, page: Page) -> ScriptedServer:
    """Takes a page's server away, over all transports, after it has shown a number."""
    scripted = ScriptedServer(page, {"visitors": 2})
    page.route("**/socket.io/?*polling*", lambda route: route.abort())
    page.goto(publish("/", embedding(server, head=NOTES_LINKS)))
    shows(page, "2")
    scripted.up = False
    scripted.links[-1].close()
    return scripted


def has_seen_ends(page: Page, number: int) -> None:
    """Waits until the page knows that so many of its links have ended."""
    page.wait_for_function("number => ends.length >= number", arg=number)


def waited(page: Page) -> float:
    """For how many seconds the page waited after its last loss before it opened the last WebSocket."""
    return float(page.evaluate("(opens.at(-1) - ends.findLast((time) => time < opens.at(-1))) / 1000"))


def polls(page: Page) -> list[str]:
    """The methods of the page's requests to the Engine.IO path, from now on."""
    methods: list[str] = []
    page.on("request", lambda request: methods.append(request.method) if "EIO=4" in request.url else None)
    return methods


# --- where WebSocket fails ---


@pytest.mark.parametrize("failure", NO_WEBSOCKET.values(), ids=NO_WEBSOCKET.keys())
def test_where_websocket_fails_it_polls(
    shared_server: Server, publish: Publish, newcomer: Newcomer, failure: str
) -> None:
    page = newcomer("en")
    page.add_init_script(failure)
    methods = polls(page)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    url = publish("/", embedding(shared_server))
    page.goto(url)
    shows(page, "1")
    guest = newcomer("en")
    guest.goto(url)
    shows(page, "2")
    shows(guest, "2")
    assert "POST" in methods
    assert complaints == []


def test_a_polling_reader_watches_moves_and_leaves_like_any_other(
    publish: Publish, newcomer: Newcomer
) -> None:
    with nannin("--grace", "0", "--grace-lost", "30") as server:
        url = publish("/a", embedding(server, "<b data-nannin></b>"))
        other = key_of(publish("/b", ""))
        body = f'<b data-nannin>-</b> <i data-nannin data-nannin-page="{other}">-</i>'
        publish("/a", embedding(server, body))
        reader, poller = newcomer("en"), newcomer("en")
        poller.add_init_script(NO_WEBSOCKET["fails"])
        reader.goto(url)
        poller.goto(url)
        sees(reader, "2 0")
        sees(poller, "2 0")
        poller.evaluate("history.pushState(null, '', '/b')")
        sees(reader, "1 1")
        sees(poller, "1 1")
        poller.goto("about:blank")
        sees(reader, "1 0")


def sees(page: Page, text: str) -> None:
    comes_true(page, lambda: page.locator("body").inner_text() == text)


def test_a_polling_reader_is_back_after_a_close_packet_and_after_a_restart(
    server: Server, publish: Publish, newcomer: Newcomer
) -> None:
    page, other = newcomer("en"), newcomer("en")
    page.add_init_script(NO_WEBSOCKET["fails"])
    page.goto(publish("/", embedding(server)))
    shows(page, "1")
    closed: list[str] = []

    def close(route: Route) -> None:
        closed.append(route.request.url)
        route.fulfill(body="1")

    page.route(re.compile("sid="), close, times=1)
    other.goto(publish("/", embedding(server)))  # the poll that waits is answered
    comes_true(page, lambda: bool(closed))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    shows(page, "2", BACK_WITHIN_MS)
    other.close()
    shows(page, "1", BACK_WITHIN_MS)
    assert asked
    assert not [url for url in asked if closed[0].partition("sid=")[2].partition("&")[0] in url]
    server.stop()
    shows(page, "some")
    server.start()
    shows(page, "1", BACK_WITHIN_MS)


# --- a server that is away ---


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


# --- when it tries again, by a clock of the test's own ---

# How often a test looks for what has to come, without letting the page's time pass.
PATIENCE_TURNS = 2_000


@pytest.fixture
def page(newcomer: Newcomer) -> Page:
    """A page on which no time passes but what a test lets pass."""
    page = newcomer("en")
    page.clock.install(time=0)
    page.clock.pause_at(1_000)
    return page


def opens_anew(page: Page, links: Callable[[], int], at_most_s: float) -> None:
    """Lets time pass until the page opens its next link."""
    before, passed_ms, patience = links(), 0, PATIENCE_TURNS
    while links() == before:
        if passed_ms < at_most_s * 1000:
            page.clock.run_for(500)
            passed_ms += 500
        else:  # the page's time stands still; what it has begun may take real time on a busy machine
            assert patience, f"no new link within {at_most_s} s"
            patience -= 1
        page.wait_for_timeout(1)


def waits(page: Page, server: ScriptedServer, at_most_s: float) -> None:
    """Lets time pass until the page opens its next link to a scripted server."""
    opens_anew(page, lambda: len(server.links), at_most_s)


def test_a_link_that_is_lost_for_a_moment_changes_no_number(
    server: Server, publish: Publish, page: Page
) -> None:
    page.add_init_script(RECORDER)
    wire = Wire(page)
    with cutter(server) as network:
        page.goto(publish("/", embedding(network)))
        shows(page, "1")
        network.cut()
        comes_true(page, lambda: wire.ends == 1)
        opens_anew(page, lambda: wire.links, 2)
        comes_true(page, lambda: len(wire.joins) == 2 and "audience" in wire.heard[-1])
        page.clock.run_for(3_000)
        assert wire.joins[0] == wire.joins[1]
        shows(page, "1")
        assert page.evaluate("shown()") == ["some", "1"]


def test_it_waits_longer_each_time_up_to_a_minute_and_begins_anew_once_it_is_back(
    server: Server, publish: Publish, page: Page
) -> None:
    scripted = loses_its_server(server, publish, page)
    delays = []
    for ends in range(1, 19, 2):  # each time a WebSocket is tried, and then a poll
        has_seen_ends(page, ends)
        waits(page, scripted, 65)
        delays.append(waited(page))
    for delay, (least, most) in zip(delays, [(1, 2), (2, 4), (4, 8), (8, 16), (16, 32)], strict=False):
        assert least <= delay <= most
    assert all(30 <= delay <= 60 for delay in delays[5:])
    assert len(set(delays[5:])) > 1
    scripted.up = True
    has_seen_ends(page, 19)
    waits(page, scripted, 65)
    shows(page, "2")
    scripted.links[-1].close()
    has_seen_ends(page, 20)
    waits(page, scripted, 3)
    assert 1 <= waited(page) <= 2


def test_it_tries_at_once_when_the_network_is_back(server: Server, publish: Publish, page: Page) -> None:
    scripted = ScriptedServer(page, {"visitors": 2})
    page.route("**/socket.io/?*polling*", lambda route: route.abort())
    page.goto(publish("/", embedding(server)))
    shows(page, "2")
    scripted.up = False
    scripted.links[-1].close()
    for _ in range(4):
        waits(page, scripted, 20)
    scripted.up = True
    page.evaluate("dispatchEvent(new Event('online'))")
    shows(page, "2")


def test_a_server_that_falls_silent_is_left_for_a_new_link(
    server: Server, publish: Publish, page: Page
) -> None:
    scripted = ScriptedServer(page, {"visitors": 2}, patience_ms=5_000)
    page.goto(publish("/", embedding(server)))
    shows(page, "2")
    page.clock.run_for(9_000)
    scripted.links[-1].send("2")
    comes_true(page, lambda: "3" in scripted.sent)
    page.clock.run_for(10_900)  # 10 s of silence, and one before it tries again
    assert len(scripted.links) == 1
    waits(page, scripted, 2)
    shows(page, "2")


def test_an_old_number_goes_after_three_seconds(server: Server, publish: Publish, page: Page) -> None:
    loses_its_server(server, publish, page)
    has_seen_ends(page, 1)
    page.clock.run_for(2_900)
    shows(page, "2")
    page.clock.run_for(200)
    shows(page, "some")


def test_a_second_short_gap_is_not_seen_either(server: Server, publish: Publish, page: Page) -> None:
    scripted = ScriptedServer(page, {"visitors": 2})
    page.goto(publish("/", embedding(server, head=NOTES_LINKS)))
    shows(page, "2")
    scripted.links[-1].close()
    has_seen_ends(page, 1)
    waits(page, scripted, 3)
    shows(page, "2")
    scripted.up = False
    scripted.links[-1].close()
    has_seen_ends(page, 2)
    page.clock.run_for(900)  # with the rest before, it is three seconds since the first loss
    page.evaluate("dispatchEvent(new Event('visibilitychange'))")
    shows(page, "2")
    page.clock.run_for(2_200)
    shows(page, "some")


def test_moves_that_are_quicker_than_the_answers_leave_no_page_behind(
    server: Server, publish: Publish, page: Page
) -> None:
    scripted = ScriptedServer(page, {"visitors": 2})
    url = publish("/", embedding(server))
    page.goto(url)
    shows(page, "2")
    scripted.answers = False
    for number in range(6):
        page.evaluate(f"history.pushState(null, '', '/{number}')")
        page.clock.run_for(100)
    last = f"{key_of(url)}5"
    comes_true(page, lambda: scripted.joins()[-1:] == [last])
    left = [packet[2:-1] for packet in scripted.sent if packet.startswith("41")]
    assert left == scripted.joins()[:-1]
    scripted.tell(last, {"visitors": 3})
    shows(page, "3")


def test_a_page_that_was_refused_is_asked_for_again_by_who_comes_back_to_it(
    server: Server, publish: Publish, page: Page
) -> None:
    url = publish("/", embedding(server))
    scripted = ScriptedServer(page, {"visitors": 2}, refused=(f"{key_of(url)}members",))
    page.goto(url)
    shows(page, "2")
    for path in ("/members", "/", "/members"):
        page.evaluate(f"history.pushState(null, '', '{path}')")
        page.clock.run_for(100)
        comes_true(page, lambda path=path: scripted.joins()[-1] == key_of(url) + path[1:])  # type: ignore[misc]
    assert scripted.joins().count(f"{key_of(url)}members") == 2
    assert f"41{key_of(url)}members," not in scripted.sent, "it was never on it"


def test_where_the_pages_policy_allows_no_websocket_it_polls_at_once(
    server: Server, publish: Publish, page: Page
) -> None:
    policy = f"default-src 'none'; script-src {server.url}; connect-src {server.url}; img-src data:"
    page.goto(publish("/", embedding(server), Content_Security_Policy=policy))
    shows(page, "1")  # no time has passed


def test_a_page_that_is_refused_is_not_asked_for_again_over_the_same_link(
    server: Server, publish: Publish, page: Page
) -> None:
    url = publish("/", embedding(server))
    scripted = ScriptedServer(page, {"visitors": 2}, refused=(key_of(url),))
    page.goto(url)
    comes_true(page, lambda: len(scripted.sent) == 1)
    page.clock.run_for(30_000)
    page.evaluate("document.title = 'changed'")
    page.clock.run_for(1_000)
    assert len(scripted.sent) == 1
    shows(page, "some")
