"""The Engine.IO layer by itself, as an ASGI app: the documented echo, and its settings."""

from __future__ import annotations

import httpx
import pytest

from nannin import EngineIO, Session, SettingsError


class Echo:
    """The echo of the documentation."""

    def open(self, session: Session) -> None:
        session.send("hello")

    def message(self, session: Session, data: str | bytes) -> None:
        session.send(data)

    def close(self, session: Session, reason: str) -> None:
        print("gone:", reason)


def browser(app: EngineIO) -> httpx.AsyncClient:
    """An HTTP client that talks to the app without a server."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1")


async def test_the_echo_sends_back_what_it_gets(capsys: pytest.CaptureFixture[str]) -> None:
    app = EngineIO(Echo())

    async with browser(app) as client:
        url = "/engine.io/?EIO=4&transport=polling"
        sid = (await client.get(url)).text.split('"sid":"')[1].split('"')[0]
        url += f"&sid={sid}"
        assert (await client.get(url)).text == "4hello"
        assert (await client.post(url, content="4はい\x1ebAQI=")).text == "ok"
        assert (await client.get(url)).text == "4はい\x1ebAQI="
        assert (await client.post(url, content="1")).text == "ok"
    assert capsys.readouterr().out == "gone: transport close\n"
    assert not app.engine.sessions


async def test_it_answers_at_engine_io_and_nowhere_else() -> None:
    app = EngineIO(Echo())
    async with browser(app) as client:
        statuses = [
            (await client.get(path + "?EIO=4&transport=polling")).status_code
            for path in ("/engine.io/", "/engine.io", "/", "/socket.io/", "/engine.io/more")
        ]
    assert statuses == [200, 200, 404, 404, 404]
    app.engine.shut_down()


async def test_it_answers_at_the_path_that_it_is_given() -> None:
    app = EngineIO(Echo(), path="/link/")
    async with browser(app) as client:
        assert (await client.get("/link/?EIO=4&transport=polling")).status_code == 200
        assert (await client.get("/engine.io/?EIO=4&transport=polling")).status_code == 404
    app.engine.shut_down()


async def test_its_settings_are_what_the_handshake_says() -> None:
    app = EngineIO(Echo(), ping_interval=0.3, ping_timeout=0.2, max_payload=1_000)

    async with browser(app) as client:
        opened = (await client.get("/engine.io/?EIO=4&transport=polling")).text
    assert '"pingInterval":300,"pingTimeout":200,"maxPayload":1000' in opened
    app.engine.shut_down()


async def test_its_sids_are_long_and_never_the_same() -> None:
    app = EngineIO(Echo())
    async with browser(app) as client:
        for _ in range(50):
            await client.get("/engine.io/?EIO=4&transport=polling")
    assert len(app.engine.sessions) == 50
    assert all(len(sid) >= 20 for sid in app.engine.sessions)
    app.engine.shut_down()


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(SettingsError, match="ping_intervall"):
        EngineIO(Echo(), ping_intervall=1)  # type: ignore[call-arg]
