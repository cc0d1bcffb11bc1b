"""Our Socket.IO client in Chromium, on Node's server and on nannin: links that end, and where links go."""

from __future__ import annotations

import re
import signal

import pytest
from playwright.sync_api import Page, WebSocketRoute

from support.servers import free_port
from whole.browser.pages.client_site import Site, both_transports, each_transport, serving

pytest_plugins = ["whole.browser.pages.client_fixtures"]

COME_BACK = "() => { const back = heard(socket, 'welcome'); socket.connect(); return back.then(() => true); }"

# Disconnecting, and coming back. A goodbye by POST may overtake the poll that was sent just before it: that
# poll then gets its 400, and the console a line. Tests that part as soon as they meet take a noisy page.


@each_transport
def test_client_that_disconnects_leaves_nothing_and_may_return(
    noisy_page: Page, site: Site, transports: list[str]
) -> None:
    noisy_page.goto(site.page)
    found = noisy_page.evaluate(
        """async (transports) => {
          window.socket = await joined({ ...quick, transports });
          const told = heard(socket, "disconnect");
          socket.emit("say", "goodbye");
          socket.disconnect();
          const [reason] = await told;
          return [reason, socket.connected, socket.disconnected, socket.id, socket.active];
        }""",
        transports,
    )
    assert found == ["io client disconnect", False, True, None, False]
    site.comes_to_nobody()
    assert noisy_page.evaluate(COME_BACK)
    assert site.stats()["sessions"] == 1
    noisy_page.goto("about:blank")
    site.comes_to_nobody()


@both_transports
def test_client_that_the_server_disconnects_stays_away(page: Page, site: Site, transports: list[str]) -> None:
    found = page.evaluate(
        """async (transports) => {
          window.socket = await joined({ ...quick, transports });
          socket.emit("leave");
          const [reason] = await heard(socket, "disconnect");
          return [reason, socket.active, socket.connected];
        }""",
        transports,
    )
    assert found == ["io server disconnect", False, False]
    site.comes_to_nobody()
    assert page.evaluate(COME_BACK)


@each_transport
def test_client_whose_session_the_server_ends_comes_back(page: Page, transports: list[str]) -> None:
    found = page.evaluate(
        """async (transports) => {
          const socket = await joined({ ...quick, transports });
          const { id } = socket;
          socket.emit("hang up");
          const [reason] = await heard(socket, "disconnect");
          const waiting = [socket.connected, socket.active];
          const tried = heard(socket.io, "reconnect_attempt");
          const again = heard(socket.io, "reconnect");
          await heard(socket, "welcome");
          return [reason, waiting, await tried, await again, socket.id !== id];
        }""",
        transports,
    )
    assert found == ["transport close", [False, True], [1], [1], True]


def test_websocket_that_the_server_closes_during_the_upgrade_is_written_to_no_more(
    noisy_page: Page, own_site: Site
) -> None:
    noisy_page.goto(own_site.page)
    sent = noisy_page.evaluate(
        """async () => {
          const sent = [];
          window.WebSocket = class extends WebSocket {
            get readyState() {
              return sent.length ? WebSocket.CLOSING : super.readyState;
            }
            send(data) {
              sent.push(data);
              super.send(data);
            }
          };
          await heard(io({ ...quick, transports: ["polling", "websocket"] }).io, "upgrade");
          return sent;
        }"""
    )
    assert sent == ["2probe"]


def test_client_without_reconnection_stays_away(page: Page, site: Site) -> None:
    reason = page.evaluate(
        """async () => {
          window.socket = await joined({ reconnection: false });
          socket.emit("hang up");
          return (await heard(socket, "disconnect"))[0];
        }"""
    )
    assert reason == "transport close"
    site.comes_to_nobody()
    assert page.evaluate(COME_BACK)


def test_engine_that_the_page_closes_opens_again(page: Page, site: Site) -> None:
    found = page.evaluate(
        """async () => {
          const socket = await joined(quick);
          const told = heard(socket, "disconnect");
          socket.io.engine.close();
          const [reason] = await told;
          await heard(socket, "welcome");
          return reason;
        }"""
    )
    assert found == "forced close"
    site.comes_to(lambda stats: stats["sessions"] == 1)


def test_namespace_that_was_left_before_the_answer_is_left_on_the_server(page: Page, site: Site) -> None:
    page.evaluate("async () => { window.first = await joined(); io('/slow').disconnect(); }")
    # Who asks later is answered later, too.
    page.evaluate("async () => { (await joined('/slow', { forceNew: true })).disconnect(); }")
    site.comes_to(lambda stats: stats["sockets"]["/slow"] == 0)
    assert page.evaluate("() => first.emitWithAck('echo', 'unharmed')") == "unharmed"


