"""Clients that publish, of each kind of address."""

from __future__ import annotations

from typing import Any

import pytest
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel

from nannin.errors import SettingsError
from nannin.nodes.redis_client import make_client


def options(client: Any) -> dict[str, Any]:
    found: dict[str, Any] = client.connection_pool.connection_kwargs
    return found


@pytest.mark.parametrize(("is_async", "kind"), [(False, redis.Redis), (True, redis.asyncio.Redis)])
def test_a_server_is_reached_by_its_address(is_async: bool, kind: type) -> None:
    client = make_client("redis://ann:secret@192.0.2.1:7000/3", is_async=is_async)
    assert isinstance(client, kind)
    wanted = {"host": "192.0.2.1", "port": 7000, "db": 3, "username": "ann", "password": "secret"}
    assert wanted.items() <= options(client).items()
    assert options(client)["socket_timeout"] == options(client)["socket_connect_timeout"] == 5


@pytest.mark.parametrize("is_async", [False, True])
def test_a_unix_socket_is_one_too(is_async: bool) -> None:
    assert options(make_client("unix:///run/redis.sock?db=2", is_async=is_async))["path"] == "/run/redis.sock"


@pytest.mark.parametrize("is_async", [False, True])
def test_of_a_cluster_one_member_is_enough(is_async: bool) -> None:
    client = make_client("redis+cluster://:secret@192.0.2.1:7000,192.0.2.2:7000", is_async=is_async)
    assert {"host": "192.0.2.1", "port": 7000, "password": "secret"}.items() <= options(client).items()


@pytest.mark.parametrize(
    ("is_async", "pool"),
    [
        (False, redis.sentinel.SentinelConnectionPool),
        (True, redis.asyncio.sentinel.SentinelConnectionPool),
    ],
)
@pytest.mark.parametrize("scheme", ["redis", "rediss"])
def test_sentinels_are_asked_for_the_master(is_async: bool, pool: type, scheme: str) -> None:
    url = f"{scheme}+sentinel://:secret@192.0.2.1,192.0.2.2:7000/the%20master/3?sentinel_password=other"
    client = make_client(url, is_async=is_async)
    assert isinstance(client.connection_pool, pool)
    found: Any = client.connection_pool
    assert found.service_name == "the master"
    assert (options(client)["db"], options(client)["password"]) == (3, "secret")
    asked = [options(sentinel) for sentinel in found.sentinel_manager.sentinels]
    assert [(one["host"], one["port"], one["password"]) for one in asked] == [
        ("192.0.2.1", 26379, "other"),
        ("192.0.2.2", 7000, "other"),
    ]
    is_ssl = "SSL" in found.connection_class.__name__
    assert is_ssl is (scheme == "rediss")


@pytest.mark.parametrize("url", ["redis+sentinel://:7000/name", "redis+sentinel://a/", "https://192.0.2.1"])
def test_a_wrong_address_is_told(url: str) -> None:
    with pytest.raises(SettingsError):
        make_client(url, is_async=False)
