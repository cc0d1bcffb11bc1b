"""Nodes over a real Redis or Valkey: they agree, and agree again whatever happens to it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from nannin.audience import unsaid
from nannin.audience.census_calls import Reap, Top
from nannin.audience.roster import Count, Given
from nannin.nodes.redis_calls import COMMANDS
from support.certificates import CERTIFICATE, KEY
from support.not_nannins import NOT_NANNINS, forged, many_visitors
from support.redis_nodes import RedisNode, several
from support.redis_servers import KINDS, RedisServer, serving
from support.servers import free_port
from support.waiting import wait_until

pytestmark = pytest.mark.anyio


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with serving(request.param) as server:
        yield server


async def agree(nodes: list[RedisNode], count: Count, page: str = "/") -> None:
    """Waits until all nodes show this count, and that it is not old."""
    await wait_until(lambda: all(node.is_exact(count, page) for node in nodes))


async def test_all_nodes_show_one_count(server: RedisServer) -> None:
    async with several(server.url, 3) as nodes:
        for number, node in enumerate(nodes):
            node.join("/何人", "ann")
            node.join("/何人", Given(f"visitor {number}"))
            node.join("/何人")
        await agree(nodes, Count(9, 7, 7), "/何人")
        last = nodes[0].join("/何人")
        await agree(nodes, Count(10, 8, 8), "/何人")
        nodes[0].leave("/何人", last)
        await agree(nodes, Count(9, 7, 7), "/何人")


async def test_a_node_that_closes_leaves_at_once(server: RedisServer) -> None:
    async with several(server.url, 2) as nodes:
        closing = RedisNode(server.url)
        for node in (*nodes, closing):
            node.join("/", "ann")
            node.join("/")
        await agree([*nodes, closing], Count(6, 4, 4))
        await closing.close()
        await agree(nodes, Count(4, 3, 3))
    with server.client() as client:
        assert client.keys() == [b"test:{0}:nodes"]


async def test_messages_reach_the_nodes_of_a_page(server: RedisServer) -> None:
    async with several(server.url, 3) as nodes:
        for node in nodes[:2]:
            node.join("/")
        await agree(nodes[:2], Count(2, 2, 2))
        told: list[Sequence[int] | None] = []
        nodes[0].node.emit("/", b"\x00hello\xff", on_told=told.append)
        await wait_until(lambda: nodes[1].messages and told)
        assert told == [[nodes[1].share.number]]
        assert nodes[1].messages == [(nodes[0].share.number, "/", b"\x00hello\xff")]
        assert nodes[0].messages == nodes[2].messages == []


async def test_redis_that_comes_back_empty_is_told_everything_again(server: RedisServer) -> None:
    async with several(server.url, 3) as nodes:
        for node in nodes:
            node.join("/", "ann")
            node.join("/")
        await agree(nodes, Count(6, 4, 4))
        server.kill()
        await wait_until(lambda: all(node.share.stale for node in nodes))
        nodes[0].join("/")
        assert [node.count() for node in nodes] == [Count(7, 5, 5), Count(6, 4, 4), Count(6, 4, 4)]
        server.start()
        await agree(nodes, Count(7, 5, 5))


async def test_redis_that_comes_back_with_an_old_snapshot_is_told_what_it_misses(server: RedisServer) -> None:
    async with several(server.url, 3) as nodes:
        places = [node.join("/", "ann") for node in nodes]
        await agree(nodes, Count(3, 1, 1))
        with server.client() as client:
            client.save()
        nodes[0].leave("/", places[0])
        nodes[1].join("/", "bob")
        nodes[2].join("/")
        await agree(nodes[1:], Count(4, 3, 3))
        server.kill()
        server.start()
        await agree(nodes[1:], Count(4, 3, 3))


@pytest.mark.parametrize("kind", ["normal", "pubsub"])
async def test_a_connection_that_is_killed_is_made_again(server: RedisServer, kind: str) -> None:
    async with several(server.url, 2) as nodes:
        nodes[0].join("/")
        nodes[1].join("/")
        await agree(nodes, Count(2, 2, 2))
        with server.client() as client:
            assert client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes") == 2
        nodes[0].join("/")
        await agree(nodes, Count(3, 3, 3))
        began = time.monotonic()
        nodes[1].join("/")
        await agree(nodes, Count(4, 4, 4))
        assert time.monotonic() - began < 3.0, "they are deaf until their beats are missed"


async def test_while_redis_stands_still_counts_are_stale_and_then_exact_again(server: RedisServer) -> None:
    async with several(server.url, 2) as nodes:
        nodes[0].join("/")
        nodes[1].join("/")
        await agree(nodes, Count(2, 2, 2))
        server.pause()
        try:
            nodes[0].join("/")
            counted: list[float] = []
            began = time.monotonic()
            nodes[0].share.when_counted("/", lambda: counted.append(time.monotonic() - began))
            await wait_until(lambda: counted)
            assert counted[0] < 3.0
            assert nodes[0].share.is_stale("/")
            assert nodes[0].count() == Count(3, 3, 3)
        finally:
            server.go_on()
        await agree(nodes, Count(3, 3, 3))


async def test_a_flush_by_somebody_else_is_noticed_with_the_next_call(server: RedisServer) -> None:
    async with several(server.url, 2) as nodes:
        nodes[0].join("/")
        nodes[1].join("/")
        await agree(nodes, Count(2, 2, 2))
        with server.client() as client:
            client.flushall()
        nodes[0].join("/")
        await wait_until(lambda: nodes[0].is_exact(Count(2, 2, 2)))
        nodes[1].join("/")
        await agree(nodes, Count(4, 4, 4))


async def test_what_somebody_removes_is_there_again_after_ten_minutes(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unsaid, "_SAID_AGAIN_BEATS", 1)
    async with several(server.url, 2) as nodes:
        for node in nodes:
            node.join("/", "ann")
            node.join("/", node.epoch)
        await agree(nodes, Count(4, 3, 3))
        await agree(nodes, Count(4, 3, 3))
        with server.client() as client:
            keys = set(client.keys()) - {b"test:{0}:nodes"}
            assert len(keys) == 5  # the visitors, the parts, the index, and the pages of each node
            for key in keys:
                assert client.delete(key) == 1
                for node in nodes:
                    node.beat()
                await wait_until(lambda: client.exists(*keys) == 5)
                await agree(nodes, Count(4, 3, 3))


@pytest.mark.parametrize(
    ("options", "is_warned"),
    [
        ((), False),
        (("--maxmemory", "100mb"), False),
        (("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"), True),
        (("--maxmemory-policy", "allkeys-lru", "--rename-command", "CONFIG", ""), False),
    ],
)
async def test_a_redis_that_throws_data_away_is_named_once(
    options: tuple[str, ...], is_warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with serving("redis", *options) as server:
        async with several(server.url, 1) as nodes:
            with server.client() as client:
                client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            await wait_until(lambda: nodes[0].share.stale)
            await wait_until(lambda: not nodes[0].share.stale)
    assert caplog.text.count("Set it to noeviction") == is_warned


async def test_what_others_publish_is_refused_and_hurts_nothing(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    garbage = [*NOT_NANNINS, *forged("/"), many_visitors("/", 2_000_000)]
    async with several(server.url, 1) as nodes:
        nodes[0].join("/")
        await agree(nodes, Count(1, 1, 1))
        with server.client() as client:
            connections = client.info("stats")["total_connections_received"]
            for data in garbage:
                assert client.publish(f"test:{{0}}:to:{nodes[0].share.number}", data) == 1
            await wait_until(lambda: nodes[0].refusals + len(nodes[0].messages) == len(garbage))
            assert nodes[0].count() == Count(1, 1, 1)
            nodes[0].join("/")
            await agree(nodes, Count(2, 2, 2))
            assert client.info("stats")["total_connections_received"] == connections
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("redis://127.0.0.1:1", "Connect"),
        ("unix:///nowhere", "No such file"),
        ("{url}?password=wrong", "AUTH"),
        ("{url}?db=77", "DB index"),
    ],
)
async def test_why_redis_cant_be_used_is_logged_once(
    server: RedisServer, caplog: pytest.LogCaptureFixture, url: str, reason: str
) -> None:
    node = RedisNode(url.format(url=server.url))
    try:
        with caplog.at_level(logging.WARNING):
            await wait_until(lambda: reason in caplog.text)
            await asyncio.sleep(0.6)
        lines = [record.message for record in caplog.records if "can't be used" in record.message]
        assert len(lines) == 1
        node.join("/")
        assert node.count() == Count(1, 1, 1)
        assert node.share.stale
    finally:
        await node.close()


async def test_a_redis_that_takes_connections_and_refuses_writes_is_tried_less_and_less_often(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with serving("redis") as server:
        async with several(server.url, 1) as nodes:
            nodes[0].join("/")
            await agree(nodes, Count(1, 1, 1))
            with server.client() as client:
                before = client.info("stats")["total_connections_received"]
                client.config_set("maxmemory", 1)
                nodes[0].join("/")
                await asyncio.sleep(3.0)
                opened = client.info("stats")["total_connections_received"] - before
                client.config_set("maxmemory", 0)
                assert 2 <= opened <= 16
                await agree(nodes, Count(2, 2, 2))
    lines = [record.message for record in caplog.records if "can't be used" in record.message]
    assert len(lines) == len(set(lines)) <= 2  # the scripts of a write and of a number


async def test_a_node_that_is_gone_is_reaped_by_another(server: RedisServer) -> None:
    async with several(server.url, 2, lease_s=0.5, beat_s=0.1) as nodes:
        gone = RedisNode(server.url)
        for node in (*nodes, gone):
            node.join("/", "ann")
            node.join("/")
        await agree([*nodes, gone], Count(6, 4, 4))
        gone.backplane.cut()
        await gone.backplane.wait_closed()

        def is_reaped() -> bool:
            for node in nodes:
                node.beat()
            return all(node.is_exact(Count(4, 3, 3)) for node in nodes)

        await wait_until(is_reaped, every_s=0.1)


async def test_a_node_that_was_reaped_while_it_stood_still_comes_back_and_counts_once(
    server: RedisServer,
) -> None:
    async with several(server.url, 2) as nodes:
        for node in nodes:
            node.join("/", "ann")
            node.join("/")
        await agree(nodes, Count(4, 3, 3))
        with server.client() as client:
            value = client.hget("test:{0}:nodes", str(nodes[1].share.number))
        assert isinstance(value, bytes)
        nodes[0].backplane.send([Reap(0, nodes[1].share.number or 0, value.decode())])
        await wait_until(lambda: nodes[0].count() == Count(2, 2, 2))
        nodes[1].join("/")
        await agree(nodes, Count(5, 4, 4))


async def exercise(nodes: list[RedisNode]) -> None:
    """Does everything that needs a command of its own."""
    for node in nodes:
        node.share.listen(None, True)
        place = node.join("/", "ann")
        node.join("/", "bob")
        node.join("/")
        node.leave("/", place)
    await agree(nodes, Count(4, 3, 3))
    for node in nodes:
        node.beat()
        node.node.emit("/", b"hello")
        node.backplane.send([Top(node.share.next_call(), 5)])
    await wait_until(lambda: all(node.messages for node in nodes))
    nodes[0].share.listen("/other", True)
    await nodes.pop().close()
    await agree(nodes, Count(2, 2, 2))


async def test_a_user_needs_these_commands_keys_and_channels_and_no_more(server: RedisServer) -> None:
    rules = ["reset", "on", ">secret", "~test:*", "&test:*", *(f"+{command}" for command in COMMANDS)]
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "nannin", *rules)
        client.hset("test:{0}:c:/left", "1", "1,1,1")
        async with several(f"{server.url}?username=nannin&password=secret", 2) as nodes:
            await exercise(nodes)
        assert client.acl_log() == []
        used = {name.removeprefix("cmdstat_") for name in client.info("commandstats")}
    assert set(COMMANDS) - used == set()


async def test_with_tls(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate", tmp_path / "key"
    certificate.write_text(CERTIFICATE, encoding="ascii")
    key.write_text(KEY, encoding="ascii")
    port = free_port()
    files = (
        "--tls-cert-file",
        str(certificate),
        "--tls-key-file",
        str(key),
        "--tls-ca-cert-file",
        str(certificate),
    )
    with serving("redis", "--tls-port", str(port), *files, "--tls-auth-clients", "no"):
        url = f"rediss://localhost:{port}/1"
        async with several(f"{url}?ssl_ca_certs={certificate}", 2) as nodes:
            for node in nodes:
                node.join("/")
            await agree(nodes, Count(2, 2, 2))
        distrusting = RedisNode(url)
        await asyncio.sleep(0.5)
        assert distrusting.share.stale
        await distrusting.close()