@each_transport
def test_client_that_leaves_and_returns_at_once_has_one_connection(
    noisy_page: Page, site: Site, transports: list[str]
) -> None:
    noisy_page.goto(site.page)
    noisy_page.evaluate(
        """async (transports) => {
          const first = await joined({ transports });
          const slow = io("/slow");
          slow.disconnect().connect().disconnect().connect();
          first.disconnect().connect().disconnect().connect();
          await Promise.all([heard(slow, "welcome"), heard(first, "welcome")]);
        }""",
        transports,
    )
    site.comes_to(lambda s: s["sessions"] == 1 and s["sockets"]["/"] == s["sockets"]["/slow"] == 1)
    noisy_page.goto("about:blank")
    site.comes_to_nobody()


@each_transport
def test_client_that_gives_up_while_connecting_leaves_nothing(
    page: Page, site: Site, transports: list[str]
) -> None:
    found = page.evaluate(
        """async (transports) => {
          const told = [];
          const socket = io({ transports });
          const events = ["connect", "connect_error", "disconnect"];
          for (const event of events) socket.on(event, () => told.push(event));
          socket.disconnect();
          const another = await joined({ transports, forceNew: true });
          another.disconnect();
          return told;
        }""",
        transports,
    )
    assert found == []
    site.comes_to_nobody()


def test_client_comes_back_after_the_server_restarts(noisy_page: Page, own_site: Site) -> None:
    noisy_page.goto(own_site.page)
    noisy_page.evaluate(
        """async () => {
          window.reasons = [];
          window.sockets = [await joined(quick), await joined("/second")];
          for (const socket of sockets) socket.on("disconnect", (reason) => reasons.push(reason));
          window.failed = heard(sockets[0], "connect_error");
        }"""
    )
    own_site.server.stop()
    assert noisy_page.evaluate("async () => (await failed)[0] instanceof Error && sockets[0].active")
    noisy_page.evaluate("() => { window.back = Promise.all(sockets.map((it) => heard(it, 'welcome'))); }")
    noisy_page.evaluate("() => { window.said = heard(sockets[0].emit('say', 'buffered'), 'said'); }")
    own_site.server.start()
    assert noisy_page.evaluate("() => back.then(() => said)") == ["buffered"]
    stats = own_site.stats()
    assert (stats["sessions"], stats["sockets"]["/"], stats["sockets"]["/second"]) == (1, 1, 1)
    assert noisy_page.evaluate("() => reasons.length") == 2
    assert set(noisy_page.evaluate("() => reasons")) <= {"transport close", "transport error"}


@pytest.mark.parametrize("name", ["official", "nannin"])
@both_transports
def test_client_whose_link_is_lost_comes_back_to_what_it_missed(
    noisy_page: Page, name: str, transports: list[str]
) -> None:
    with serving(name, recovers=True) as site:
        noisy_page.goto(site.page)
        found = noisy_page.evaluate(
            """async (transports) => {
              const lasting = { reconnectionDelay: 300, reconnectionDelayMax: 450, randomizationFactor: 0.5 };
              const reader = await joined({ ...lasting, transports });
              const editor = await joined({ forceNew: true });
              const told = [];
              reader.on("told", (text) => told.push(text));
              const { id, recovered } = reader;
              await editor.emitWithAck("tell all", "one");
              const back = heard(reader, "connect");
              reader.io.engine.close();
              await editor.emitWithAck("tell all", "two");
              await editor.emitWithAck("tell all", "three");
              await back;
              await editor.emitWithAck("tell all", "four");
              await reader.emitWithAck("echo");
              return [told, recovered, reader.recovered, reader.id == id];
            }""",
            transports,
        )
        assert found == [["one", "two", "three", "four"], False, True, True]


@both_transports
def test_server_that_stops_pinging_is_given_up(
    noisy_page: Page, own_site: Site, transports: list[str]
) -> None:
    noisy_page.goto(own_site.page)
    still_there = noisy_page.evaluate(
        """async (transports) => {
          window.socket = await joined({ ...quick, transports });
          await new Promise((resolve) => setTimeout(resolve, 900));
          return socket.connected;
        }""",
        transports,
    )
    assert still_there, "pings that come keep it"
    assert own_site.server.process
    own_site.server.process.send_signal(signal.SIGSTOP)
    try:
        assert noisy_page.evaluate("async () => (await heard(socket, 'disconnect'))[0]") == "ping timeout"
    finally:
        own_site.server.process.send_signal(signal.SIGCONT)
    assert noisy_page.evaluate("() => heard(socket, 'welcome').then(() => true)")
    own_site.comes_to(lambda stats: stats["sessions"] == 1)


