"""Each program of docs/library.md does what the page says it does."""

from __future__ import annotations

import asyncio
import inspect
import runpy
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nannin import ConnectionRefused, Live, NotConnected, Page, Socket, Target
from nannin.nodes.orders import Order, read_order
from nannin.testing import Stage
from support.doc_pages import block, blocks, read
from support.servers import ROOT

PAGE = "docs/library.md"
Program = Callable[[str], dict[str, Any]]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Runs the program under a heading; returns its names."""

    def run(heading: str) -> dict[str, Any]:
        file = tmp_path / "app.py"
        file.write_text(block(PAGE, heading, "python").text, encoding="utf-8")
        return runpy.run_path(str(file), run_name="app")

    return run


def play(live: Live, act: Callable[[Stage], Awaitable[None]]) -> None:
    """Plays an act on a stage."""

    async def run() -> None:
        async with Stage(live) as stage:
            await act(stage)

    asyncio.run(run())


def test_every_program_of_the_page_is_tested_here() -> None:
    tests = Path(__file__).read_text(encoding="utf-8")
    headings = [one.heading for one in blocks(PAGE, "python")]
    assert len(headings) == len(set(headings)) > 14
    assert [heading for heading in headings if f'program("{heading}")' not in tests] == []


def test_the_three_targets(program: Program) -> None:
    async def act(stage: Stage) -> None:
        ann = await stage.connect(visitor="ann")
        bob = await stage.connect(visitor="bob")
        assert ann.received == [
            ("count", 1),
            ("welcome", ann.id),
            ("count", 2),
            ("notice", "Somebody came in."),
        ]
        assert bob.received == [("count", 2), ("welcome", bob.id)]

    play(program("Three targets")["live"], act)


def test_handlers(program: Program) -> None:
    async def act(stage: Stage) -> None:
        ann = await stage.connect(auth={"name": "Ann"})
        bob = await stage.connect()
        assert await bob.call("say", "hi") == "thank you"
        assert ann.received == [("said", "Guest", "hi")]
        await ann.emit("dance", 1, 2)
        assert await ann.next("unknown event") == "dance"
        await bob.lose()
        assert await ann.next("lost") == "Guest"
        await (await stage.connect()).leave()
        assert ("lost", "Guest") not in ann.received[4:]

    play(program("Handlers")["live"], act)


def test_pages_and_patterns(program: Program) -> None:
    async def act(stage: Stage) -> None:
        reader = await stage.connect("/news")
        talker = await stage.connect("/chat/garden")
        await talker.emit("say", "hi")
        assert talker.received == [("said", "garden", "hi")]
        assert reader.received == [("headline", "It rains."), ("headline", "There is talk in garden.")]
        for page in ("/chat/a/b", "/other"):
            with pytest.raises(ConnectionRefused, match="Invalid namespace"):
                await stage.connect(page)
        await stage.connect("/")

    play(program("Pages")["live"], act)


def test_handlers_in_several_modules(program: Program) -> None:
    async def act(stage: Stage) -> None:
        lobby = await stage.connect("/chat")
        assert lobby.received == [("welcome", "/chat")]
        garden = await stage.connect("/chat/garden")
        assert await garden.call("say", "hi") == "garden: hi"

    play(program("Handlers in several modules")["live"], act)


def test_rooms(program: Program) -> None:
    async def act(stage: Stage) -> None:
        ann, bob, eve = [await stage.connect() for _ in range(3)]
        assert await ann.call("sit down", "table 1") == ["table 1"]
        assert await ann.call("sit down", "table 2") == ["table 1", "table 2"]
        await bob.call("sit down", "table 1")
        assert ann.received == [("joined", bob.id)]
        await eve.call("sit down", "table 1")
        await eve.call("sit down", "staff")
        await eve.emit("announce", "Tea is ready")
        await ann.emit("stand up", "table 1")
        await ann.emit("whisper", bob.id, "psst")
        assert [one for one in ann.received if one[0] == "announced"] == [("announced", "Tea is ready")]
        assert bob.received[1:] == [
            ("announced", "Tea is ready"),
            ("left", ann.id),
            ("whispered", ann.id, "psst"),
        ]
        assert eve.received == [("left", ann.id)]

    play(program("Rooms")["live"], act)


def test_typed_events(program: Program) -> None:
    async def act(stage: Stage) -> None:
        ann = await stage.connect()
        assert await ann.call("order", {"item": "tea"}) == "1 x tea"
        assert await ann.call("order", {"item": "tea", "amount": 11}) == {"error": "ten at most"}
        assert set(await ann.call("order", {"item": 5})) == {"error"}
        await ann.emit("order")
        refused = await ann.next("nannin:refused")
        assert (set(refused), refused["event"]) == ({"event", "message"}, "order")

    play(program("Typed events")["live"], act)


def test_asking_clients(program: Program) -> None:
    async def act(stage: Stage) -> None:
        ann = await stage.connect(on={"your name?": lambda: "Ann", "question": lambda text: text == "Tea?"})
        assert await ann.call("introduce me") == "Good morning, Ann."
        silent = await stage.connect()
        for client, event, seconds in ((silent, "introduce me", 5), (ann, "vote", 2)):
            args = ["Tea?"] if event == "vote" else []
            asked = asyncio.ensure_future(client.call(event, *args))
            await stage.settle()
            await asyncio.sleep(0)
            await stage.advance(seconds + 0.1)
            answer = await asked
            assert answer == ({"yes": 1, "silent": 1} if args else "You are shy.")

    play(program("Asking clients")["live"], act)


def test_several_workers(program: Program) -> None:
    async def act(stage: Stage) -> None:
        ann = await stage.connect(auth={"name": "Ann"}, on={"question": lambda text: text == "Tea?"})
        await stage.connect()
        assert await ann.call("who is at the table?", "table 1") == ["Ann", "Guest"]
        asked = asyncio.ensure_future(ann.call("vote", "Tea?"))
        await stage.settle()
        await stage.advance(2.1)
        assert await asked == {"answers": 1, "silent": 1, "workers": 0}
        assert await ann.call("close the table", "table 1") == 2
        assert await ann.call("who is at the table?", "table 1") == []
        assert await ann.call("who is at the table?", "the bar") == ["Ann", "Guest"]

    play(program("Several workers")["live"], act)


def test_turning_clients_away(program: Program) -> None:
    async def act(stage: Stage) -> None:
        with pytest.raises(ConnectionRefused, match=r"Who are you\?") as refusal:
            await stage.connect()
        assert refusal.value.data == {"hint": "the token"}
        assert stage.count() == (0, 0, 0)
        ann = await stage.connect(auth={"token": "open sesame"})
        await ann.emit("rude word")
        assert not ann.connected

    play(program("Turning clients away")["live"], act)


def test_notes_on_a_connection(program: Program) -> None:
    async def act(stage: Stage) -> None:
        ann, bob = await stage.connect(), await stage.connect()
        assert [await ann.call("draw", [0, 1.5]) for _ in range(2)] == [1, 2]
        assert await bob.call("draw", []) == 1
        assert ann.received == [("drawn", [])]

    play(program("Notes on a connection")["live"], act)


def test_people_and_not_tabs(program: Program) -> None:
    async def act(stage: Stage) -> None:
        ann = await stage.connect(visitor="ann", auth={"name": "Ann"})
        bob = await stage.connect(visitor="bob", auth={"name": "Bob"})
        await stage.advance(0.01)
        await bob.close()
        await stage.advance(1)
        await stage.connect(visitor="bob", auth={"name": "Bob"})
        bobs = await stage.connect(visitor="bob", auth={"name": "Bob"})
        await stage.advance(60)
        assert ann.received == [("here", ["Ann"]), ("here", ["Ann", "Bob"])]
        await bobs.close()
        await stage.advance(60)
        assert len(ann.received) == 2

    play(program("People, and not tabs")["live"], act)


def test_one_person_on_several_devices(program: Program) -> None:
    async def act(stage: Stage) -> None:
        await stage.connect(scope={"user": "ann"}, visitor="her phone")
        laptop = await stage.connect(scope={"user": "ann"}, visitor="her laptop")
        await stage.connect(visitor="somebody")
        assert stage.count() == (3, 2, 2)
        await laptop.close()
        await stage.advance(2)
        assert stage.count() == (2, 2, 2)

    play(program("One person on several devices")["live"], act)


def test_middleware(program: Program) -> None:
    async def act(stage: Stage) -> None:
        ann = await stage.connect()
        assert await ann.call("say", "one") is None
        assert await ann.call("say", "two") == {"error": "not so fast"}
        assert ann.received == [("said", "one")]

    play(program("Around handlers")["live"], act)


def test_volatile_bytes(program: Program) -> None:
    async def act(stage: Stage) -> None:
        ann, bob = await stage.connect(), await stage.connect()
        await ann.emit("frame", b"\x00\x01")
        assert bob.received == [("frame", b"\x00\x01")]

    play(program("What may be lost, and bytes")["live"], act)


def test_counts(program: Program) -> None:
    async def act(stage: Stage) -> None:
        ann = await stage.connect(visitor="ann")
        await stage.connect(visitor="ann")
        reader = await stage.connect("/news")
        assert await ann.next("readers") == 1
        assert await ann.call("who is there?") == {"visitors": 1, "sockets": 2, "pages": 2}
        await reader.close()
        await stage.advance(3)
        assert await ann.next("readers") == 0

    play(program("Counts")["live"], act)


def test_groups_of_pages(program: Program) -> None:
    async def act(stage: Stage) -> None:
        asking = await stage.connect(visitor="bob")
        tabs = [await stage.connect(f"/shop/{name}", visitor="ann") for name in "ab"]
        await stage.connect("/shop/a", visitor="bob")
        assert await asking.call("how many in the shop?") == 2
        await stage.advance(2)
        assert asking.received[-1] == ("shop", 2, 2)
        for tab in tabs:
            await tab.close()
        await stage.advance(5)
        assert asking.received[-1] == ("shop", 1, 1)
        watching = await stage.connect("/shop/*", auth={"updates": "audience"})
        assert (await watching.next("audience"))["visitors"] == 1
        assert stage.count("/shop/*").visitors == 1

    play(program("Groups of pages")["live"], act)


def test_background_tasks(program: Program) -> None:
    async def act(stage: Stage) -> None:
        ann = await stage.connect()
        await stage.advance(3)
        assert ann.received.count(("tick",)) == 3
        await ann.emit("remind me", 60, "tea")
        await stage.advance(61)
        assert ("reminder", "tea") in ann.received

    play(program("In the background")["live"], act)


@pytest.mark.parametrize(("away_s", "recovered"), [(50, True), (70, False)])
def test_recovery(program: Program, away_s: float, recovered: bool) -> None:
    async def act(stage: Stage) -> None:
        reader = await stage.connect(auth={"recover": True})
        editor = await stage.connect()
        await reader.lose()
        for text in ("one", "two"):
            await editor.emit("publish", text)
        await stage.advance(away_s)
        await reader.come_back()
        assert reader.recovered is recovered
        assert reader.received == ([("news", "one"), ("news", "two")] if recovered else [])
        await editor.emit("publish", "three")
        assert reader.received[-1] == ("news", "three")

    play(program("Coming back")["live"], act)


def test_over_redis(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    names, published = program("Over Redis"), []

    def publish(channel: str, message: bytes) -> int:
        assert channel == "nannin:emit"
        published.append(read_order(message))
        return 1

    monkeypatch.setattr(names["emitter"], "_redis", SimpleNamespace(publish=publish))
    names["it_rains"]("ann")
    assert published == [
        Order("/news", "headline", ["It rains."]),
        Order("/news", "headline", ["It rains on the others."], except_=["ann"]),
        Order("/news", "picture", [{"png": b"..."}], ["ann", "members"], volatile=True),
        Order("/news", to=["ann"], disconnect=True),
    ]


def test_page_tokens(program: Program) -> None:
    live: Live = program("Pages that need a token")["live"]

    async def act(stage: Stage) -> None:
        with pytest.raises(ConnectionRefused, match="Invalid token"):
            await stage.connect()
        ann = await stage.connect(auth={"token": live.token("/")})
        token = await ann.call("let me in", "ann")
        await stage.connect("/members/ann", auth={"token": token})
        with pytest.raises(ConnectionRefused, match="Invalid token"):
            await stage.connect("/members/bob", auth={"token": token})

    play(live, act)


def test_settings_in_code(program: Program) -> None:
    settings = program("Settings in code")["live"].settings
    assert (settings.ping_interval, settings.max_payload, settings.pages) == (10, 100_000, ("/", "/news/*"))


def test_engine_io_alone(program: Program) -> None:
    assert program("Engine.IO alone")["app"]
    assert "examples/echo/app.py" in (ROOT / PAGE).read_text(encoding="utf-8")


# What the page says besides


def test_a_page_that_is_only_looked_at_closes_no_list() -> None:
    async def act(stage: Stage) -> None:
        live.page("/news")
        await stage.connect("/other")
        live.page("/news").on("say")(lambda socket: None)
        with pytest.raises(ConnectionRefused, match="Invalid namespace"):
            await stage.connect("/another")
        live.page("/*").on("say")(lambda socket: None)
        await stage.connect("/another")

    live = Live()
    play(live, act)


def test_middleware_on_a_page_closes_the_list_and_stands_around_connect() -> None:
    seen = []

    async def see(socket: Socket, event: str, args: tuple[Any, ...], call_next: Any) -> Any:
        seen.append(event)
        return await call_next()

    async def act(stage: Stage) -> None:
        await stage.connect("/news")
        assert seen == ["connect"]
        with pytest.raises(ConnectionRefused, match="Invalid namespace"):
            await stage.connect("/other")

    live = Live()
    live.page("/news").use(see)
    play(live, act)


def test_a_connect_handler_calls_its_own_socket_in_vain() -> None:
    async def arrived(socket: Socket) -> None:
        with pytest.raises(NotConnected):
            await socket.call("your name?")
        socket.data["asked"] = True

    async def act(stage: Stage) -> None:
        await stage.connect()
        assert [socket.data for socket in live.page("/").sockets] == [{"asked": True}]

    live = Live()
    live.on("connect")(arrived)
    play(live, act)


def test_a_plain_disconnect_handler_finds_the_socket_in_its_rooms() -> None:
    left: list[list[str]] = []

    async def act(stage: Stage) -> None:
        await (await stage.connect()).leave()
        assert left == [["table 1"]]

    live = Live()
    live.on("connect")(lambda socket: socket.join("table 1"))
    live.on("disconnect")(lambda socket: left.append(socket.rooms))
    play(live, act)


def test_the_figures_of_the_page_are_those_of_the_code() -> None:
    from nannin.hub.lag import SLOW_S
    from nannin.settings import Settings

    text = read(PAGE)
    assert f"takes more than {SLOW_S} s" in text
    assert f"{Settings().max_payload_bytes(handles_events=True) // 1_000_000} MB" in text
    assert f"{Settings().max_payload_bytes(handles_events=False) // 1024} KiB" in text
    for call in (Socket.call, Page.call, Target.call):
        assert f"`timeout` that is {inspect.signature(call).parameters['timeout'].default:.0f} s" in text
