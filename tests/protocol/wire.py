"""Small raw clients: one HTTP request, one WebSocket, one Engine.IO link over either; nothing hidden."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import queue
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, WebSocketException
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

PATIENCE_S = 10.0
"""How long a test waits for what must come; never how long it waits when all is well."""

SEPARATOR = "\x1e"


class Address(Protocol):
    """Where a server listens."""

    host: str
    port: int


@dataclass(frozen=True)
class Reply:
    """An HTTP response, read to its end."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def error(self) -> tuple[int, int, str]:
        """The status, and the code and message of the protocol's JSON error."""
        body = json.loads(self.text)
        assert set(body) == {"code", "message"}
        return self.status, body["code"], body["message"]


def target(path: str = "/engine.io/", **query: str) -> str:
    """A request target: a value is sent as it is given, so that a test can send a bad one."""
    return path + "?" + "&".join(f"{name}={value}" for name, value in query.items())


def polling(path: str, sid: str | None = None) -> str:
    return target(path, EIO="4", transport="polling", **({"sid": sid} if sid else {}))


def websocket(path: str, sid: str | None = None) -> str:
    return target(path, EIO="4", transport="websocket", **({"sid": sid} if sid else {}))


def request(
    server: Address,
    method: str,
    where: str,
    body: str | bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Reply:
    """One HTTP request on a connection of its own."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=PATIENCE_S)
    try:
        sent = body.encode() if isinstance(body, str) else body
        connection.request(method, where, sent, headers or {})
        response = connection.getresponse()
        lower = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, lower, response.read().decode())
    finally:
        connection.close()


def get(server: Address, where: str, headers: dict[str, str] | None = None) -> Reply:
    return request(server, "GET", where, headers=headers)


def post(server: Address, where: str, body: str | bytes) -> Reply:
    return request(server, "POST", where, body, {"Content-Type": "text/plain;charset=UTF-8"})


class InBackground(threading.Thread):
    """Runs one call beside the test, which later asks for its result."""

    def __init__(self, call: Callable[[], Reply]) -> None:
        super().__init__(daemon=True)
        self._call = call
        self._outcome: Reply | Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self._outcome = self._call()
        except Exception as error:  # noqa: BLE001 - handed to the test
            self._outcome = error

    def result(self) -> Reply:
        self.join(PATIENCE_S)
        assert self._outcome is not None, "the request got no answer in time"
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome


class Tcp:
    """A plain TCP connection, for requests that no HTTP library would make."""

    def __init__(self, server: Address) -> None:
        self.socket = socket.create_connection((server.host, server.port), PATIENCE_S)

    def __enter__(self) -> Tcp:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *parts: str | bytes) -> Tcp:
        for part in parts:
            self.socket.sendall(part.encode() if isinstance(part, str) else part)
        return self

    def try_send(self, part: bytes) -> bool:
        """Sends, and says whether the server still takes it."""
        try:
            self.socket.sendall(part)
        except OSError:
            return False
        return True

    def read_to_end(self, timeout_s: float = PATIENCE_S) -> bytes:
        """All that comes until the server closes."""
        self.socket.settimeout(timeout_s)
        received = b""
        with contextlib.suppress(ConnectionError):
            while part := self.socket.recv(65_536):
                received += part
        return received

    def status(self) -> int | None:
        """The status of the first response; None where the server closed without one."""
        received = b""
        with contextlib.suppress(ConnectionError):
            while b"\r\n" not in received and (part := self.socket.recv(4096)):
                received += part
        return int(received.split()[1]) if received else None

    def reset(self) -> None:
        """Ends the connection with a TCP reset: no FIN, no close frame."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class Closed(Exception):
    """The WebSocket is closed; the close code is its argument."""


class WebSocket:
    """A WebSocket whose opening and whose frames a test can bend.

    Raises:
        InvalidHandshake: the server refused; `refusal` has its response.
    """

    def __init__(self, server: Address, where: str, headers: dict[str, str] | None = None) -> None:
        uri = parse_uri(f"ws://{server.host}:{server.port}{where}")
        self.protocol = ClientProtocol(uri, max_size=4_000_000)
        self.tcp = Tcp(server)
        self._lock = threading.Lock()
        self._partial: list[bytes] = []
        opening = self.protocol.connect()
        for name, value in (headers or {}).items():
            opening.headers[name] = value
        self.protocol.send_request(opening)
        self._flush()
        self.refusal: Response | None = None
        self._messages: list[str | bytes] = []
        try:
            while self.protocol.state is State.CONNECTING and self.protocol.handshake_exc is None:
                self._read()
        finally:
            if self.protocol.state is not State.OPEN:
                self.tcp.socket.close()
        if self.protocol.handshake_exc is not None:
            raise self.protocol.handshake_exc

    @property
    def close_code(self) -> int | None:
        return self.protocol.close_code

    def send(self, message: str | bytes) -> None:
        """Sends a message in one frame.

        Raises:
            Closed: the connection is closed or closing.
        """
        with self._lock:
            try:
                if isinstance(message, str):
                    self.protocol.send_text(message.encode())
                else:
                    self.protocol.send_binary(message)
            except WebSocketException as error:  # closing, or closed
                raise Closed(self.close_code) from error
            self._flush()

    def receive(self, timeout_s: float = PATIENCE_S) -> str | bytes:
        """The next message.

        Raises:
            Closed: there will be none.
            TimeoutError: there was none in time.
        """
        give_up_at = time.monotonic() + timeout_s
        while not self._messages:
            if self.protocol.state is State.CLOSED:
                raise Closed(self.close_code)
            self._read(max(give_up_at - time.monotonic(), 0.001))
        return self._messages.pop(0)

    def receive_end(self, timeout_s: float = PATIENCE_S) -> int | None:
        """Reads on to the end of the connection; returns the server's close code (1006: it sent none)."""
        try:
            while True:
                self.receive(timeout_s)
        except Closed:
            return self.close_code

    def close(self) -> None:
        """Closes as a browser does: a close frame, and then TCP once the server has answered."""
        with contextlib.suppress(Closed, TimeoutError, OSError):
            with self._lock:
                if self.protocol.state is State.OPEN:
                    self.protocol.send_close(1000)
                    self._flush()
            self.receive_end(2.0)
        self.tcp.socket.close()

    def _flush(self) -> None:
        for part in self.protocol.data_to_send():
            with contextlib.suppress(OSError):
                if part:
                    self.tcp.socket.sendall(part)
                else:
                    self.tcp.socket.shutdown(socket.SHUT_WR)

    def _read(self, timeout_s: float = PATIENCE_S) -> None:
        self.tcp.socket.settimeout(timeout_s)
        try:
            received = self.tcp.socket.recv(65_536)
        except ConnectionError:
            received = b""
        self.tcp.socket.settimeout(PATIENCE_S)
        with self._lock:
            if received:
                self.protocol.receive_data(received)
            else:
                self.protocol.receive_eof()
            self._flush()
        for event in self.protocol.events_received():
            if isinstance(event, Response):
                self.refusal = event
            elif isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                self._receive_frame(event)

    def _receive_frame(self, frame: Frame) -> None:
        if frame.opcode is not Opcode.CONT:
            self._opcode = frame.opcode
        self._partial.append(bytes(frame.data))
        if frame.fin:
            whole, self._partial = b"".join(self._partial), []
            self._messages.append(whole.decode() if self._opcode is Opcode.TEXT else whole)


def refused(server: Address, where: str, headers: dict[str, str] | None = None) -> Reply:
    """Tries to open a WebSocket that the server must refuse; returns its HTTP response."""
    with Tcp(server) as tcp:
        lines = [
            f"GET {where} HTTP/1.1",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
        ]
        sent = {"Host": f"{server.host}:{server.port}", **(headers or {})}
        lines += [f"{name}: {value}" for name, value in sent.items()]
        tcp.send("\r\n".join(lines) + "\r\n\r\n")
        response = http.client.HTTPResponse(tcp.socket)
        response.begin()
        assert response.status != 101, "the WebSocket was accepted"
        lower = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, lower, response.read().decode())


