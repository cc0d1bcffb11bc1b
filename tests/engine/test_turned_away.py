"""A connection that is turned away: its client reads the answer, and nothing of it stays."""

from __future__ import annotations

import asyncio
import re
import socket

import pytest

from nannin.engine.turned_away import MAX_RETRY_S, MIN_RETRY_S, GivesWay, TurnedAway
from support.peers import FakeTransport


class Away(TurnedAway):
    """Lingers as long as a test likes to wait."""

    linger_s = 0.05


class Refusing(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        Away(transport)


async def test_a_client_that_has_sent_its_request_already_reads_the_whole_answer() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Refusing, "127.0.0.1", 0)
    with socket.create_connection(server.sockets[0].getsockname()) as client:
        client.setblocking(False)
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + bytes(10_000))
        answer = b""
        async with asyncio.timeout(5):
            while chunk := await loop.sock_recv(client, 4_096):
                answer += chunk
    server.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\nretry-after: ")
    assert b"connection: close" in head
    assert f"content-length: {len(body)}".encode() in head


def test_clients_are_told_to_come_back_at_different_times() -> None:
    async def main() -> set[int]:
        told = set()
        for _ in range(200):
            transport = FakeTransport()
            TurnedAway(transport).connection_lost(None)
            match = re.search(rb"retry-after: (\d+)\r\n", b"".join(transport.written))
            assert match is not None
            told.add(int(match[1]))
        return told

    assert asyncio.run(main()) == set(range(MIN_RETRY_S, MAX_RETRY_S + 1))


async def test_a_client_that_stays_is_cut_off() -> None:
    transport = FakeTransport()
    away = Away(transport)
    assert transport.protocol is away
    away.data_received(b"more")
    assert (transport.ended, transport.closed) == (True, None)
    async with asyncio.timeout(5):
        while transport.closed is None:
            await asyncio.sleep(0.01)
    assert transport.closed == "abort"


async def test_who_made_it_can_cut_it_off_and_hears_of_its_end() -> None:
    ended: list[TurnedAway] = []
    transport = FakeTransport()
    away = TurnedAway(transport, ended.append)
    assert not away.may_be_cut, "its request is on its way"
    away.data_received(b"GET")
    assert away.may_be_cut
    away.cut()
    assert (transport.closed, away.may_be_cut) == ("close", False)
    assert ended == []
    away.connection_lost(None)
    assert ended == [away]


async def test_over_tls_the_connection_is_closed_as_tls_does() -> None:
    transport = FakeTransport()
    transport.can_half_close = False
    away = Away(transport)
    assert transport.closed == "close"
    away.connection_lost(None)


def test_who_gives_way_says_how() -> None:
    with pytest.raises(NotImplementedError):
        GivesWay().idle_since_s()
    with pytest.raises(NotImplementedError):
        GivesWay().give_way()
