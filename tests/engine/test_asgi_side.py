"""The ASGI side of a WebSocket, through DirectWebSocket, for apps that attach no receiver."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from websockets.frames import Opcode

from support.peers import Peer, turn


async def test_an_app_echoes_text_and_bytes_and_sees_the_close() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["path"], scope["query_string"], scope["client"], scope["scheme"]))
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept", "headers": [(b"x-who", b"me")]})
        while (message := await receive())["type"] == "websocket.receive":
            await send(
                {"type": "websocket.send", **{k: message[k] for k in ("text", "bytes") if k in message}}
            )
        seen.append(message)

    peer = Peer(app)
    await peer.open()
    (response,) = peer.hear()
    assert response.headers["x-who"] == "me"
    peer.text("a")
    peer.client.send_binary(b"b")
    peer.send()
    await turn()
    assert [bytes(frame.data) for frame in peer.hear()] == [b"a", b"b"]
    peer.client.send_close(1000)
    peer.send()
    await turn()
    assert [frame.opcode for frame in peer.hear()] == [Opcode.CLOSE]
    assert peer.state.tasks == set()
    assert seen == [
        ("/x", b"y=1", ("127.0.0.1", 5), "ws"),
        {"type": "websocket.disconnect", "code": 1000, "reason": ""},
    ]


async def test_an_app_denies_with_a_status_headers_and_a_body() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        headers = [(b"content-type", b"application/json")]
        await send({"type": "websocket.http.response.start", "status": 400, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": b'{"a":', "more_body": True})
        await send({"type": "websocket.http.response.body", "body": b"1}"})

    peer = Peer(app)
    await peer.open()
    answer = b"".join(peer.transport.written)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.endswith(b'\r\n\r\n{"a":1}')
    assert b"content-length: 7" in answer.lower()
    assert peer.transport.closed == "close"


async def test_a_close_before_the_accept_is_a_403() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.close"})
        assert (await receive())["type"] == "websocket.disconnect"

    peer = Peer(app)
    await peer.open()
    assert peer.transport.written[0].startswith(b"HTTP/1.1 403")
    assert peer.transport.closed == "close"


@pytest.mark.parametrize("accepts", [False, True])
async def test_an_app_that_raises_is_logged_and_its_client_told(
    accepts: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        if accepts:
            await send({"type": "websocket.accept"})
        raise ValueError("broken")

    async def scenario() -> None:
        peer = Peer(app)
        await peer.open()
        written = b"".join(peer.transport.written)
        assert written.startswith(b"HTTP/1.1 101" if accepts else b"HTTP/1.1 500")
        if accepts:
            assert written.endswith((1011).to_bytes(2, "big"))
        peer.lose()

    with caplog.at_level(logging.ERROR):
        await scenario()
    assert "Exception in ASGI application" in caplog.text


async def test_sending_waits_while_the_client_reads_nothing() -> None:
    sent: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        for number in range(3):
            await send({"type": "websocket.send", "text": str(number)})
            sent.append(number)
        await receive()

    peer = Peer(app)
    peer.transport.full = True
    await peer.open()
    assert sent == []
    peer.transport.empty()
    await turn()
    assert sent == [0, 1, 2]
    peer.lose()
    await turn()
    assert peer.state.tasks == set()


async def test_a_message_of_any_size_is_sent_whole_whatever_the_client_says_meanwhile() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": "x" * 2_000_000})

    peer = Peer(app)
    await peer.open()
    peer.hear()
    peer.transport.full = True
    for _ in range(3):
        peer.text("more")
        await turn()
    assert peer.transport.closed is None
    peer.transport.empty()
    await turn()
    assert [len(frame.data) for frame in peer.hear()] == 3 * [2_000_000]
    peer.lose()
    await turn()
    assert peer.state.tasks == set()


async def test_sending_to_a_client_that_is_gone_ends_the_app_quietly(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        await send({"type": "websocket.send", "text": "x"})
        raise AssertionError("never reached")

    peer = Peer(app)
    await peer.open()
    peer.transport.close()
    peer.lose()
    await turn()
    assert peer.state.tasks == set()
    assert caplog.text == ""


@pytest.mark.parametrize("text", ["x" * 999, "人" * 333])
async def test_reading_stops_while_the_app_leaves_much_unread(text: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await release.wait()
        for _ in range(80):
            await receive()
        await receive()

    release = asyncio.Event()

    peer = Peer(app)
    await peer.open()
    peer.hear()
    for _ in range(80):
        peer.text(text)
    assert not peer.transport.reading
    release.set()
    await turn()
    assert peer.transport.reading
    peer.lose()


@pytest.mark.parametrize(
    "messages",
    [
        [{"type": "websocket.send", "text": "x"}],
        [{"type": "websocket.accept"}, {"type": "websocket.accept"}],
    ],
)
async def test_a_message_out_of_turn_is_an_error_of_the_app(messages: list[Any]) -> None:
    errors: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        try:
            for message in messages:
                await send(message)
        except RuntimeError as error:
            errors.append(str(error))

    peer = Peer(app)
    await peer.open()
    peer.lose()
    assert len(errors) == 1
    assert errors[0].startswith("expected websocket.")
