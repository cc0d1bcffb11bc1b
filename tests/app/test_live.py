"""Live: settings from the code, pages by name, handlers by decorator, and what each page's clients hear."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from nannin import Count, Live, Page, SettingsError, Socket

URL = "/socket.io/?EIO=4&transport=polling"


class Guest:
    """A polling client of a Live, by plain HTTP."""

    def __init__(self, http: httpx.AsyncClient, sid: str) -> None:
        self._http, self._url = http, f"{URL}&sid={sid}"

    async def post(self, *packets: str) -> None:
        assert (await self._http.post(self._url, content="\x1e".join(packets))).text == "ok"

    async def get(self) -> list[str]:
        """What the server has for it; it waits until there is something."""
        async with asyncio.timeout(5):
            return (await self._http.get(self._url)).text.split("\x1e")

    async def hear(self, packet: str) -> None:
        """Asks until this packet has come."""
        while packet not in await self.get():
            pass


@asynccontextmanager
async def visited(live: Live) -> AsyncIterator[httpx.AsyncClient]:
    """The app by HTTP, without a server; at the end nobody is left."""
    transport = httpx.ASGITransport(app=live)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        yield http
    live.assembly.shut_down()
    assert not live.pages()


async def enter(http: httpx.AsyncClient, connect: str = "40") -> Guest:
    """Opens a session and joins a page."""
    sid = (await http.get(URL)).text.split('"')[3]
    guest = Guest(http, sid)
    await guest.post(connect)
    return guest


# Settings


def test_settings_can_be_given_in_the_code() -> None:
    live = Live(ping_interval=0.3, ping_timeout=0.2, max_payload=1_000)
    assert live.engine.limits.ping_interval_s == 0.3
    assert live.engine.limits.ping_timeout_s == 0.2
    assert live.engine.limits.max_payload_bytes == 1_000


@pytest.mark.parametrize("wrong", [{"ping_intervall": 1}, {"ping_interval": -1}, {"max_payload": "many"}])
def test_an_unknown_or_wrong_setting_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        Live(**wrong)


# Handlers


def test_the_decorated_function_stays_what_it_was() -> None:
    live = Live()

    @live.on("say")
    @live.page("/other").on("say")
    def say(socket: Socket, text: str) -> str:
        return text * 2

    assert say(None, "ab") == "abab"  # type: ignore[arg-type]


@pytest.mark.parametrize("event", ["connect_error", "disconnecting", "newListener", "removeListener"])
def test_an_event_that_never_arrives_has_no_handler(event: str) -> None:
    with pytest.raises(ValueError, match=event):
        Live().on(event)(print)


def test_an_event_has_one_handler_on_a_page() -> None:
    live = Live()
    live.on("say")(print)
    with pytest.raises(ValueError, match="already"):
        live.on("say")(print)
    live.page("/other").on("say")(print)


def test_what_cannot_be_a_handler_or_an_event_raises() -> None:
    with pytest.raises(TypeError, match="function"):
        Live().on("say")(5)  # type: ignore[type-var]
    with pytest.raises(TypeError, match="5"):
        Live().on(5)(print)  # type: ignore[arg-type]


# Pages


@pytest.mark.parametrize("key", ["", "news", "/a,b", "/" + "x" * 255, "/\n"])
def test_a_pages_key_is_checked(key: str) -> None:
    with pytest.raises(ValueError, match="key"):
        Live().page(key)


def test_a_page_that_nobody_is_on_counts_nobody() -> None:
    assert Live().page("/news").count == Count()


async def test_without_named_pages_every_page_exists() -> None:
    live = Live()
    live.on("say")(print)
    async with visited(live) as http:
        guest = await enter(http, "40/anything,")
        assert (await guest.get())[0].startswith('40/anything,{"sid":"')
        assert [page.key for page in live.pages()] == ["/anything"]


async def test_handlers_on_a_page_close_the_list() -> None:
    live = Live()
    live.page("/news").on("say")(lambda socket: None)
    live.page("/chat/*").on("say")(lambda socket: None)
    assert live.page("/other").count == (0, 0, 0)  # to ask for a page's count names no page
    async with visited(live) as http:
        guest = await enter(http, "40/other,")
        assert await guest.get() == ['44/other,{"message":"Invalid namespace"}']
        for page in ("/news", "/chat/a"):
            await guest.post(f"40{page},")
            assert (await guest.get())[0].startswith(f"40{page},")
        assert sorted(page.key for page in live.pages()) == ["/chat/a", "/news"]


async def test_live_knows_its_pages_and_their_counts() -> None:
    live = Live()
    async with visited(live) as http:
        await enter(http)
        await enter(http, '40/news,{"visitor":"ann"}')
        await enter(http, '40/news,{"visitor":"ann"}')
        pages: list[Page] = live.pages()
        assert {page.key: page.count for page in pages} == {"/": Count(1, 1, 1), "/news": Count(2, 1, 1)}


async def test_a_pattern_handles_many_pages_each_with_its_own_audience() -> None:
    live = Live()

    @live.page("/chat/*").on("say")
    def say(socket: Socket, text: str) -> str:
        socket.broadcast.emit("said", text)
        return f"{socket.page.key}: {socket.page.count.connections}"

    async with visited(live) as http:
        guests = [await enter(http, f"40/chat/{room},") for room in ("a", "a", "b")]
        for guest in guests:
            await guest.get()
        await guests[0].post('42/chat/a,7["say","hi"]')
        assert await guests[0].get() == ['43/chat/a,7["/chat/a: 2"]']
        assert await guests[1].get() == ['42/chat/a,["said","hi"]']
        await guests[2].post('42/chat/b,7["say","hi"]')
        assert await guests[2].get() == ['43/chat/b,7["/chat/b: 1"]']


async def test_the_page_named_in_full_goes_before_the_pattern() -> None:
    live = Live()
    live.page("/chat/*").on("ask")(lambda socket: "many")
    live.page("/chat/a").on("ask")(lambda socket: "one")
    async with visited(live) as http:
        for page, answer in (("/chat/a", "one"), ("/chat/b", "many")):
            guest = await enter(http, f"40{page},")
            await guest.get()
            await guest.post(f'42{page},0["ask"]')
            assert await guest.get() == [f'43{page},0["{answer}"]']


async def test_an_application_sends_to_a_page_from_anywhere() -> None:
    live = Live()
    async with visited(live) as http:
        guest = await enter(http)
        await guest.get()
        Page.emit(live.pages()[0], "news", {"number": 5})
        await guest.hear('42["news",{"number":5}]')


async def test_two_plain_clients_are_told_of_each_other() -> None:
    live = Live()
    async with visited(live) as http:
        first = await enter(http)
        assert (await first.get())[1] == '42["user connected",1]'
        second = await enter(http)
        await first.hear('42["user connected",2]')
        await second.post("41")
        await first.hear('42["user disconnected",1]')


async def test_a_page_of_the_application_tells_plain_clients_only_what_it_emits() -> None:
    live = Live()

    @live.on("connect")
    def tell(socket: Socket) -> None:
        socket.page.emit("user connected", socket.page.count.visitors)

    async with visited(live) as http:
        first = await enter(http)
        await first.hear('42["user connected",1]')
        await enter(http)
        assert await first.get() == ['42["user connected",2]']


# An ASGI app


async def test_lifes_end_ends_every_session() -> None:
    live, gone = Live(), []
    live.on("disconnect")(lambda socket, reason: gone.append(reason))
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent: list[str] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    async with visited(live) as http:
        guest = await enter(http)
        await guest.get()
        waiting = asyncio.create_task(guest.get())
        (session,) = live.engine.sessions.values()
        while session.poll is None:
            await asyncio.sleep(0)
        await live({"type": "lifespan"}, receive, send)
        assert await waiting == ["6"]  # nothing final: its client comes back
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert gone == ["server shutting down"]
    assert (live.pages(), live.engine.sessions) == ([], {})


async def test_two_lives_in_one_process_share_nothing() -> None:
    one, other = Live(), Live()
    async with visited(one) as http, visited(other) as elsewhere:
        await enter(http)
        guest = await enter(elsewhere)
        assert (await guest.get())[1] == '42["user connected",1]'
        assert [len(live.engine.sessions) for live in (one, other)] == [1, 1]


def test_a_message_may_be_larger_once_the_application_handles_events() -> None:
    async def main() -> None:
        live = Live()
        allowed = []
        for _ in range(2):
            live.assembly.begin()
            allowed.append(live.engine.limits.max_payload_bytes)
            live.on(f"say {len(allowed)}")(lambda socket: None)
        live.assembly.shut_down()
        assert allowed == [16_384, 1_000_000]

    asyncio.run(main())


@pytest.mark.parametrize("key", ["/%7Eann", "/%7eann", "/~ann"])
def test_a_page_is_the_same_by_every_spelling_of_its_key(key: str) -> None:
    assert Live().page(key).key == "/~ann"
