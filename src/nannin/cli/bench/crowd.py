"""Any number of WebSocket clients on one epoll loop: no task, no object for a frame, no look at one twice."""

from __future__ import annotations

import collections
import enum
import errno
import os
import select
import socket
import time
from collections.abc import Callable

from nannin.cli.bench.address import Address
from nannin.cli.bench.frames import (
    LEAVE,
    NO_PAGE,
    Heard,
    read_frames,
    read_response,
)
from nannin.errors import BenchError

# How many handshakes may be under way at once.
WINDOW = 200
# How many clients share one source address. Linux has some 28,000 ports for each.
CLIENTS_PER_ADDRESS = 20_000
# Seconds that the crowd naps when few events come. A crowd that slept in epoll would be woken by each single
# write, and the server would be charged for the waking, though real clients are on other machines. Measured
# delays are off by this much.
NAP_S = 0.001
_FEW_EVENTS = 64
_READ_BYTES = 16_384
_EVENTS = 1_024
_MEMO_ENTRIES = 4_096
_MEMO_BYTES = 1_024
# Small enough that what a deaf client does not read waits at the server, and not in the network.
_SMALL_SEGMENT_BYTES = 536
_SMALL_BUFFER_BYTES = 2_048
# How many refusals a deaf client provokes: 112 KB, of which the kernel keeps some 85. The rest waits at the
# server, and is not so much that it would end the client at once.
STUFFING = 14
_IP_BIND_ADDRESS_NO_PORT = 24


class Phase(enum.IntEnum):
    """How far a client has come."""

    CONNECTING = 0
    OPENING = 1  # its handshake is sent
    OPEN = 2  # its WebSocket is open
    READY = 3  # its session is open, and it waits to be told to join
    JOINING = 4
    JOINED = 5
    DEAF = 6  # it joined, and reads nothing any more
    GONE = 7


class Client:
    """One client. `number` is what it was told last; `round` is the last round in which it heard all."""

    __slots__ = ("began_s", "deaf", "fd", "number", "phase", "rest", "round", "sock", "waits")

    def __init__(self, sock: socket.socket, *, waits: bool, deaf: bool) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.phase = Phase.CONNECTING
        self.began_s = time.perf_counter()
        self.waits = waits
        self.deaf = deaf
        self.rest = b""
        self.number: int | None = None
        self.round = 0


