"""A client that is bytes on a socket, so that a test decides what is sent and what is left out."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import urllib.request

from support.servers import Server


def connect(server: Server, request: bytes = b"", *, receive_buffer_bytes: int = 0) -> socket.socket:
    client = socket.socket()
    if receive_buffer_bytes:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
    client.settimeout(5)
    client.connect((server.host, server.port))
    client.sendall(request)
    return client


def upgrade_request(path: str) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    ).encode()


def deaf_client(server: Server, packet: str) -> socket.socket:
    """A WebSocket with a small receive buffer that has sent one packet, and reads nothing from now on."""
    client = connect(
        server, upgrade_request("/socket.io/?EIO=4&transport=websocket"), receive_buffer_bytes=4_096
    )
    assert client.recv(4_096)
    client.sendall(masked_text(packet))
    return client


def masked_text(text: str) -> bytes:
    """A WebSocket text frame of a client, masked with zeros."""
    return bytes([0x81, 0x80 | len(text)]) + bytes(4) + text.encode()


def read_until(client: socket.socket, part: bytes) -> bytes:
    received = b""
    while part not in received:
        chunk = client.recv(65536)
        assert chunk, f"closed after {received!r}"
        received += chunk
    return received


def read_to_end(client: socket.socket) -> bytes:
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := client.recv(65536):
            received += chunk
    return received


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as response:
        body: bytes = response.read()
        return body
