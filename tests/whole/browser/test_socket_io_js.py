"""Our Socket.IO client in Chromium, on Node's official server and on nannin: to connect, and to be heard."""

from __future__ import annotations

import gzip

import pytest
from playwright.sync_api import Page

from support.servers import ROOT
from whole.browser.pages.client_site import Site, both_transports, each_transport

pytest_plugins = ["whole.browser.pages.client_fixtures"]

SCRIPT = ROOT / "src" / "nannin" / "web" / "static" / "socket.io.js"


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


def test_every_way_to_call_io_connects(page: Page, site: Site) -> None:
    page.evaluate(
        """async () => {
          const opts = { forceNew: true };
          const { origin } = location;
          const made = [io(), io(""), io({}), io(opts), io("/")];
          made.push(io(origin), io(origin, opts), io.connect(origin + "/"));
          await Promise.all(made.map((socket) => heard(socket, "welcome")));
        }"""
    )
    assert site.stats()["sockets"]["/"] == 8


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


@both_transports
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


@both_transports
def test_server_answers_an_emit(page: Page, transports: list[str]) -> None:
    found = page.evaluate(
        """async (transports) => {
          const socket = await joined({ transports });
          return new Promise((resolve) => {
            socket.emit("echo", 1, "二", [null], { a: true }, (...args) => resolve(args));
          });
        }""",
        transports,
    )
    assert found == [1, "二", [None], {"a": True}]


@both_transports
def test_client_answers_the_server(page: Page, transports: list[str]) -> None:
    found = page.evaluate(
        """async (transports) => {
          const socket = await joined({ transports });
          socket.on("question", (question, answer) => answer(question + "!"));
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
          const views = [bytes.subarray(1, 3), new DataView(bytes.buffer, 3), new Uint16Array([258])];
          const blob = new Blob([bytes]);
          const sent = [bytes, bytes.buffer, ...views, blob, new Uint8Array(), { deep: [{ in: large }] }];
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
          const all = new Promise((resolve) => {
            socket.on("said", (number) => said.push(number) === 300 && resolve());
          });
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
          const refusal = await socket.timeout(20).emitWithAck("nobody answers").catch((error) => error);
          return [await answer(20, "nobody answers"), await answer(5000, "echo", "yes"), refusal.message];
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
          const off = () => heardBy.push("off");
          socket.on("said", () => heardBy.push("always")).once("said", () => heardBy.push("once"));
          socket.on("said", off).off("said", off);
          for (let i = 0; i < 2; i++) await (socket.emit("say"), socket.emitWithAck("echo"));
          socket.off("said").send("a message").emit("say");
          await socket.emitWithAck("echo");
          return heardBy;
        }"""
    )
    assert found == ["always", "once", "always"]


def test_reserved_names_cannot_be_emitted(page: Page) -> None:
    found = page.evaluate(
        """() => ["connect", "connect_error", "disconnect", "disconnecting"].map((event) => {
          try {
            io({ autoConnect: false }).emit(event);
          } catch ({ message }) {
            return message === `"${event}" is a reserved event name`;
          }
        })"""
    )
    assert found == [True] * 4


@both_transports
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