class Crowd:
    """The clients of one server.

    Args:
        address: the server's.
        limit_s: the longest that any one wait may take.

    Attributes:
        joined: how many clients are on the page, without the deaf ones.
        deaf: how many deaf ones there are: clients that never read.
        updates: how many updates arrived, in all clients together.
        messages: how many messages of any kind.
        pings: how many heartbeats.
        last_update_s: when the last update arrived.
        last_join_s: when the last client joined.
        ping_interval_s: of the server's heartbeat, as it tells.
        lost: how many clients were lost, by reason.
        delays: of the round under way, after how many seconds each client had heard.
        join_delays: of the clients that were invited last, after how many seconds each had joined.
    """

    def __init__(self, address: Address, *, limit_s: float = 120.0) -> None:
        self.address = address
        self.limit_s = limit_s
        self.joined = self.deaf = self.updates = self.messages = self.pings = 0
        self.last_update_s = self.last_join_s = 0.0
        self.ping_interval_s = 0.0
        self.lost: collections.Counter[str] = collections.Counter()
        self.delays: list[float] = []
        self.join_delays: list[float] = []
        self._epoll = select.epoll()
        self._clients: dict[int, Client] = {}
        self._memo: dict[bytes, Heard] = {}
        self._under_way = 0
        self._wanted = 0
        self._made = 0
        self._wanted_deaf = False
        self._expected: int | None = None
        self._round = 0
        self._began_s = 0.0
        self._left = 0

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What a measure asks for

    def invite(self, count: int, *, deaf: bool = False) -> None:
        """Has `count` more clients join, as fast as the server takes them."""
        self._wanted += count
        self._wanted_deaf = deaf
        self.join_delays = []

    def wait(self, done: Callable[[], bool], limit_s: float | None = None) -> bool:
        """Turns until `done()`, for at most `limit_s` seconds; returns whether it is done."""
        until = time.perf_counter() + (self.limit_s if limit_s is None else limit_s)
        while not done():
            left = until - time.perf_counter()
            if left <= 0:
                return False
            self.turn(min(left, 0.05))
        return True

    def rest(self, seconds: float) -> None:
        """Turns for a number of seconds."""
        self.wait(lambda: False, seconds)

    def settle(self, quiet_s: float, limit_s: float) -> bool:
        """Waits until all joined and no update has come for `quiet_s`; returns whether both happened."""
        began = time.perf_counter()

        def is_quiet() -> bool:
            busy = self._wanted or self._under_way
            return not busy and time.perf_counter() - max(self.last_update_s, began) > quiet_s

        return self.wait(is_quiet, limit_s)

    def visitor(self) -> Client:
        """One more client, whose session is open and which waits to join.

        Raises:
            BenchError: the server does not let it in.
        """
        client = self._start(waits=True, deaf=False)
        self.wait(lambda: client.phase in (Phase.READY, Phase.GONE), 30.0)
        if client.phase is not Phase.READY:
            raise BenchError(f"can't connect to {self.address.url}: {self.why_lost()}")
        return client

    def join(self, client: Client) -> None:
        """A waiting client joins the page."""
        client.phase = Phase.JOINING
        client.round = self._round  # as if it had been told already: the newcomer itself is not waited for
        self._under_way += 1
        self._write(client, self.address.connect)

    def leave(self, client: Client) -> None:
        """A client leaves as a browser does: a close frame, then the end of the connection."""
        self._write(client, LEAVE)
        self._end(client)

    def expect(self, number: int) -> None:
        """A round begins: from now on it is noted when each client that is on the page hears this number."""
        self._round += 1
        self._expected = number
        self._left = self.joined
        self.delays = []
        self._began_s = time.perf_counter()

    @property
    def waiting(self) -> int:
        """How many have not heard it yet."""
        return max(0, self._left)

    def has_heard(self) -> bool:
        """Whether all have heard the number."""
        return self._left <= 0

    def numbers(self) -> collections.Counter[int | None]:
        """What number how many clients were told last."""
        return collections.Counter(c.number for c in self._clients.values() if c.phase is Phase.JOINED)

    def why_lost(self) -> str:
        """The commonest reason for which clients were lost."""
        return self.lost.most_common(1)[0][0] if self.lost else "it does not answer"

    def close(self) -> None:
        """Ends all clients at once."""
        for client in self._clients.values():
            client.sock.close()
        self._clients.clear()
        self._epoll.close()

    # The loop

    def turn(self, timeout_s: float) -> None:
        """Starts whom it may, waits for something to happen, and deals with that."""
        while self._wanted and self._under_way < WINDOW:
            self._wanted -= 1
            self._start(waits=False, deaf=self._wanted_deaf)
        clients, memo, read = self._clients, self._memo, os.read
        joined = Phase.JOINED
        events = self._epoll.poll(timeout_s, _EVENTS)
        for fd, _ in events:
            client = clients.get(fd)
            if client is None:
                continue
            if client.phase is not joined:
                self._advance(client)
                continue
            try:
                data = read(fd, _READ_BYTES)
            except OSError as error:
                self._lose(client, error.strerror or str(error))
                continue
            # All are told the same bytes: they are read once for all.
            heard = None if client.rest else memo.get(data)
            if heard is None:
                heard = self._read(client, data)
            self._take(client, heard)
        if len(events) < _FEW_EVENTS:
            time.sleep(NAP_S)

    def _take(self, client: Client, heard: Heard) -> None:
        """Notes what a client on the page has heard."""
        self.messages += heard.messages
        number = heard.number
        if number is not None:
            client.number = number
            self.updates += heard.updates
            self.last_update_s = now = time.perf_counter()
            if number == self._expected and client.round != self._round:
                client.round = self._round
                self._left -= 1
                self.delays.append(now - self._began_s)
        if heard.answer:
            self.pings += 1
            self._write(client, heard.answer)
        if heard.refusal:
            self._lose(client, heard.refusal)

    def _read(self, client: Client, data: bytes) -> Heard:
        if not data:
            return Heard(refusal="the server closed the connection")
        heard = read_frames(client.rest + data)
        if not client.rest and not heard.rest and len(data) < _MEMO_BYTES:
            if len(self._memo) >= _MEMO_ENTRIES:
                self._memo.clear()
            self._memo[data] = heard
        client.rest = heard.rest
        return heard

    # A client's way onto the page

    def _start(self, *, waits: bool, deaf: bool) -> Client:
        try:
            sock = socket.socket(self.address.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        except OSError as error:
            raise BenchError(f"this process can have no more clients: {error.strerror}") from None
        client = Client(sock, waits=waits, deaf=deaf)
        if deaf:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER_BYTES)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _SMALL_SEGMENT_BYTES)
        if self.address.is_ipv4_loopback:
            sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((f"127.0.0.{1 + self._made // CLIENTS_PER_ADDRESS % 250}", 0))
        self._made += 1
        self._clients[client.fd] = client
        self._epoll.register(client.fd, select.EPOLLOUT)
        if not waits:
            self._under_way += 1
        problem = sock.connect_ex(self.address.where)
        if problem not in (0, errno.EINPROGRESS):
            self._lose(client, os.strerror(problem))
        return client

    def _advance(self, client: Client) -> None:
        """Something happened to a client that is not on the page yet, or deaf."""
        if client.phase is Phase.DEAF:
            self._stuff(client)
            return
        if client.phase is Phase.CONNECTING:
            problem = client.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if problem:
                self._lose(client, os.strerror(problem))
                return
            client.phase = Phase.OPENING
            self._epoll.modify(client.fd, select.EPOLLIN)
            self._write(client, self.address.handshake)
            return
        try:
            data = os.read(client.fd, _READ_BYTES)
        except OSError as error:
            self._lose(client, error.strerror or str(error))
            return
        if not data:
            self._lose(client, "the server closed the connection")
            return
        if client.phase is Phase.OPENING:
            response = read_response(client.rest + data)
            if response is None:
                client.rest += data
                return
            status, data = response
            if status != 101:
                self._lose(client, f"HTTP status {status} instead of a WebSocket")
                return
            client.phase, client.rest = Phase.OPEN, b""
        heard = read_frames(client.rest + data)
        client.rest = heard.rest
        if client.phase is Phase.OPEN and heard.opened:
            self.ping_interval_s = heard.ping_interval_s
            client.phase = Phase.READY if client.waits else Phase.JOINING
            if not client.waits:
                self._write(client, self.address.connect)
        if client.phase is Phase.JOINING and heard.joined:
            self._welcome(client)
        self._take(client, heard)

    def _welcome(self, client: Client) -> None:
        self._under_way -= 1
        if client.deaf:
            self.deaf += 1
            client.phase, client.rest = Phase.DEAF, NO_PAGE * STUFFING
            self._epoll.modify(client.fd, select.EPOLLOUT)
            return
        client.phase = Phase.JOINED
        self.joined += 1
        self.last_join_s = time.perf_counter()
        self.join_delays.append(self.last_join_s - client.began_s)

    def _stuff(self, client: Client) -> None:
        """A deaf client makes the server answer it until it has nothing more to say."""
        try:
            written = os.write(client.fd, client.rest)
        except OSError:
            written = len(client.rest)
        client.rest = client.rest[written:]
        if not client.rest:
            self._epoll.unregister(client.fd)

    def _write(self, client: Client, data: bytes) -> None:
        try:
            os.write(client.fd, data)
        except OSError as error:
            self._lose(client, error.strerror or str(error))

    def _lose(self, client: Client, reason: str) -> None:
        if client.phase is not Phase.GONE:
            self.lost[reason] += 1
            self._end(client)

    def _end(self, client: Client) -> None:
        if client.phase is Phase.GONE:
            return
        if client.phase is Phase.JOINED:
            self.joined -= 1
            if client.round != self._round:
                self._left -= 1
        elif client.phase is Phase.JOINING or not client.waits:
            self._under_way -= 1
        client.phase = Phase.GONE
        self._clients.pop(client.fd, None)
        client.sock.close()
