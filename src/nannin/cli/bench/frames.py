"""What the crowd's clients say and hear: a handshake, a few masked frames, and a cheap look at the server's.

Source: RFC 6455, 5.2; the Engine.IO protocol, 4th revision; the Socket.IO protocol, 5th revision.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

_MASK = b"\x6e\x6e\x6e\x6e"
_MASKED = bytes(byte ^ _MASK[0] for byte in range(256))
_TEXT, _BINARY, _CLOSE, _PING = 0x1, 0x2, 0x8, 0x9
_UPDATE = re.compile(rb'42(?:/[^,]*,)?\["(user connected|user disconnected|audience)",(.*)\]', re.DOTALL)


class Heard(NamedTuple):
    """What some bytes of a server say.

    Attributes:
        messages: how many messages there were, of any kind.
        updates: how many of them told a count.
        number: the last count told.
        opened: whether the Engine.IO session was opened.
        joined: whether CONNECT was answered.
        ping_interval_s: the interval of the heartbeat, where the session was opened.
        answer: what a polite client sends now: pongs.
        refusal: why the server ends it, or lets nobody join.
        rest: the beginning of a frame that is not whole yet.
    """

    messages: int = 0
    updates: int = 0
    number: int | None = None
    opened: bool = False
    joined: bool = False
    ping_interval_s: float = 0.0
    answer: bytes = b""
    refusal: str = ""
    rest: bytes = b""


def mask(opcode: int, payload: bytes) -> bytes:
    """A client's frame. The mask is constant: nothing here has to be hidden from a proxy.

    Args:
        opcode: RFC 6455, 5.2.
        payload: at most 65,535 bytes.
    """
    size = len(payload)
    length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes((0x80 | opcode,)) + length + _MASK + payload.translate(_MASKED)


def make_connect(page: str, auth: dict[str, str]) -> bytes:
    """The frame with which a client joins a page.

    Args:
        page: its key; `/` is the default.
        auth: what the client says of itself; a server that knows none of it takes no notice.
    """
    where = "" if page == "/" else f"{page},"
    return mask(_TEXT, f"40{where}{json.dumps(auth) if auth else ''}".encode())


PONG = mask(_TEXT, b"3")
# 1001, "going away": what a browser sends when a page is left.
LEAVE = mask(_CLOSE, (1001).to_bytes(2, "big"))
# No server has a page of this name, and its refusal is as long: where nobody reads it, much waits.
NO_PAGE = mask(_TEXT, b"40/" + b"x" * 8000 + b",")


def make_handshake(host: str, path: str) -> bytes:
    """The request that opens a WebSocket.

    Args:
        host: what the Host header says, with the port.
        path: the path and query.
    """
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: bmFubmluIGJlbmNobWFyaw==",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def read_response(data: bytes) -> tuple[int, bytes] | None:
    """Reads the answer to the handshake: its status, and what follows it; None while it is not whole."""
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end:
        return None
    words = head.split(b" ", 2)
    return (int(words[1]) if len(words) > 1 and words[1].isdigit() else 0), rest


def read_frames(data: bytes) -> Heard:
    """Reads a server's frames."""
    messages = updates = at = 0
    number: int | None = None
    opened = joined = False
    ping_interval_s = 0.0
    answer = b""
    refusal = ""
    while (frame := _next_frame(data, at)) is not None:
        opcode, start, at = frame
        payload = data[start:at]
        if opcode == _CLOSE:
            refusal = f"closed with {int.from_bytes(payload[:2], 'big') or 1005}"
        elif opcode == _PING:
            answer += mask(0xA, payload)
        elif opcode in (_TEXT, _BINARY):
            messages += 1
            told = _number(payload)
            if told is not None:
                updates, number = updates + 1, told
            elif payload == b"2":
                answer += PONG
            elif payload.startswith(b"0{"):
                opened, ping_interval_s = True, json.loads(payload[1:]).get("pingInterval", 0) / 1000
            elif payload.startswith(b"40"):
                joined = True
            elif payload.startswith(b"44"):
                refusal = _reason(payload)
    return Heard(
        messages, updates, number, opened, joined, ping_interval_s, answer, refusal, data[at:] if at else data
    )


def _next_frame(data: bytes, at: int) -> tuple[int, int, int] | None:
    """The opcode of the frame that begins at `at`, and where its payload begins and ends."""
    if len(data) < at + 2:
        return None
    length, start = data[at + 1], at + 2
    if length > 125:
        start += 2 if length == 126 else 8
        if len(data) < start:
            return None
        length = int.from_bytes(data[at + 2 : start], "big")
    return (data[at] & 0x0F, start, start + length) if len(data) >= start + length else None


def _number(payload: bytes) -> int | None:
    found = _UPDATE.fullmatch(payload)
    if found is None:
        return None
    try:
        value = json.loads(found[2])
        return int(value["connections"] if isinstance(value, dict) else value)
    except (ValueError, TypeError, KeyError):
        return None


def _reason(refusal: bytes) -> str:
    """Why a server lets nobody join: the message of a CONNECT_ERROR."""
    text = refusal[2:].decode(errors="replace")
    try:
        return str(json.loads(text[text.index("{") :])["message"])
    except (ValueError, TypeError, KeyError):
        return text
