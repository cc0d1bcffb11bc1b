"""Our Socket.IO client in Chromium, against Node's official server and against nannin: the same scenarios on both."""

from __future__ import annotations

import gzip
import re
import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute

from browser.pages.client_site import HELPERS, Site, serving
from servers import ROOT, free_port

SCRIPT = ROOT / "src" / "nannin" / "web" / "static" / "socket.io.js"


@pytest.fixture(scope="module", params=["official", "nannin"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    with serving(request.param) as started:
        yield started


@pytest.fixture(params=["official", "nannin"])
def own_site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """A server that the test may stop, halt and start."""
    with serving(request.param, ping_interval_s=0.3, ping_timeout_s=0.3) as started:
        yield started


@pytest.fixture
def noisy_page(chromium: Browser) -> Iterator[Page]:
    """A page whose test expects errors on the console, such as those of a server that is away."""
    with chromium.new_context() as context:
        context.add_init_script(HELPERS)
        yield context.new_page()


@pytest.fixture
def page(noisy_page: Page, site: Site) -> Iterator[Page]:
    """A page with our client; at the end it has said nothing on the console and left nothing on the server."""
    errors: list[str] = []
    noisy_page.on("console", lambda message: errors.append(f"{message.type}: {message.text}"))
    noisy_page.on("pageerror", lambda error: errors.append(str(error)))
    noisy_page.goto(site.page)
    yield noisy_page
    assert errors == []
    noisy_page.goto("about:blank")
    site.comes_to_nobody()


each_transport = pytest.mark.parametrize(
    "transports", [["websocket"], ["polling"], ["polling", "websocket"]], ids=" then ".join
)


def test_file_is_at_most_5_kb_gzipped() -> None:
    assert len(gzip.compress(SCRIPT.read_bytes(), 9)) <= 5000


# Connecting


@each_transport
def test_client_connects_and_knows_its_id(page: Page, transports: list[str]) -> None:
    found = page.evaluate(
        """async (transports) => {
          const socket = io({ transports });
          const before = [socket.connected, socket.disconnected, socket.id, socket.active];
          const order = [];
          socket.on("connect", () => order.push("connect"));
          const [welcome] = await heard(socket, "welcome");
          const { connected, disconnected } = socket;
          return { before, order, connected, disconnected, sameId: socket.id === welcome.id };
        }""",
        transports,
    )
    assert found == {
        "before": [False, True, None, True],
        "order": ["connect"],
        "connected": True,
        "disconnected": False,
        "sameId": True,
    }


@pytest.mark.parametrize(
    "call",
    ["io()", "io({})", "io('/')", "io(location.origin)", "io(location.origin, {})", "io.connect()", "io('')"],
)
def test_every_way_to_call_io_connects(page: Page, call: str) -> None:
    assert page.evaluate(f"async () => (await heard({call}, 'connect')) && true")


def test_auth_may_be_an_object_or_a_function(page: Page) -> None:
    found = page.evaluate(
        """async () => {
          const object = await joined({ auth: { name: "an object" }, forceNew: true });
          const later = (callback) => setTimeout(callback, 10, { name: "a function" });
          const called = await joined({ auth: later, forceNew: true });
          return [object.welcome.auth.name, called.welcome.auth.name];
        }"""
    )
    assert found == ["an object", "a function"]


@each_transport
def test_query_travels_with_the_handshake(page: Page, site: Site, transports: list[str]) -> None:
    with (
        page.expect_event("websocket")
        if transports[0] == "websocket"
        else page.expect_request("**/socket.io/*") as it
    ):
        page.evaluate(
            "(transports) => joined('/?b=2', { transports, forceNew: true }).then(() => 1)", transports
        )
    assert "b=2" in it.value.url
    assert "EIO=4" in it.value.url


def test_socket_without_autoconnect_waits_to_be_asked(page: Page, site: Site) -> None:
    page.evaluate("() => { window.socket = io({ autoConnect: false }); }")
    assert page.evaluate("() => [socket.connected, socket.active]") == [False, False]
    assert site.stats()["sessions"] == 0
    assert (
        page.evaluate("() => { const heardIt = heard(socket, 'connect'); socket.connect(); return heardIt; }")
        == []
    )


def test_namespaces_share_one_session(page: Page, site: Site) -> None:
    page.evaluate("async () => { window.first = await joined(); window.second = await joined('/second'); }")
    stats = site.stats()
    assert stats["sessions"] == 1
    assert stats["sockets"]["/"] == stats["sockets"]["/second"] == 1
    assert page.evaluate("() => first.id !== second.id && first.io === second.io")
    page.evaluate("() => first.disconnect()")
    site.comes_to(lambda stats: stats["sockets"]["/"] == 0)
    assert page.evaluate("() => second.emitWithAck('echo', 'still here')") == "still here"
    assert site.stats()["sessions"] == 1


@pytest.mark.parametrize(
    "options", [{"forceNew": True}, {"multiplex": False}, {"force new connection": True}], ids=str
)
def test_session_can_be_asked_for_alone(page: Page, site: Site, options: dict[str, bool]) -> None:
    page.evaluate("(options) => joined().then(() => joined('/second', options)).then(() => 1)", options)
    assert site.stats()["sessions"] == 2


def test_namespace_that_is_in_use_gets_a_session_of_its_own(page: Page, site: Site) -> None:
    assert page.evaluate("async () => (await joined('/second')).id !== (await joined('/second')).id")
    assert site.stats()["sessions"] == 2


def test_namespace_may_be_in_any_script(page: Page, site: Site) -> None:
    assert page.evaluate("() => joined('/日本').then((socket) => socket.nsp)") == "/日本"
    assert site.stats()["sockets"]["/日本"] == 1


@pytest.mark.parametrize(
    ("namespace", "message", "data"),
    [("/refused", "no entry", {"code": 7}), ("/nowhere", "Invalid namespace", None)],
)
def test_refusal_is_told_and_not_retried(
    page: Page, site: Site, namespace: str, message: str, data: dict[str, int] | None
) -> None:
    found = page.evaluate(
        """async (namespace) => {
          const socket = io(namespace, quick);
          const [error] = await heard(socket, "connect_error");
          return [error instanceof Error, error.message, error.data, socket.active, socket.connected];
        }""",
        namespace,
    )
    assert found == [True, message, data, False, False]
    site.comes_to_nobody()


# Events and acks


@each_transport
def test_server_answers_an_emit(page: Page, transports: list[str]) -> None:
    found = page.evaluate(
        """async (transports) => {
          const socket = await joined({ transports });
          return new Promise((resolve) => socket.emit("echo", 1, "二", [null], { a: true }, (...args) => resolve(args)));
        }""",
        transports,
    )
    assert found == [1, "二", [None], {"a": True}]


@each_transport
def test_client_answers_the_server(page: Page, transports: list[str]) -> None:
    found = page.evaluate(
        """async (transports) => {
          const socket = await joined({ transports });
          socket.on("question", (question, answer) => { answer(question + "!"); answer("a second answer is none"); });
          socket.emit("ask", "well");
          return heard(socket, "answered");
        }""",
        transports,
    )
    assert found == ["well!"]


@each_transport
def test_binary_goes_both_ways(page: Page, transports: list[str]) -> None:
    found = page.evaluate(
        """async (transports) => {
          const socket = await joined({ transports });
          const bytes = Uint8Array.of(0, 1, 127, 128, 255);
          const large = Uint8Array.from({ length: 200000 }, (_, index) => index * 7);
          const sent = [bytes, bytes.buffer, bytes.subarray(1, 3), new DataView(bytes.buffer, 3), new Uint16Array([258]),
            new Blob([bytes]), new Uint8Array(), { deep: [{ in: large }] }];
          socket.emit("say", ...sent, { _placeholder: true, num: 0 });
          const said = await heard(socket, "said");
          const echoed = await socket.emitWithAck("echo", { bytes });
          const placeholder = await socket.emitWithAck("echo", { _placeholder: true, num: 0 });
          const list = (buffer) => [...new Uint8Array(buffer)];
          const back = list(said[7].deep[0].in);
          return {
            small: said.slice(0, 7).map(list),
            large: back.length === large.length && back.every((byte, index) => byte === large[index]),
            buffers: said.slice(0, 7).every((value) => value instanceof ArrayBuffer),
            echoed: list(echoed.bytes),
            placeholder,
          };
        }""",
        transports,
    )
    everything = [0, 1, 127, 128, 255]
    assert found == {
        "small": [everything, everything, [1, 127], [128, 255], [2, 1], everything, []],
        "large": True,
        "buffers": True,
        "echoed": everything,
        "placeholder": {"_placeholder": True, "num": 0},
    }


@each_transport
def test_many_emits_of_one_turn_arrive_in_order(page: Page, transports: list[str]) -> None:
    found = page.evaluate(
        """async (transports) => {
          const socket = await joined({ transports });
          const said = [];
          const all = new Promise((resolve) => socket.on("said", (number) => said.push(number) === 300 && resolve()));
          for (let number = 0; number < 300; number++) {
            socket.emit("say", number, number % 50 ? "" : new Uint8Array(10));
          }
          await all;
          return said;
        }""",
        transports,
    )
    assert found == list(range(300))


def test_emits_before_the_connection_are_sent_after_it_but_volatile_ones_are_not(page: Page) -> None:
    found = page.evaluate(
        """async () => {
          const socket = io();
          const said = [];
          socket.on("said", (word) => said.push(word));
          socket.emit("say", "first");
          socket.volatile.emit("say", "volatile");
          socket.emit("say", "second");
          await socket.emitWithAck("echo");
          socket.volatile.emit("say", "volatile, connected");
          await socket.emitWithAck("echo");
          return said;
        }"""
    )
    assert found == ["first", "second", "volatile, connected"]


def test_emit_with_a_timeout_gets_an_error_or_the_answer(page: Page) -> None:
    found = page.evaluate(
        """async () => {
          const socket = await joined();
          const answer = (ms, ...args) => new Promise((resolve) => {
            socket.timeout(ms).emit(...args, (error, value) => resolve([error && error.message, value]));
          });
          const rejected = await socket.timeout(20).emitWithAck("nobody answers").catch((error) => error.message);
          return [await answer(20, "nobody answers"), await answer(5000, "echo", "yes"), rejected];
        }"""
    )
    late = "operation has timed out"
    assert found == [[late, None], [None, "yes"], late]


def test_emit_that_timed_out_before_the_connection_is_never_sent(page: Page) -> None:
    found = page.evaluate(
        """async () => {
          const socket = io({ autoConnect: false });
          const said = [];
          socket.on("said", (word) => said.push(word));
          await socket.timeout(10).emitWithAck("say", "too late").catch(() => {});
          socket.connect().emit("say", "in time");
          await socket.emitWithAck("echo");
          return said;
        }"""
    )
    assert found == ["in time"]


def test_answer_that_the_disconnection_made_impossible_is_an_error(page: Page) -> None:
    found = page.evaluate(
        """async () => {
          const socket = await joined();
          const answer = socket.timeout(5000).emitWithAck("nobody answers").catch((error) => error.message);
          let asked = 0;
          socket.emit("nobody answers", () => asked++);
          socket.disconnect();
          return [await answer, asked];
        }"""
    )
    assert found == ["socket has been disconnected", 0]


def test_handlers_come_and_go(page: Page) -> None:
    found = page.evaluate(
        """async () => {
          const socket = await joined();
          const heardBy = [];
          const handlers = ["always", "once", "off"].map((name) => () => heardBy.push(name));
          socket.on("said", handlers[0]).once("said", handlers[1]).on("said", handlers[2]).off("said", handlers[2]);
          for (let i = 0; i < 2; i++) await (socket.emit("say"), socket.emitWithAck("echo"));
          socket.off("said").send("a message").emit("say");
          await socket.emitWithAck("echo");
          return heardBy;
        }"""
    )
    assert found == ["always", "once", "always"]


@pytest.mark.parametrize("event", ["connect", "connect_error", "disconnect", "disconnecting", "newListener"])
def test_reserved_names_cannot_be_emitted(page: Page, event: str) -> None:
    message = page.evaluate("(e) => { try { io().emit(e); } catch (error) { return error.message; } }", event)
    assert message == f'"{event}" is a reserved event name'


@each_transport
def test_handler_that_throws_is_reported_and_hurts_nothing_else(
    noisy_page: Page, site: Site, transports: list[str]
) -> None:
    reported: list[str] = []
    noisy_page.on("pageerror", lambda error: reported.append(str(error)))
    noisy_page.goto(site.page)
    found = noisy_page.evaluate(
        """async (transports) => {
          const socket = await joined({ transports });
          const heardBy = [];
          socket.on("counted", () => { throw new Error("the page's own"); });
          socket.on("counted", (number) => heardBy.push(number));
          socket.emit("count", 2, () => {});
          await socket.emitWithAck("echo");
          return [heardBy, socket.connected];
        }""",
        transports,
    )
    assert found == [[0, 1], True]
    assert len(reported) == 2


# Disconnecting, and coming back


@each_transport
def test_client_that_disconnects_leaves_nothing_and_may_return(
    page: Page, site: Site, transports: list[str]
) -> None:
    found = page.evaluate(
        """async (transports) => {
          window.socket = await joined({ ...quick, transports });
          const said = heard(socket, "disconnect");
          socket.emit("say", "goodbye");
          socket.disconnect();
          return [...(await said), socket.connected, socket.disconnected, socket.id, socket.active];
        }""",
        transports,
    )
    assert found == ["io client disconnect", None, False, True, None, False][:1] + found[1:]
    assert found[-4:] == [False, True, None, False]
    site.comes_to_nobody()
    assert page.evaluate("() => { const back = heard(socket, 'welcome'); socket.connect(); return back; }")
    assert site.stats()["sessions"] == 1


@each_transport
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
    assert page.evaluate("() => { const back = heard(socket, 'welcome'); socket.connect(); return back; }")


@each_transport
def test_client_whose_session_the_server_ends_comes_back(page: Page, transports: list[str]) -> None:
    found = page.evaluate(
        """async (transports) => {
          const socket = await joined({ ...quick, transports });
          const before = socket.id;
          socket.emit("hang up");
          const [reason] = await heard(socket, "disconnect");
          const waiting = [socket.connected, socket.active];
          const tried = heard(socket.io, "reconnect_attempt");
          const again = heard(socket.io, "reconnect");
          await heard(socket, "welcome");
          return { reason, waiting, tried: await tried, again: await again, other: socket.id !== before };
        }""",
        transports,
    )
    assert found == {
        "reason": "transport close",
        "waiting": [False, True],
        "tried": [1],
        "again": [1],
        "other": True,
    }


def test_namespace_that_was_left_before_the_answer_is_left_on_the_server(page: Page, site: Site) -> None:
    page.evaluate("async () => { window.first = await joined(); io('/slow').disconnect(); }")
    page.evaluate("() => joined('/second').then((socket) => socket.disconnect())")
    page.evaluate("() => new Promise((resolve) => setTimeout(resolve, 350))")
    site.comes_to(lambda stats: stats["sockets"]["/slow"] == 0)
    assert page.evaluate("() => first.emitWithAck('echo', 'unharmed')") == "unharmed"


@each_transport
def test_client_that_leaves_and_returns_at_once_has_one_connection(
    page: Page, site: Site, transports: list[str]
) -> None:
    page.evaluate(
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


@each_transport
def test_client_that_gives_up_while_connecting_leaves_nothing(
    page: Page, site: Site, transports: list[str]
) -> None:
    assert (
        page.evaluate(
            """async (transports) => {
          const heardOf = [];
          const socket = io({ transports });
          for (const event of ["connect", "connect_error", "disconnect"]) socket.on(event, () => heardOf.push(event));
          socket.disconnect();
          await new Promise((resolve) => setTimeout(resolve, 200));
          return heardOf;
        }""",
            transports,
        )
        == []
    )
    site.comes_to_nobody()


def test_client_comes_back_after_the_server_restarts(noisy_page: Page, own_site: Site) -> None:
    noisy_page.goto(own_site.page)
    noisy_page.evaluate(
        """async () => {
          window.reasons = [];
          window.failures = [];
          window.sockets = [await joined(quick), await joined("/second")];
          for (const socket of sockets) socket.on("disconnect", (reason) => reasons.push(reason));
          window.failed = heard(sockets[0], "connect_error");
        }"""
    )
    own_site.server.stop()
    found = noisy_page.evaluate(
        "async () => { const [e] = await failed; return [e instanceof Error, sockets[0].active]; }"
    )
    assert found == [True, True]
    noisy_page.evaluate(
        "() => { window.back = Promise.all(sockets.map((socket) => heard(socket, 'welcome'))); }"
    )
    noisy_page.evaluate("() => sockets[0].emit('say', 'buffered')")
    own_site.server.start()
    assert noisy_page.evaluate("async () => { await back; return heard(sockets[0], 'said'); }") == [
        "buffered"
    ]
    stats = own_site.stats()
    assert (stats["sessions"], stats["sockets"]["/"], stats["sockets"]["/second"]) == (1, 1, 1)
    reasons = noisy_page.evaluate("() => reasons")
    assert len(reasons) == 2
    assert set(reasons) <= {"transport close", "transport error", "io server disconnect"}


@each_transport
def test_server_that_stops_pinging_is_given_up(
    noisy_page: Page, own_site: Site, transports: list[str]
) -> None:
    noisy_page.goto(own_site.page)
    noisy_page.evaluate(
        "async (transports) => { window.socket = await joined({ ...quick, transports }); }", transports
    )
    assert own_site.server.process
    noisy_page.evaluate("() => new Promise((resolve) => setTimeout(resolve, 900))")
    assert noisy_page.evaluate("() => socket.connected"), "it must live through many pings"
    own_site.server.process.send_signal(signal.SIGSTOP)
    try:
        assert noisy_page.evaluate("async () => (await heard(socket, 'disconnect'))[0]") == "ping timeout"
    finally:
        own_site.server.process.send_signal(signal.SIGCONT)
    assert noisy_page.evaluate("() => heard(socket, 'welcome')")
    own_site.comes_to(lambda stats: stats["sessions"] == 1)


def test_attempts_to_reconnect_are_told_and_end(noisy_page: Page, site: Site) -> None:
    noisy_page.goto(site.page)
    found = noisy_page.evaluate(
        """async (port) => {
          const socket = io(`http://127.0.0.1:${port}`, { ...quick, reconnectionAttempts: 3 });
          const heardOf = [];
          socket.on("connect_error", (error) => heardOf.push(`${error instanceof Error} ${socket.active}`));
          for (const event of ["reconnect_attempt", "reconnect_error"]) {
            socket.io.on(event, (what) => heardOf.push(`${event} ${what instanceof Error || what}`));
          }
          await heard(socket.io, "reconnect_failed");
          return heardOf;
        }""",
        free_port(),
    )
    told = [[f"reconnect_attempt {n}", "true true", "reconnect_error true"] for n in (1, 2, 3)]
    assert found == ["true true", *sum(told, [])]


def test_attempts_back_off_from_1_to_5_seconds_with_jitter(page: Page) -> None:
    delays = page.evaluate(
        """async () => {
          const delays = [];
          const later = window.setTimeout;
          window.setTimeout = (then, ms, ...args) => {
            if (ms < 6000) delays.push(ms);
            return later(then, ms < 6000 ? 0 : ms, ...args);
          };
          WebSocket = class { constructor() { later(() => this.onerror(), 0); } };
          const socket = io({ transports: ["websocket"], reconnectionAttempts: 40 });
          await heard(socket.io, "reconnect_failed", 9000);
          window.setTimeout = later;
          return delays;
        }"""
    )
    assert len(delays) == 40
    assert 500 <= delays[0] <= 1500
    assert 1000 <= delays[1] <= 3000
    assert all(2000 <= delay <= 5000 for delay in delays[2:])
    assert len(set(delays)) > 20


def test_client_without_reconnection_stays_away(page: Page, site: Site) -> None:
    page.evaluate(
        "async () => { window.socket = await joined({ reconnection: false }); socket.emit('hang up'); }"
    )
    assert page.evaluate("async () => (await heard(socket, 'disconnect'))[0]") == "transport close"
    site.comes_to_nobody()
    assert page.evaluate("() => { const back = heard(socket, 'welcome'); socket.connect(); return back; }")


# Transports


def test_polling_that_upgrades_loses_and_reorders_nothing(page: Page, site: Site) -> None:
    found = page.evaluate(
        """async () => {
          const socket = await joined({ transports: ["polling", "websocket"] });
          const names = [socket.io.engine.transport.name];
          const answers = [];
          let sent = 0;
          while (names.at(-1) !== "websocket" || sent < 100) {
            const number = sent++;
            socket.emit("echo", number, new Uint8Array(2), (back) => answers.push(back));
            await new Promise((resolve) => setTimeout(resolve, 1));
            names.push(socket.io.engine.transport.name);
          }
          await socket.emitWithAck("echo");
          return [names[0], names.at(-1), answers.every((answer, index) => answer === index), answers.length === sent];
        }"""
    )
    assert found == ["polling", "websocket", True, True]
    assert site.stats()["sessions"] == 1


@pytest.mark.parametrize(
    "transports", [["websocket", "polling"], ["polling", "websocket"]], ids=" then ".join
)
def test_polling_is_used_where_websocket_is_refused(page: Page, site: Site, transports: list[str]) -> None:
    page.route_web_socket(re.compile(".*"), lambda route: route.close())
    assert page.evaluate(
        """async (transports) => {
          const socket = await joined({ transports });
          await new Promise((resolve) => setTimeout(resolve, 100));
          return [socket.io.engine.transport.name, await socket.emitWithAck("echo", "heard")];
        }""",
        transports,
    ) == ["polling", "heard"]
    assert site.stats()["sessions"] == 1


def test_polling_is_used_where_websocket_never_answers(page: Page) -> None:
    def say_nothing(_route: WebSocketRoute) -> None:
        """The page's WebSocket opens, and nothing ever comes."""

    page.route_web_socket(re.compile(".*"), say_nothing)
    assert page.evaluate("async () => (await joined({ timeout: 400 })).io.engine.transport.name") == "polling"


def test_websocket_only_fails_where_it_is_refused(page: Page) -> None:
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
def test_posts_stay_within_the_servers_max_payload(noisy_page: Page, name: str) -> None:
    with serving(name, max_payload_bytes=20_000) as small:
        noisy_page.goto(small.page)
        sizes: list[int] = []
        noisy_page.on("request", lambda request: sizes.append(len(request.post_data_buffer or b"")))
        found = noisy_page.evaluate(
            """async () => {
              const socket = await joined({ transports: ["polling"] });
              const word = "語".repeat(1500);
              const all = Array.from({ length: 30 }, (_, number) => socket.emitWithAck("echo", number, word));
              return Promise.all(all);
            }"""
        )
        assert found == list(range(30))
        assert 10_000 < max(sizes) <= 20_000


# Where to connect to


@pytest.mark.parametrize(
    ("address", "uri", "namespace"),
    [
        ("", "PAGE/socket.io/", "/"),
        ("/news", "PAGE/socket.io/", "/news"),
        ("/a%20b/語?c=d#e", "PAGE/socket.io/", "/a%20b/語"),
        ("http://localhost", "PAGE/socket.io/", "/"),
        ("http://localhost/", "PAGE/socket.io/", "/"),
        ("ws://127.0.0.1/news", "PAGE/socket.io/", "/news"),
        ("//[::1]/news", "PAGE/socket.io/", "/news"),
        ("localhost", "PAGE/socket.io/", "/"),
        ("https://localhost", "https://localhost/socket.io/", "/"),
        ("http://localhost:80", "http://localhost/socket.io/", "/"),
        ("http://localhost:8123/news", "http://localhost:8123/socket.io/", "/news"),
        ("http://example.com", "http://example.com/socket.io/", "/"),
        ("wss://example.com:8443/news", "https://example.com:8443/socket.io/", "/news"),
        ("example.com:81", "http://example.com:81/socket.io/", "/"),
    ],
)
def test_address_leads_to_a_server_and_a_namespace(
    page: Page, site: Site, address: str, uri: str, namespace: str
) -> None:
    found = page.evaluate(
        "(a) => { const { io: { uri }, nsp } = io(a, { autoConnect: false }); return [uri, nsp]; }", address
    )
    assert found == [uri.replace("PAGE", site.url), namespace]


def test_page_of_2011_connects_to_its_own_port(page: Page, site: Site) -> None:
    assert page.url.startswith("http://127.0.0.1:")
    assert page.evaluate("() => joined('http://localhost').then((socket) => socket.connected)")
    assert site.stats()["sockets"]["/"] == 1


def test_path_is_the_one_that_is_asked_for(page: Page, site: Site) -> None:
    found = page.evaluate("() => ['/live', '/live/'].map((path) => io({ path, autoConnect: false }).io.uri)")
    assert found == [f"{site.url}/live/"] * 2


def test_script_under_a_mount_path_connects_there(noisy_page: Page, site: Site) -> None:
    if site.name == "official":
        return  # the official server has no mount path to find: its client must always be told `path`
    noisy_page.goto(f"{site.url}/client/mounted")
    assert (
        noisy_page.evaluate("() => joined().then((socket) => socket.io.uri)")
        == f"{site.url}/mounted/socket.io/"
    )
    assert (
        noisy_page.evaluate("() => io({ path: '/socket.io', autoConnect: false }).io.uri")
        == f"{site.url}/socket.io/"
    )


# The page's life


@each_transport
def test_page_that_is_left_leaves_at_once(page: Page, site: Site, transports: list[str]) -> None:
    page.evaluate(
        "(transports) => joined({ transports }).then(() => joined('/second')).then(() => 1)", transports
    )
    page.goto("about:blank")
    site.comes_to_nobody()


@each_transport
def test_page_in_the_back_forward_cache_is_away_until_it_is_shown(
    page: Page, site: Site, transports: list[str]
) -> None:
    page.evaluate(
        """async (transports) => {
          window.sockets = [await joined({ transports }), await joined("/second")];
          window.never = (await joined("/second", { forceNew: true })).disconnect();
          window.reasons = sockets.map((socket) => heard(socket, "disconnect"));
          dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true }));
        }""",
        transports,
    )
    assert (
        page.evaluate("async () => (await Promise.all(reasons)).map(([reason]) => reason)")
        == ["transport close"] * 2
    )
    site.comes_to_nobody()
    page.evaluate(
        """() => {
          const back = Promise.all(sockets.map((socket) => heard(socket, "welcome")));
          dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
          return back.then(() => 1);
        }"""
    )
    stats = site.stats()
    assert (stats["sessions"], stats["sockets"]["/"], stats["sockets"]["/second"]) == (1, 1, 1)
    assert page.evaluate("() => never.connected") is False
