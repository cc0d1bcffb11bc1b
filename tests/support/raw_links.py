"""Clients that tests talk through: an Engine.IO link over any transport, and a Socket.IO client on it."""

from __future__ import annotations

import base64
import contextlib
import http.client
import itertools
import json
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any, Self

from websockets.exceptions import InvalidHandshake

from support.raw_wire import (
    PATIENCE_S,
    SEPARATOR,
    Address,
    Closed,
    Reply,
    WebSocket,
    get,
    polling,
    post,
    websocket,
)


class Link:
    """An Engine.IO client that answers pings by itself and keeps the other packets for the test.

    Args:
        server: where to connect.
        transport: "polling", "websocket", or "upgrade": polling, then WebSocket.
        path: where Engine.IO answers.
        answers_pings: False for a client that is dead but whose sockets live on.

    Attributes:
        silence_s: after so long without a word from the server, it takes its WebSocket for dead.
    """

    silence_s = 60.0

    def __init__(
        self, server: Address, transport: str, path: str = "/socket.io/", *, answers_pings: bool = True
    ) -> None:
        self.server, self.path = server, path
        self.ended = threading.Event()
        self._answers_pings = answers_pings
        self._packets: queue.Queue[str | bytes] = queue.Queue()
        self._websocket: WebSocket | None = None
        self._pausing, self._paused, self._upgraded = threading.Event(), threading.Event(), threading.Event()
        if transport == "websocket":
            self._websocket = WebSocket(server, websocket(path))
            opened = self._websocket.receive()
        else:
            opened = get(server, polling(path)).text
        assert isinstance(opened, str)
        assert opened[0] == "0"
        self.handshake: dict[str, Any] = json.loads(opened[1:])
        self.sid: str = self.handshake["sid"]
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if transport == "upgrade":
            self.upgrade()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def close_code(self) -> int | None:
        """The close code of its WebSocket, if it has ended."""
        return None if self._websocket is None else self._websocket.close_code

    def upgrade(self) -> None:
        """Moves from polling to WebSocket, as the official client does: probe, pause, upgrade."""
        candidate = WebSocket(self.server, websocket(self.path, self.sid))
        candidate.send("2probe")
        assert candidate.receive() == "3probe"
        self._pausing.set()
        assert self._paused.wait(PATIENCE_S), "the waiting poll was not ended"
        candidate.send("5")
        self._websocket = candidate
        self._upgraded.set()

    def send(self, *packets: str | bytes) -> None:
        """Sends packets: in one payload, or in a frame each."""
        if self._websocket is not None:
            for packet in packets:
                self._websocket.send(packet)
            return
        assert self.post(*packets).text == "ok"

    def post(self, *packets: str | bytes) -> Reply:
        """Sends packets in one payload, and shows what the server says to that."""
        parts = [p if isinstance(p, str) else "b" + base64.b64encode(p).decode() for p in packets]
        return post(self.server, polling(self.path, self.sid), SEPARATOR.join(parts))

    def try_send(self, *packets: str | bytes) -> None:
        """Sends what may well end the session."""
        if self._websocket is None:
            self.post(*packets)
            return
        with contextlib.suppress(Closed):
            self.send(*packets)

    def receive(self, timeout_s: float = PATIENCE_S) -> str | bytes:
        """The next packet that is no ping."""
        try:
            return self._packets.get(timeout=timeout_s)
        except queue.Empty:
            ended = ", and the session has ended" if self.ended.is_set() else ""
            raise TimeoutError(f"no packet within {timeout_s} s{ended}") from None

    def receive_until(self, wanted: Callable[[str | bytes], bool]) -> list[str | bytes]:
        """Packets up to the first wanted one."""
        received = [self.receive()]
        while not wanted(received[-1]):
            received.append(self.receive())
        return received

    def pending(self) -> list[str | bytes]:
        """What has come and was not received yet."""
        packets = []
        with contextlib.suppress(queue.Empty):
            while True:
                packets.append(self._packets.get_nowait())
        return packets

    def wait_ended(self, timeout_s: float = PATIENCE_S) -> None:
        """Returns once the server has ended the session."""
        assert self.ended.wait(timeout_s), "the session lives on"

    def close(self) -> None:
        """Leaves in good order, and waits for the reader."""
        if self._websocket is not None:
            with contextlib.suppress(Closed, OSError):
                self._websocket.send("1")
        elif not self.ended.is_set():
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.post("1")
        self._reader.join(PATIENCE_S)
        if self._websocket is not None:
            self._websocket.tcp.socket.close()

    def close_websocket(self) -> None:
        """Closes the WebSocket itself, without a close packet: what a closed tab does."""
        assert self._websocket is not None
        self._websocket.send_close(1001)

    def stop_answering(self) -> None:
        """Leaves pings unanswered from now on: what a client does that lost its network."""
        self._answers_pings = False

    def get_twice(self) -> None:
        """Asks for packets while the reader does already, which ends the session."""
        assert get(self.server, polling(self.path, self.sid)).status in (200, 400)  # whichever came second

    def reset(self) -> None:
        """Cuts the TCP connection: what a killed client does."""
        assert self._websocket is not None
        self._websocket.tcp.reset()

    def _read(self) -> None:
        with contextlib.suppress(OSError, Closed, InvalidHandshake, http.client.HTTPException):
            for packet in itertools.chain(self._from_polls(), self._from_websocket()):
                if packet == "2":
                    if self._answers_pings:
                        self.try_send("3")  # the session may end meanwhile
                elif packet == "1":
                    break
                elif packet != "6":
                    self._packets.put(packet)
        self.ended.set()

    def _from_polls(self) -> Iterator[str | bytes]:
        while self._websocket is None:
            if self._pausing.is_set():
                self._paused.set()
                assert self._upgraded.wait(PATIENCE_S)
                return
            reply = get(self.server, polling(self.path, self.sid))
            if reply.status != 200:
                return
            for part in reply.text.split(SEPARATOR):
                yield base64.b64decode(part[1:]) if part.startswith("b") else part

    def _from_websocket(self) -> Iterator[str | bytes]:
        while self._websocket is not None:
            yield self._websocket.receive(self.silence_s)


