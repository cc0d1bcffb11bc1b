"""Small raw clients: one HTTP request, one TCP connection, one WebSocket; nothing is hidden."""

from __future__ import annotations

import contextlib
import http.client
import json
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass
from typing import Protocol, cast

from websockets.client import ClientProtocol
from websockets.exceptions import WebSocketException
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from support import tls
from support.tls import TlsSocket

PATIENCE_S = 10.0
"""How long a test waits for what must come; never how long it waits when all is well."""

SEPARATOR = "\x1e"


class Address(Protocol):
    """Where a server listens."""

    host: str
    port: int
    tls: bool


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
        assert set(body) == {"code", "message"} | ({"remedy"} if body["code"] == 5 else set())
        return self.status, body["code"], body["message"]


def connect(server: Address) -> socket.socket | TlsSocket:
    """A TCP connection, with TLS on it where the server speaks that."""
    plain = socket.create_connection((server.host, server.port), PATIENCE_S)
    return TlsSocket(plain, server.host) if server.tls else plain


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
    connection = (
        http.client.HTTPSConnection(server.host, server.port, timeout=PATIENCE_S, context=tls.context())
        if server.tls
        else http.client.HTTPConnection(server.host, server.port, timeout=PATIENCE_S)
    )
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


class Tcp:
    """A plain TCP connection, for requests that no HTTP library would make."""

    def __init__(self, server: Address) -> None:
        self.socket = connect(server)
        self.ended = False

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

    def send_beside(self, part: bytes) -> None:
        """Sends in a thread of its own, so that the test can read meanwhile."""
        threading.Thread(target=self.try_send, args=(part,), daemon=True).start()

    def has_answer(self) -> bool:
        """Whether the server has sent something, or closed."""
        return bool(select.select([self.socket], [], [], 0)[0])

    def read_count(self, mark: bytes, wanted: int) -> int:
        """Reads until `mark` has come `wanted` times, or the server closes; returns how often it came."""
        count, rest = 0, b""
        with contextlib.suppress(ConnectionError):
            while count < wanted:
                received = self.socket.recv(65_536)
                if not received:
                    break
                rest += received
                count += rest.count(mark)
                rest = rest[max(rest.rfind(mark) + len(mark), len(rest) - len(mark) + 1) :]
        self.ended = count < wanted
        return count

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

    def half_close(self) -> None:
        """Says that nothing more will be sent."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Ends the connection with a TCP reset: no FIN, no close frame."""
        # A thread that still waits in recv would keep the connection open.
        with contextlib.suppress(OSError):  # the server may have closed it meanwhile
            self.socket.shutdown(socket.SHUT_RD)
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
        while self.protocol.state is State.CONNECTING and self.protocol.handshake_exc is None:
            self._read()
        if self.protocol.handshake_exc is not None:
            self.tcp.socket.close()
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

    def send_close(self, code: int) -> None:
        """Sends a close frame, and leaves the rest to the server."""
        with self._lock:
            if self.protocol.state is State.OPEN:
                self.protocol.send_close(code)
                self._flush()

    def close(self) -> None:
        """Closes as a browser does: a close frame, and then TCP once the server has answered."""
        self.send_close(1000)
        with contextlib.suppress(TimeoutError, OSError):
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


class WaitingGet:
    """A GET whose request is sent, and whose response is read when the test asks for it.

    What the test sends after it reaches the server after it: connections are served in their order.
    """

    def __init__(self, server: Address, where: str) -> None:
        self.tcp = Tcp(server).send(f"GET {where} HTTP/1.1\r\nHost: {server.host}:{server.port}\r\n\r\n")

    def reply(self) -> Reply:
        """Reads the response."""
        with self.tcp:
            return read_reply(self.tcp)

    def cancel(self) -> None:
        """Goes away before the response."""
        self.tcp.socket.close()


def read_reply(tcp: Tcp) -> Reply:
    """Reads one HTTP response from a connection."""
    response = http.client.HTTPResponse(cast(socket.socket, tcp.socket))
    response.begin()
    lower = {name.lower(): value for name, value in response.getheaders()}
    return Reply(response.status, lower, response.read().decode())


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
        reply = read_reply(tcp)
        assert reply.status != 101, "the WebSocket was accepted"
        return reply
