"""One who must keep being told, whatever others do: `python -m torture.witness HOST PORT` watches a page.

A second client of its own joins that page and leaves it, again and again. How long the witness takes to hear
of it is what an attack does to others. It is a process of its own: the attacker's work is not to be measured.
At the end of its standard input it prints its figures as one line of JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import sys
import time

PAGE = "/witness"
EVERY_S = 0.05
"""Between two things that the witness has to hear of."""
PATIENCE_S = 30.0
"""After so long the witness counts as not told at all."""

_OPENING = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: Upgrade\r\n"
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Client:
    """A client on the page, which answers pings and keeps the newest count."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._changed = asyncio.Event()
        self.connections = 0
        self.ended = False
        self._task = asyncio.create_task(self._read())

    @classmethod
    async def join(cls, host: str, port: int, updates: str) -> Client:
        """Connects and asks to join; the answer is not waited for.

        Raises:
            ConnectionRefusedError: the server answered that it takes nobody now.
        """
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(_OPENING.format(host=host, port=port).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101 "):
            writer.close()
            raise ConnectionRefusedError
        client = cls(reader, writer)
        client._send(f"40{PAGE}," + json.dumps({"updates": updates}))
        return client

    async def hear(self, connections: int) -> None:
        """Returns once the newest count is this one."""
        while self.connections != connections and not self.ended:
            self._changed.clear()
            await self._changed.wait()

    async def leave(self) -> None:
        """Cuts the connection."""
        self._task.cancel()
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    def _send(self, text: str) -> None:
        data = text.encode()
        self._writer.write(bytes([0x81, 0x80 | len(data)]) + bytes(4) + data)

    async def _read(self) -> None:
        try:
            while True:
                first, size = await self._reader.readexactly(2)
                if size == 126:
                    size = int.from_bytes(await self._reader.readexactly(2))
                message = (await self._reader.readexactly(size)).decode(errors="replace")
                if first & 15 == 8:
                    break
                if message == "2":
                    self._send("3")
                elif message.startswith(f"42{PAGE},"):
                    self.connections = json.loads(message[len(f"42{PAGE},") :])[1]["connections"]
                    self._changed.set()
        except (OSError, EOFError):
            pass
        self.ended = True
        self._changed.set()


async def watch(host: str, port: int, ended: asyncio.Event) -> dict[str, float]:
    """Watches until it is told to stop.

    Returns:
        How often it was told, how often not, and within how many milliseconds.
    """
    witness = await Client.join(host, port, "audience")
    await witness.hear(1)
    print("ready", flush=True)
    took_ms: list[float] = []
    missed = 0
    while not ended.is_set() and not witness.ended:
        try:
            async with asyncio.timeout(PATIENCE_S):
                other = await Client.join(host, port, "none")
                # From its CONNECT on: how long a newcomer waits to be let in is another matter.
                began = time.perf_counter()
                await witness.hear(2)
                took_ms.append((time.perf_counter() - began) * 1000)
                await other.leave()
                await witness.hear(1)
        except (TimeoutError, OSError, EOFError):
            missed += 1
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), EVERY_S)
    took_ms.sort()
    return {
        "told": len(took_ms),
        "missed": missed,
        "ended": witness.ended,
        "p50_ms": statistics.median(took_ms or [0.0]),
        "p99_ms": took_ms[-1 - len(took_ms) // 100] if took_ms else 0.0,
        "worst_ms": max(took_ms, default=0.0),
    }


async def main(host: str, port: int) -> None:
    """Watches until the standard input ends, and prints the figures."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        loop.remove_reader(sys.stdin)  # its end could be read for ever
        ended.set()

    loop.add_reader(sys.stdin, end)
    print(json.dumps(await watch(host, port, ended)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