class Client(Link):
    """A Socket.IO client on such a link: it speaks for one page, and reads JSON."""

    def __init__(
        self,
        server: Address,
        transport: str,
        page: str = "/",
        auth: dict[str, Any] | None = None,
        *,
        answers_pings: bool = True,
    ) -> None:
        super().__init__(server, transport, answers_pings=answers_pings)
        self.page = page
        self.prefix = "" if page == "/" else page + ","
        self.send(f"40{self.prefix}" + ("" if auth is None else json.dumps(auth)))
        answer = self.receive()
        assert isinstance(answer, str)
        self.answer = answer
        assert answer.startswith("40" + self.prefix), answer
        self.id: str = json.loads(answer[len("40" + self.prefix) :])["sid"]

    def emit(self, *event: Any, ack: int | str = "") -> None:
        self.send(f"42{self.prefix}{ack}" + json.dumps(event))

    def receive_event(self, timeout_s: float = PATIENCE_S) -> list[Any]:
        """The next packet, which must be an event of this page."""
        packet = self.receive(timeout_s)
        assert isinstance(packet, str)
        assert packet.startswith("42" + self.prefix), packet
        event = json.loads(packet[len("42" + self.prefix) :])
        assert isinstance(event, list)
        return event

    def wait_event(self, *wanted: Any) -> None:
        """Reads events up to this one: merged counts may leave out those between."""
        seen: list[list[Any]] = []
        while True:
            try:
                event = self.receive_event()
            except TimeoutError:
                raise AssertionError(f"{list(wanted)} did not come, but {seen}") from None
            seen.append(event)
            if event == list(wanted):
                return
