"""Items 25 and 26: whatever bytes a connection brings, before and after it has become a WebSocket."""

from __future__ import annotations

import contextlib
import string

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from support.raw_client import masked_text, upgrade_request
from support.raw_wire import Tcp, polling, websocket
from torture.campaign import item
from torture.ground import Ground
from torture.websocket import opened

_LINES = st.sampled_from(
    [
        b"GET / HTTP/1.1\r\n",
        f"GET {polling('/socket.io/')} HTTP/1.1\r\n".encode(),
        f"POST {polling('/socket.io/')} HTTP/1.1\r\n".encode(),
        b"GET /api/count?page=/ HTTP/1.1\r\n",
        b"GET /api/stream?page=/ HTTP/1.0\r\n",
        b"Host: localhost\r\n",
        b"Connection: Upgrade, keep-alive\r\n",
        b"Upgrade: websocket\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Length: 3\r\n",
        b"Expect: 100-continue\r\n",
        b"Sec-WebSocket-Version: 13\r\n",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        b"\r\n",
        b"0\r\n\r\n",
        b"3\r\nabc\r\n",
        upgrade_request(websocket("/socket.io/")),
    ]
)
_REQUESTS = st.lists(_LINES | st.binary(max_size=20), max_size=12)
_TEXTS = st.sampled_from(
    [
        "40",
        "40/a,",
        "41",
        '42["x"]',
        '42/a,1["x"]',
        "2",
        "3",
        "2probe",
        "5",
        "1",
        "6",
        "451-[{}]",
        "44",
        "\x1e",
    ]
) | st.text(string.printable, max_size=30)
_HEADS = st.tuples(st.integers(0, 255), st.integers(0, 255)).map(bytes)
_FRAMES = st.lists(_TEXTS.map(masked_text) | _HEADS | st.binary(max_size=20), max_size=12)


def _tries(most: int) -> settings:
    return settings(
        max_examples=most,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def _say(tcp: Tcp, parts: list[bytes]) -> bytes:
    """Sends the parts, one by one, and goes; returns what came back by then."""
    for part in parts:
        tcp.try_send(part)
    with contextlib.suppress(OSError):
        tcp.half_close()
    answer = b""
    with contextlib.suppress(OSError):
        answer = tcp.read_to_end(0.2)
    return answer


@item(25, "whatever bytes a connection begins with")
def any_request(ground: Ground) -> None:
    most = ground.size(2_000, 100)

    @_tries(most)
    @given(_REQUESTS)
    def try_it(parts: list[bytes]) -> None:
        with Tcp(ground.server) as tcp:
            assert b"HTTP/1.1 500" not in _say(tcp, parts)

    try_it()
    ground.note(f"{most} connections")


@item(26, "whatever bytes a WebSocket brings", "--connect-timeout", "2")
def any_frames(ground: Ground) -> None:
    most = ground.size(2_000, 100)

    @_tries(most)
    @given(_FRAMES)
    def try_it(parts: list[bytes]) -> None:
        with opened(ground) as tcp:
            _say(tcp, parts)

    try_it()
    ground.note(f"{most} connections")
