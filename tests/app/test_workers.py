"""Several workers of a host: how they are noticed, and what is said."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from types import SimpleNamespace

import httpx
import pytest

from nannin import Live
from nannin.app.workers import count_workers
from nannin.once import Once


@pytest.mark.parametrize(
    ("arguments", "workers"),
    [
        (["uvicorn", "app:live", "--workers", "2"], 2),
        (["uvicorn", "app:live", "--workers=3"], 3),
        (["gunicorn", "-w", "4", "app:live"], 4),
        (["hypercorn", "-w4", "app:live"], 4),
        (["granian", "--workers", "1", "app:live"], 1),
        (["uvicorn", "app:live"], 1),
        (["uvicorn", "app:live", "--workers"], 1),
        (["manage.py", "-w", "everything"], 1),
        ([], 1),
    ],
)
def test_the_command_line_says_how_many_workers_there_are(arguments: list[str], workers: int) -> None:
    assert count_workers(arguments, {}) == workers


def test_the_environment_says_it_where_the_command_line_does_not() -> None:
    assert count_workers(["gunicorn"], {"WEB_CONCURRENCY": "2"}) == 2
    assert count_workers(["gunicorn", "-w", "1"], {"WEB_CONCURRENCY": "2"}) == 1
    assert count_workers(["gunicorn"], {"WEB_CONCURRENCY": "many"}) == 1


class Server:
    """A worker's server as uvicorn's is: a method of it handles the signals."""

    def __init__(self, workers: int) -> None:
        self.config = SimpleNamespace(workers=workers)

    def handle_exit(self, number: int, frame: object) -> None:
        raise AssertionError("nobody sends a signal")


def test_uvicorn_is_asked_itself_since_code_may_have_started_it() -> None:
    before = signal.signal(signal.SIGTERM, Server(3).handle_exit)
    try:
        assert count_workers(["main.py"], {}) == 3
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets how many workers there are, in a process that has not spoken of them yet."""
    monkeypatch.setattr("nannin.app.workers._once", Once(1))
    return lambda number: monkeypatch.setattr("nannin.app.workers.count_workers", lambda: number)


async def ask_two_apps() -> None:
    for live in (Live(), Live()):
        transport = httpx.ASGITransport(app=live)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            for _ in range(2):
                await client.get("/api/count")


async def test_one_worker_is_nothing_to_speak_of(
    workers: Callable[[int], None], caplog: pytest.LogCaptureFixture
) -> None:
    workers(1)
    await ask_two_apps()
    assert caplog.records == []


async def test_several_workers_are_told_once(
    workers: Callable[[int], None], caplog: pytest.LogCaptureFixture
) -> None:
    workers(2)
    await ask_two_apps()
    said = [record for record in caplog.records if record.name == "nannin.workers"]
    assert [record.levelno for record in said] == [logging.WARNING]
    assert "this host runs 2 workers" in said[0].getMessage()
