"""What real servers have written equals what came to them, over restarts, kill -9, and several workers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pathlib
import signal
import time
from typing import NamedTuple
from zoneinfo import ZoneInfo

from nannin.history.points import Point, Step
from nannin.history.store import open_store
from support.commands import run
from support.postgres_server import serving as postgres_serving
from support.redis_servers import serving as redis_serving
from support.servers import APPS, Server, children, nannin
from support.waiting import wait_until
from whole.test_workers_counts import Tab, open_tab

APP = ("--app", str(APPS / "history_app.py:live"))
TIMES = 20
ON = {"NANNIN_HISTORY": "on"}


class Kept(NamedTuple):
    """What there is of the page `/`."""

    visitors: int
    connections: int
    joins: int
    covered_ms: int


def flags(folder: pathlib.Path) -> list[str]:
    return ["--data-dir", str(folder), "--timezone", "UTC", "--drain", "0", "--grace", "0"]


def points(where: pathlib.Path | str, step: Step, times: int) -> list[Point]:
    """What was written in the last hour by a clock that is so many times as quick as ours."""
    now_s = int(time.time() + (times - 1) * time.monotonic())
    store = open_store(where)
    found = store.series("/", now_s - 3_600, now_s + 3_600, step, ZoneInfo("UTC"))
    store.close()
    return found


def kept(folder: pathlib.Path | str, *, times: int = 1) -> Kept:
    """What there is of the last days."""
    where = folder / "history.sqlite3" if isinstance(folder, pathlib.Path) else folder
    if isinstance(where, pathlib.Path) and not where.exists():
        return Kept(0, 0, 0, 0)
    days = points(where, Step.DAY, times)
    visitors = [day.visitors.greatest for day in days if day.visitors is not None]
    connections = [day.connections.greatest for day in days if day.connections is not None]
    joins, covered_ms = sum(day.joins for day in days), sum(day.covered_ms for day in days)
    return Kept(max(visitors, default=0), max(connections, default=0), joins, covered_ms)


def quick(folder: pathlib.Path | str) -> Kept:
    """The same of the quick clock of the application."""
    return kept(folder, times=TIMES)


def gaps(where: pathlib.Path | str) -> list[int]:
    """How much was seen of each minute of the quick clock, between the first and the last, if not all."""
    minutes = points(where, Step.MINUTE, TIMES)
    seen = [number for number, minute in enumerate(minutes) if minute.covered_ms]
    return [minute.covered_ms for minute in minutes[seen[0] + 1 : seen[-1]] if minute.covered_ms != 60_000]


async def close(tabs: list[Tab]) -> None:
    await asyncio.gather(*(tab.close() for tab in tabs))


def leader(server: Server, folder: pathlib.Path) -> int | None:
    """The worker that writes: only it has the lock's file open."""
    lock = folder / "history.sqlite3.lock"
    for pid in children(server):
        for entry in pathlib.Path(f"/proc/{pid}/fd").glob("*"):
            with contextlib.suppress(OSError):  # it was closed meanwhile
                if entry.readlink() == lock:
                    return pid
    return None


async def test_what_clients_did_is_kept_over_a_restart(tmp_path: pathlib.Path) -> None:
    with nannin(*flags(tmp_path), env=ON) as server:
        began_s = time.monotonic()
        tabs = [await open_tab(server, visitor=visitor) for visitor in ("ann", "ann", "bob")]
        await close(tabs[1:])
        await wait_until(lambda: tabs[0].number == 1)
        await asyncio.to_thread(server.stop)
        served_s = time.monotonic() - began_s
        await tabs[0].close()
        first = kept(tmp_path)
        assert first[:3] == (2, 3, 3)
        assert 0 < first.covered_ms <= served_s * 1000 + 2_000
        server.start()
        await close([await open_tab(server)])
        await asyncio.to_thread(server.stop)
        again = kept(tmp_path)
        assert again[:3] == (2, 3, 4)
        assert again.covered_ms > first.covered_ms
        assert "history" not in server.log


async def test_kill_9_loses_the_minute_that_ran(tmp_path: pathlib.Path) -> None:
    with nannin(*flags(tmp_path), *APP, env=ON) as server:
        tabs = [await open_tab(server) for _ in range(3)]
        await wait_until(lambda: quick(tmp_path).joins == 3)
        covered_ms = quick(tmp_path).covered_ms
        await wait_until(lambda: quick(tmp_path).covered_ms > covered_ms)  # a minute has just begun
        tabs += [await open_tab(server) for _ in range(2)]
        assert server.process is not None
        server.process.kill()
        await asyncio.to_thread(server.process.wait, 10)
        await close(tabs)
        lost = quick(tmp_path)
        assert lost.joins in (3, 5)  # 5 if the machine is so busy that another minute was over by then
        assert lost.visitors == lost.connections == lost.joins


async def test_several_workers_write_what_all_have_counted_also_if_one_is_killed(
    tmp_path: pathlib.Path,
) -> None:
    with nannin("--workers", "4", *flags(tmp_path), *APP, env=ON) as server:
        await wait_until(lambda: "with 4 workers" in server.log)
        tabs = [await open_tab(server, visitor=f"visitor {number % 4}") for number in range(8)]
        await wait_until(lambda: {tab.number for tab in tabs} == {4})
        await wait_until(lambda: quick(tmp_path)[:3] == (4, 8, 8))
        await wait_until(lambda: leader(server, tmp_path) is not None)
        first = leader(server, tmp_path)
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await wait_until(lambda: leader(server, tmp_path) not in (None, first))
        tabs += [await open_tab(server, visitor=f"visitor {number}") for number in range(9)]
        before = quick(tmp_path)
        await wait_until(lambda: quick(tmp_path).joins == 17)
        await asyncio.to_thread(server.stop)
        await close(tabs)
        after = quick(tmp_path)
        assert (after.visitors, after.joins) == (9, 17)
        assert after.covered_ms > before.covered_ms
        assert gaps(tmp_path / "history.sqlite3") == []


async def test_several_machines_write_into_one_database(tmp_path: pathlib.Path) -> None:
    with (
        redis_serving("redis") as redis,
        postgres_serving() as postgres,
        contextlib.ExitStack() as stack,
    ):
        options = ("--redis", redis.url, "--timezone", "UTC", "--drain", "0", "--grace", "0", *APP)
        env = {"NANNIN_HISTORY": postgres.url}
        one, two = [stack.enter_context(nannin(*options, "--log-level", "debug", env=env)) for _ in range(2)]
        tabs = [await open_tab(server, visitor=name) for server in (one, two) for name in ("ann", server.url)]
        await wait_until(lambda: quick(postgres.url)[:3] == (3, 4, 4))
        leading, other = (one, two) if "writes the history" in one.log else (two, one)
        assert leading.process is not None
        leading.process.kill()
        tabs.append(await open_tab(other, visitor="bob"))
        await wait_until(lambda: "writes the history" in other.log)
        await wait_until(lambda: quick(postgres.url)[:3] == (4, 5, 5))
        await asyncio.to_thread(other.stop)
        await close(tabs)
        assert gaps(postgres.url) == []


def test_a_file_that_is_not_history_ends_the_start(tmp_path: pathlib.Path) -> None:
    (tmp_path / "history.sqlite3").write_bytes(os.urandom(5_000))
    code, _, error = run("serve", "--port", "0", "--data-dir", str(tmp_path), NANNIN_HISTORY="on")
    assert code == 2
    assert error.startswith("nannin: can't use the history in")
    assert (tmp_path / "history.sqlite3").stat().st_size == 5_000