def test_attempts_to_reconnect_are_told_and_end(noisy_page: Page, site: Site) -> None:
    noisy_page.goto(site.page)
    found = noisy_page.evaluate(
        """async (port) => {
          const socket = io(`http://127.0.0.1:${port}`, { ...quick, reconnectionAttempts: 3 });
          const told = [];
          socket.on("connect_error", (error) => told.push([error instanceof Error, socket.active]));
          socket.io.on("reconnect_attempt", (attempt) => told.push(attempt));
          await heard(socket.io, "reconnect_failed");
          return told;
        }""",
        free_port(),
    )
    failed = [True, True]
    assert found == [failed, 1, failed, 2, failed, 3, failed]


def test_attempts_back_off_from_1_to_5_seconds_with_jitter(page: Page) -> None:
    delays = page.evaluate(
        """async () => {
          const delays = [];
          const later = window.setTimeout;
          window.setTimeout = (then, ms, ...args) => {
            if (ms < 6000) delays.push(ms);
            return later(then, ms < 6000 ? 0 : ms, ...args);
          };
          window.WebSocket = class {
            constructor() { later(() => this.onerror({ type: "error" })); }
            close() {}
          };
          const socket = io({ transports: ["websocket"], reconnectionAttempts: 40 });
          await heard(socket.io, "reconnect_failed");
          return delays;
        }"""
    )
    assert len(delays) == 40
    assert 500 <= delays[0] <= 1500
    assert 1000 <= delays[1] <= 3000
    assert all(1600 <= delay <= 5000 for delay in delays[2:])
    assert len(set(delays)) > 30, "no two clients should come back together"


# Transports


def test_polling_that_upgrades_loses_and_reorders_nothing(page: Page, site: Site) -> None:
    found = page.evaluate(
        """async () => {
          const socket = io({ transports: ["polling", "websocket"] });
          const { engine } = socket.io;
          const names = [engine.transport.name];
          engine.on("upgrade", (transport) => names.push(transport.name));
          const answers = [];
          let sent = 0;
          while (names.length < 2 || sent < 100) {
            socket.emit("echo", sent++, new Uint8Array(2), (back) => answers.push(back));
            await new Promise((resolve) => setTimeout(resolve, 1));
          }
          await socket.emitWithAck("echo");
          return { names, sent, answers, last: engine.transport.name };
        }"""
    )
    assert found["names"] == ["polling", "websocket"]
    assert found["last"] == "websocket"
    assert found["answers"] == list(range(found["sent"]))
    assert site.stats()["sessions"] == 1


@pytest.mark.parametrize(
    "transports", [["websocket", "polling"], ["polling", "websocket"]], ids=" then ".join
)
def test_polling_is_used_where_websocket_is_refused(page: Page, site: Site, transports: list[str]) -> None:
    page.route_web_socket(re.compile(".*"), lambda route: route.close())
    found = page.evaluate(
        """async (transports) => {
          const socket = await joined({ transports });
          await new Promise((resolve) => setTimeout(resolve, 100));
          return [socket.io.engine.transport.name, await socket.emitWithAck("echo", "heard")];
        }""",
        transports,
    )
    assert found == ["polling", "heard"]
    assert site.stats()["sessions"] == 1


def test_polling_is_used_where_websocket_never_answers(page: Page) -> None:
    def say_nothing(_route: WebSocketRoute) -> None:
        """The page's WebSocket opens, and nothing ever comes."""

    page.route_web_socket(re.compile(".*"), say_nothing)
    name = page.evaluate("async () => (await joined({ timeout: 400 })).io.engine.transport.name")
    assert name == "polling"


def test_websocket_alone_fails_where_it_is_refused(page: Page) -> None:
    page.route_web_socket(re.compile(".*"), lambda route: route.close())
    found = page.evaluate(
        """async () => {
          const socket = io({ transports: ["websocket"], reconnection: false });
          const [error] = await heard(socket, "connect_error");
          return [error.message, socket.connected];
        }"""
    )
    assert found == ["websocket error", False]


