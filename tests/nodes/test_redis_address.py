"""Where Redis is: which addresses there are, and what is wrong with others."""

from __future__ import annotations

import pytest

from nannin.errors import SettingsError
from nannin.nodes.redis_address import RedisAddress


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379/0",
        "rediss://user:secret@redis.example/3?ssl_ca_certs=/etc/ca.pem",
        "unix:///run/redis/redis.sock?db=2",
        "redis+sentinel://one:26379,two/main/1",
        "rediss+sentinel://user:secret@one,two/main?sentinel_password=other",
        "redis+cluster://one:7000,[::1]:7001",
    ],
)
def test_these_are_addresses(url: str) -> None:
    assert RedisAddress(url).is_cluster == ("cluster" in url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1", "expected an address of Redis that begins with one of redis://"),
        ("redis://127.0.0.1:no", "not an address of Redis"),
        ("redis+sentinel://one,two", "the name of the master must stand after the Sentinels"),
        ("redis+sentinel:///main", "expected host:port, not ''"),
        ("redis+cluster://one/3", "a cluster has one database only"),
        ("redis+cluster://one:port", "not an address of Redis"),
    ],
)
def test_what_is_no_address_is_refused_with_the_reason(url: str, reason: str) -> None:
    with pytest.raises(SettingsError) as refused:
        RedisAddress(url)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    "url",
    ["redis://user:secret@h:no", "http://user:secret@h", "user:secret", "redis+cluster://user:secret@h/3"],
)
def test_a_refusal_does_not_show_a_password(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        RedisAddress(url)
    assert "secret" not in str(refused.value)
