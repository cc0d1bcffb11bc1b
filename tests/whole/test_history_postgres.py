"""The store of history over a real PostgreSQL."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from nannin.errors import HistoryAway, HistoryError, SettingsError
from nannin.history.points import Step
from nannin.history.store import open_store
from support.history_contract import *  # noqa: F403 - its tests are run here
from support.history_contract import MINUTE, NOON, UTC, numbers
from support.history_rows import row
from support.postgres_server import PostgresServer, serving


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with serving() as running:
        yield running


@pytest.fixture
def where(server: PostgresServer) -> str:
    return server.empty()


def test_it_is_named_without_a_password(server: PostgresServer) -> None:
    address = server.empty().replace("nannin@", "nannin:secret-word@")
    with contextlib.closing(open_store(address)) as kept:
        assert kept.where == f"PostgreSQL at {server.folder}, database postgres"


@pytest.mark.parametrize("url", ["postgresql://u:secret-word@[::1/x", "postgres://u:secret-word@h/?no=1"])
def test_what_is_no_address_is_refused_without_telling_its_password(url: str) -> None:
    with pytest.raises(SettingsError, match="history is not an address of PostgreSQL") as refused:
        open_store(url)
    assert "secret-word" not in str(refused.value)


def test_a_database_that_is_not_there_is_named(server: PostgresServer) -> None:
    with pytest.raises(HistoryAway, match=r'database "nowhere" does not exist'):
        open_store(server.url.replace("/postgres?", "/nowhere?"))


def test_a_database_that_cannot_hold_every_script_is_refused(server: PostgresServer) -> None:
    server.run("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0")
    with pytest.raises(
        HistoryError, match=r"its encoding is SQL_ASCII\. Make a database with createdb --encoding"
    ):
        open_store(server.url.replace("/postgres?", "/ascii?"))


def test_a_user_without_the_right_to_make_tables_is_told_so(server: PostgresServer) -> None:
    server.run("CREATE ROLE guest LOGIN", "CREATE DATABASE theirs")
    with pytest.raises(HistoryError, match="permission denied for schema public"):
        open_store(server.url.replace("nannin@/postgres", "guest@/theirs"))


def test_a_server_that_comes_back_is_used_again(server: PostgresServer, where: str) -> None:
    with contextlib.closing(open_store(where)) as kept:
        kept.write([row("/", MINUTE, NOON, 1)], 7)
        server.kill()
        for _ in range(2):
            with pytest.raises(HistoryAway, match="can't use the history in PostgreSQL at"):
                kept.write([row("/", MINUTE, NOON, 2)], 7)
        with pytest.raises(HistoryAway):
            open_store(where)
        server.start()
        kept.write([row("/", MINUTE, NOON + 60, 3)], 7)
        assert numbers(kept.series("/", NOON, NOON + 120, Step.MINUTE, UTC)) == [1.0, 3.0]


def test_a_database_that_may_only_be_read_now_is_written_later(server: PostgresServer, where: str) -> None:
    with contextlib.closing(open_store(where)) as kept:
        server.run("ALTER ROLE nannin SET default_transaction_read_only = on")
        kept.engine.dispose()
        with pytest.raises(HistoryAway, match="read-only transaction"):
            kept.write([row("/", MINUTE, NOON, 1)], 7)
        server.run("SET default_transaction_read_only = off", "ALTER ROLE nannin RESET ALL")
        kept.engine.dispose()
        kept.write([row("/", MINUTE, NOON, 1)], 7)
        assert kept.pages(1) == ["/"]


def test_one_lock_on_a_connection_beside_the_store_is_not_in_its_way(where: str) -> None:
    with contextlib.closing(open_store(where)) as kept:
        held = kept.engine.raw_connection()
        held.cursor().execute("SELECT pg_try_advisory_lock(1)")
        kept.write([row("/", MINUTE, NOON, 1)], 7)
        held.close()