@pytest.mark.parametrize("name", ["official", "nannin"])
def test_posts_stay_within_the_max_payload_of_the_server(noisy_page: Page, name: str) -> None:
    with serving(name, max_payload_bytes=20_000) as small:
        noisy_page.goto(small.page)
        sizes: list[int] = []
        noisy_page.on("request", lambda request: sizes.append(len(request.post_data_buffer or b"")))
        found = noisy_page.evaluate(
            """async () => {
              const socket = await joined({ transports: ["polling"] });
              const word = "語".repeat(1500);
              const numbers = Array.from({ length: 30 }, (_, number) => number);
              return Promise.all(numbers.map((number) => socket.emitWithAck("echo", number, word)));
            }"""
        )
        assert found == list(range(30))
        assert 10_000 < max(sizes) <= 20_000


# Where to connect to


ADDRESSES = [
    ("", "PAGE", "/"),
    ("/news", "PAGE", "/news"),
    ("/a%20b/語?c=d#e", "PAGE", "/a%20b/語"),
    ("http://localhost", "PAGE", "/"),
    ("http://localhost/", "PAGE", "/"),
    ("ws://127.0.0.1/news", "PAGE", "/news"),
    ("//[::1]/news", "PAGE", "/news"),
    ("localhost", "PAGE", "/"),
    ("https://localhost", "https://localhost", "/"),
    ("http://localhost:80", "http://localhost", "/"),
    ("http://localhost:8123/news", "http://localhost:8123", "/news"),
    ("http://example.com", "http://example.com", "/"),
    ("wss://example.com:8443/news", "https://example.com:8443", "/news"),
    ("example.com:81", "http://example.com:81", "/"),
]


def test_address_leads_to_a_server_and_a_namespace(page: Page, site: Site) -> None:
    found = page.evaluate(
        """(addresses) => addresses.map((address) => {
          const { io: { uri }, nsp } = io(address, { autoConnect: false, forceNew: true });
          return [address, uri, nsp];
        })""",
        [address for address, _, _ in ADDRESSES],
    )
    assert found == [
        [address, f"{server.replace('PAGE', site.url)}/socket.io/", nsp] for address, server, nsp in ADDRESSES
    ]


def test_page_of_2011_connects_to_its_own_port(page: Page, site: Site) -> None:
    assert page.url.startswith("http://127.0.0.1:")
    assert page.evaluate("() => joined('http://localhost').then((socket) => socket.connected)")
    assert site.stats()["sockets"]["/"] == 1


def test_path_is_the_one_that_is_asked_for(page: Page, site: Site) -> None:
    found = page.evaluate("() => ['/live', '/live/'].map((path) => io({ path, autoConnect: false }).io.uri)")
    assert found == [f"{site.url}/live/"] * 2


def test_script_under_a_mount_path_connects_there(noisy_page: Page, site: Site) -> None:
    if site.name == "official":
        return  # it has no mount paths: its clients must be told `path`, which the test above does
    noisy_page.goto(f"{site.url}/client/mounted")
    uri = noisy_page.evaluate("() => joined().then((socket) => socket.io.uri)")
    assert uri == f"{site.url}/mounted/socket.io/"
    uri = noisy_page.evaluate("() => io({ path: '/socket.io', autoConnect: false }).io.uri")
    assert uri == f"{site.url}/socket.io/"
    noisy_page.goto("about:blank")
    site.comes_to_nobody()


# The page's life


@each_transport
def test_page_that_is_left_leaves_at_once(page: Page, site: Site, transports: list[str]) -> None:
    page.evaluate(
        "async (transports) => { await joined({ transports }); await joined('/second'); }", transports
    )
    page.goto("about:blank")
    site.comes_to_nobody()


@both_transports
def test_page_in_the_back_forward_cache_is_away_until_it_is_shown(
    noisy_page: Page, site: Site, transports: list[str]
) -> None:
    noisy_page.goto(site.page)
    reasons = noisy_page.evaluate(
        """async (transports) => {
          window.sockets = [await joined({ transports }), await joined("/second")];
          window.never = (await joined("/second", { forceNew: true })).disconnect();
          const told = sockets.map((socket) => heard(socket, "disconnect"));
          dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true }));
          return (await Promise.all(told)).map(([reason]) => reason);
        }""",
        transports,
    )
    assert reasons == ["transport close"] * 2
    site.comes_to_nobody()
    noisy_page.evaluate(
        """async () => {
          const back = Promise.all(sockets.map((socket) => heard(socket, "welcome")));
          dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
          await back;
        }"""
    )
    stats = site.stats()
    assert (stats["sessions"], stats["sockets"]["/"], stats["sockets"]["/second"]) == (1, 1, 1)
    assert noisy_page.evaluate("() => never.connected") is False
    noisy_page.goto("about:blank")
    site.comes_to_nobody()