class Link:
    """An Engine.IO client that answers pings by itself and keeps the other packets for the test.

    Args:
        server: where to connect.
        transport: "polling", "websocket", or "upgrade": polling, then WebSocket.
        path: where Engine.IO answers.
        answers_pings: False for a client that is dead but whose sockets live on.
    """

    def __init__(
        self, server: Address, transport: str, path: str = "/socket.io/", *, answers_pings: bool = True
    ) -> None:
        self.server, self.path = server, path
        self.ended = threading.Event()
        self._answers_pings = answers_pings
        self._packets: queue.Queue[str | bytes] = queue.Queue()
        self._websocket: WebSocket | None = None
        if transport == "websocket":
            self._websocket = WebSocket(server, websocket(path))
            opened = self._websocket.receive()
        else:
            opened = get(server, polling(path)).text
        assert isinstance(opened, str)
        assert opened[0] == "0"
        self.handshake: dict[str, Any] = json.loads(opened[1:])
        self.sid: str = self.handshake["sid"]
        if transport == "upgrade":
            self.upgrade()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Link:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def upgrade(self) -> None:
        """Moves from polling to WebSocket, before the reader has begun."""
        candidate = WebSocket(self.server, websocket(self.path, self.sid))
        candidate.send("2probe")
        assert candidate.receive() == "3probe"
        candidate.send("5")
        self._websocket = candidate

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
        with self._websocket._lock:
            self._websocket.protocol.send_close(1001)
            self._websocket._flush()

    def reset(self) -> None:
        """Cuts the TCP connection: what a killed client does."""
        assert self._websocket is not None
        self._websocket.tcp.reset()

    def _read(self) -> None:
        with contextlib.suppress(OSError, Closed, InvalidHandshake, http.client.HTTPException):
            for packet in self._from_websocket() if self._websocket else self._from_polls():
                if packet == "2":
                    if self._answers_pings:
                        self.send("3")
                elif packet == "1":
                    break
                elif packet != "6":
                    self._packets.put(packet)
        self.ended.set()

    def _from_websocket(self) -> Iterator[str | bytes]:
        assert self._websocket is not None
        while True:
            yield self._websocket.receive(60.0)

    def _from_polls(self) -> Iterator[str | bytes]:
        while True:
            reply = get(self.server, polling(self.path, self.sid))
            if reply.status != 200:
                return
            for part in reply.text.split(SEPARATOR):
                yield base64.b64decode(part[1:]) if part.startswith("b") else part


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
        seen = []
        while True:
            try:
                event = self.receive_event()
            except TimeoutError:
                raise AssertionError(f"{list(wanted)} did not come, but {seen}") from None
            seen.append(event)
            if event == list(wanted):
                return
