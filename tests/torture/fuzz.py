"""`make fuzz`: atheris looks for bytes that the parsers of the wire take badly, led by what they run through.

Each parser may refuse what it gets with the errors that its docstring names, and with no other. What it
accepts has to come out the same however the bytes were cut, and after another round trip.
"""

from __future__ import annotations

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import atheris

with atheris.instrument_imports(include=["nannin"]):
    from nannin.access.client_address import Proxies
    from nannin.access.connect import Connect
    from nannin.audience.page_key import check_page_key, is_page_key, normalise
    from nannin.engine.opening import find_opening
    from nannin.errors import FrameError, PacketError, StrayPacket
    from nannin.wire import json_text
    from nannin.wire.engine_packet import decode_payload
    from nannin.wire.engine_request import read_request
    from nannin.wire.socket_packet import Decoder, PacketType, encode_packet
    from nannin.wire.websocket_frames import CLOSE, FrameReader, read_close

MAX_BYTES = 10_000
STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def payload(data: bytes) -> None:
    """A body of Engine.IO."""
    try:
        decode_payload(data)
    except PacketError:
        return


def packet(data: bytes) -> None:
    """A message of Socket.IO, and its attachments."""
    text, *attachments = data.split(b"\0\0")
    decoder = Decoder(10)
    try:
        got = decoder.receive(text.decode(errors="surrogateescape"))
        for attachment in attachments:
            got = got or decoder.receive(attachment)
    except (PacketError, StrayPacket):
        return
    if got is None or got.type not in (PacketType.EVENT, PacketType.ACK):
        return
    again = Decoder(10)
    messages = encode_packet(got)
    same = [again.receive(message) for message in messages][-1]
    assert same is not None
    # A number that no float holds goes out as null, as in JavaScript: twice through, it stays what it is.
    assert encode_packet(same) == messages, (got, same)


def frames(data: bytes) -> None:
    """Frames of a WebSocket, in one piece and in two."""
    cut, rest = (data[0], data[1:]) if data else (0, b"")

    def read(*parts: bytes) -> list[Any]:
        reader = FrameReader()
        read: list[Any] = []
        try:
            for part in parts:
                reader.feed(part)
                while (frame := reader.read(MAX_BYTES)) is not None:
                    read.append(frame)
                    if frame[0] == CLOSE:
                        assert isinstance(frame[1], bytes)
                        read.append(read_close(frame[1]))
                        return read
        except FrameError as error:
            read.append(str(error))
        return read

    assert read(rest) == read(rest[:cut], rest[cut:])


def opening(data: bytes) -> None:
    """The first bytes of a connection."""
    found = find_opening(data)
    if found is not None:
        found.scope("/live")


def query(data: bytes) -> None:
    """The query of a request, and whose it is."""
    for websocket in (False, True):
        read_request("GET", data, websocket=websocket)
    Proxies(["127.0.0.1", "10.0.0.0/8"]).read([(b"x-forwarded-for", data), (b"forwarded", data)])
    Proxies(["127.0.0.1"]).read([(b"forwarded", data)])


def text(data: bytes) -> None:
    """JSON, a CONNECT's payload, and a page's key."""
    words = data.decode(errors="surrogateescape")
    if is_page_key(words):
        check_page_key(words)
        if not STRAY_PERCENT.search(words):  # with one, `%b%38` is first `%b8`, and then an escape
            assert normalise(normalise(words)) == normalise(words)
    try:
        read = json_text.decode(words)
    except (ValueError, RecursionError):
        return
    if isinstance(read, dict):
        Connect.read(read)


PARSERS: dict[str, Callable[[bytes], None]] = {
    parser.__name__: parser for parser in (payload, packet, frames, opening, query, text)
}
SEEDS: dict[str, tuple[bytes, ...]] = {
    "payload": (b'40\x1e42["x",1]\x1ebAQID', b"2probe"),
    "packet": (
        b'451-/a,12["x",{"_placeholder":true,"num":0}]\0\0abc',
        b'40/a,{"visitor":"v"}',
        b'43/a,1["x"]',
    ),
    "frames": (
        b"\x03\x81\x82\0\0\0\x0040",
        b"\x05\x01\x81\0\0\0\0a\x80\x81\0\0\0\0b",
        b"\x00\x88\x82\0\0\0\0\x03\xe8",
    ),
    "opening": (
        b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    ),
    "query": (b"EIO=4&transport=polling&sid=abc", b'for="[2001:db8::1]:80";proto=https, for=10.1.2.3'),
    "text": (b'{"visitor":"v","updates":"audience","visible":true}', b"/%E6%97%A5/a", b'["\\ud800",1e999]'),
}


def main() -> None:
    """Fuzzes all parsers in turn, or the named one, for so many seconds each."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("seconds", type=int)
    arguments.add_argument("--parser", choices=PARSERS)
    chosen = arguments.parse_args()
    if chosen.parser is None:
        command = [sys.executable, "-m", "torture.fuzz", str(chosen.seconds), "--parser"]
        broke = [name for name in PARSERS if subprocess.run([*command, name], check=False).returncode]
        for name in PARSERS:
            print(f"{name:8} {'BROKE' if name in broke else 'held'}")
        sys.exit(bool(broke))
    parser = PARSERS[chosen.parser]
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(SEEDS[chosen.parser]):
            pathlib.Path(corpus, str(number)).write_bytes(seed)
        limits = [f"-max_total_time={chosen.seconds}", "-max_len=4096", "-timeout=5", "-print_final_stats=1"]
        atheris.Setup([sys.argv[0], *limits, corpus], parser)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
