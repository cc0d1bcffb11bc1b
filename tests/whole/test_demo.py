"""`nannin demo`: a site with people and a past, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.pictures import zone_by_day
from support.servers import Server, free_port, running

# A machine that does other things too may take a while to make history.
WITHIN_S = 20.0


@pytest.fixture(scope="module")
def kept_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the demo makes its own."""
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="module")
def demo(kept_in: Path) -> Iterator[Server]:
    """The demo, with few people and a few days."""
    port = free_port()
    arguments = ["--port", str(port), "--people", "150", "--days", "0", "--timezone", zone_by_day()]
    command = [sys.executable, "-m", "nannin", "demo", *arguments]
    # What is set for other servers of this machine does not concern it.
    env = {"NANNIN_PAGES": "/nothing", "NANNIN_HISTORY": "off", "TMPDIR": str(kept_in)}
    with running(command, port, env=env, within_s=60) as server:
        yield server


def comes(demo: Server, path: str, condition: Any) -> Any:
    """What a path answers once a condition holds for it."""
    give_up_at = time.monotonic() + WITHIN_S
    while True:
        answer = httpx.get(demo.url + path, timeout=10)
        assert answer.status_code == 200, answer.text
        if condition(answer.json()):
            return answer.json()
        assert time.monotonic() < give_up_at, answer.text
        time.sleep(0.2)


def test_there_are_people_on_most_pages_and_some_have_two_tabs(demo: Server) -> None:
    pages = comes(demo, "/api/pages?limit=100", lambda told: told["total"] > 20)["pages"]
    groups = {page["page"]: page for page in pages if page.get("group")}
    assert set(groups) == {"/news/*", "/shop/*", "/*"}
    site = comes(demo, "/api/count?page=/*", lambda count: count["visitors"] > 20)
    assert site["visible"] < site["visitors"] < site["connections"]


def test_its_past_and_its_presence_are_one_history(demo: Server) -> None:
    told = httpx.get(f"{demo.url}/api/history?page=/&from=24h&step=hour", timeout=10).json()
    known = [point for point in told["points"] if point["visitors"] is not None]
    assert len(known) >= 12
    assert max(point["visitors"]["greatest"] for point in known) > 5


def test_the_last_hour_of_a_page_is_known(demo: Server) -> None:
    answer = httpx.get(f"{demo.url}/api/trend?page=/*", timeout=10)
    assert answer.headers["cache-control"].startswith("public, max-age=")
    told = answer.json()
    assert len(told["visitors"]) == len(told["connections"]) == 60
    assert sum(number is not None for number in told["visitors"]) > 50


def test_people_move_on_and_go(demo: Server) -> None:
    seen = set[int]()
    give_up_at = time.monotonic() + WITHIN_S
    while len(seen) < 3:
        seen.add(httpx.get(f"{demo.url}/api/count?page=/*", timeout=10).json()["connections"])
        assert time.monotonic() < give_up_at, seen
        time.sleep(0.3)


def test_it_says_where_the_dashboard_is_and_what_stops_it(demo: Server) -> None:
    assert f"Dashboard  {demo.url}/dashboard" in demo.log
    assert "rows of history" in demo.log
    assert "Traceback" not in demo.log


def test_one_that_is_ended_while_it_makes_history_leaves_nothing_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nannin", "demo", "--port", "0"]
    process = subprocess.Popen(
        command,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    with process:
        give_up_at = time.monotonic() + WITHIN_S
        while not list(tmp_path.glob("*/history.sqlite3")) and time.monotonic() < give_up_at:
            time.sleep(0.02)
        process.terminate()
        assert process.wait(WITHIN_S) == 128 + signal.SIGTERM
        assert list(tmp_path.iterdir()) == []
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()


def test_it_ends_by_ctrl_c_and_leaves_nothing_behind(demo: Server, kept_in: Path) -> None:
    assert list(kept_in.iterdir())
    assert demo.stop(signal.SIGINT) < 5
    assert list(kept_in.iterdir()) == []
