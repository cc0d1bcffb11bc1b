"""The past as a server with several workers tells it: over HTTP, in a terminal, and as a file."""

from __future__ import annotations

import csv
import json
import pathlib
import time
from collections.abc import Iterator

import httpx
import pytest

from nannin.audience.tally_rows import RECORDER, Period, Row, Span
from nannin.history.store import open_store
from support.commands import run
from support.servers import Server, nannin

# The beginning of an hour of yesterday.
HOUR_S = int(time.time()) // 3_600 * 3_600 - 24 * 3_600
NOBODY = Span(0, 0, HOUR_S * 1_000, 0)


def rows() -> list[Row]:
    """Half an hour of a page that nobody was on in the first minute; the next half hour was not seen."""
    found = []
    for minute in range(30):
        start_s = HOUR_S + 60 * minute
        since_ms, until_ms = start_s * 1_000, (start_s + 60) * 1_000
        found.append(Row(RECORDER, Period.MINUTE, start_s, since_ms, until_ms, NOBODY, NOBODY, 0))
        if minute:
            span = Span(minute, minute + 1, since_ms + 7, minute * 60_000 + 30_000)
            found.append(Row("/news", Period.MINUTE, start_s, since_ms, until_ms, span, span, minute))
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("data")
    store = open_store(folder / "history.sqlite3")
    store.write(rows(), 1)
    store.close()
    flags = ("--history", "on", "--data-dir", str(folder), "--timezone", "Asia/Tokyo")
    with nannin("--workers", "2", *flags) as server:
        yield server


def test_any_worker_tells_the_same(server: Server) -> None:
    query = f"page=/news&from={HOUR_S}&to={HOUR_S + 3_600}&step=minute"
    answers = {httpx.get(f"{server.url}/api/history?{query}", timeout=30).text for _ in range(12)}
    assert len(answers) == 1
    answer = json.loads(answers.pop())
    assert answer["zone"] == "Asia/Tokyo"
    points = answer["points"]
    assert len(points) == 60
    assert points[0]["visitors"] == {"least": 0, "greatest": 0, "greatest_at_ms": HOUR_S * 1_000, "mean": 0.0}
    for minute, point in enumerate(points[1:30], 1):
        start_ms = (HOUR_S + 60 * minute) * 1_000
        there = {
            "least": minute,
            "greatest": minute + 1,
            "greatest_at_ms": start_ms + 7,
            "mean": minute + 0.5,
        }
        assert (point["visitors"], point["connections"], point["joins"]) == (there, there, minute)
    unseen = {(point["visitors"], point["joins"], point["gap"]) for point in points[30:]}
    assert unseen == {(None, None, True)}


def test_an_hour_is_what_its_minutes_come_to(server: Server) -> None:
    query = f"page=/news&from={HOUR_S}&to={HOUR_S + 3_600}&step=hour"
    (point,) = httpx.get(f"{server.url}/api/history?{query}", timeout=30).json()["points"]
    assert (point["covered_ms"], point["gap"], point["joins"]) == (30 * 60_000, True, sum(range(30)))
    assert point["visitors"] == {
        "least": 0,
        "greatest": 30,
        "greatest_at_ms": (HOUR_S + 29 * 60) * 1_000 + 7,
        "mean": sum(minute + 0.5 for minute in range(1, 30)) / 30,
    }


def test_peaks_and_pages_are_told(server: Server) -> None:
    (peak,) = httpx.get(f"{server.url}/api/peaks?metric=visitors", timeout=30).json()["peaks"]
    assert (peak["page"], peak["value"], peak["at_ms"]) == ("/news", 30, (HOUR_S + 29 * 60) * 1_000 + 7)
    pages = httpx.get(f"{server.url}/api/history/pages", timeout=30).json()
    assert pages == {"pages": ["/news"], "next": None}
    assert httpx.get(f"{server.url}/api/top", timeout=30).json()["compared"] is not None


def test_the_history_is_written_to_a_file(server: Server, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "history.csv"
    span = ("--from", str(HOUR_S), "--to", str(HOUR_S + 3_600), "--step", "minute")
    assert run("export", server.url, *span, "--output", str(path)) == (0, "", "")
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["visitors_greatest"] for line in lines] == ["0", *map(str, range(2, 31)), *[""] * 30]
    code, out, _ = run("export", server.url, *span, "--json", "--page", "/news")
    assert code == 0
    starts = [json.loads(line)["start_s"] for line in out.splitlines()]
    assert starts == list(range(HOUR_S, HOUR_S + 3_600, 60))


def test_a_pipe_gets_figures_as_lines(server: Server) -> None:
    code, out, err = run("stats", server.url, "--page", "/news", "--from", str(HOUR_S), "--zone", "UTC")
    assert (code, err) == (0, "")
    assert out.startswith("/news 0 visitors; mean ")
    assert f", {sum(range(30))} joins; peak 30 at " in out
