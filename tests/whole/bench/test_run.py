"""What `make bench` makes of its figures: the chart, the table, the rules of the storm."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest

from nannin.cli.bench.address import Address
from nannin.cli.bench.crowd import Crowd
from nannin.cli.bench.figures import Figures
from support.servers import ROOT

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def bench_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    yield
    for name in ("chart", "lineup", "results", "run"):
        sys.modules.pop(name, None)


def load(name: str) -> Any:
    return importlib.import_module(name)


FIGURES = [
    Figures("nannin", 1000, joins_per_s=2000.0, messages_per_join=8.0, cpu_us_per_delivery=8.0),
    Figures("A & B", 1000, joins_per_s=500.0, messages_per_join=500.0, cpu_us_per_delivery=16.0),
    Figures("nannin", 5000, messages_per_join=9.0, cpu_us_per_delivery=7.0),
    Figures("A & B", 5000, cpu_us_per_delivery=14.0),
]


def test_the_chart_is_svg_with_a_bar_for_each_server() -> None:
    root = ElementTree.fromstring(load("chart").draw(FIGURES))
    bars = root.findall(f"{SVG}rect")
    assert [bar.get("class") for bar in bars] == ["own", "other", "own", "other"]
    widths = [float(bar.get("width", "0")) for bar in bars]
    assert widths[0] * 2 == pytest.approx(widths[1], abs=0.2)


def test_a_chart_is_of_the_largest_size_that_most_servers_have() -> None:
    titles = [
        text.text
        for text in ElementTree.fromstring(load("chart").draw(FIGURES)).findall(f"{SVG}text")
        if text.get("class") == "title"
    ]
    assert titles == [
        "Server CPU per delivery, µs, 5,000 connections (less is better)",
        "Messages sent per join in a storm, 1,000 connections (less is better)",
    ]


def test_the_chart_can_be_read_aloud_and_in_the_dark() -> None:
    drawing = load("chart").draw(FIGURES)
    assert "prefers-color-scheme: dark" in drawing
    assert "A & B 14.0" in str(ElementTree.fromstring(drawing).get("aria-label"))


def test_nothing_measured_is_no_chart() -> None:
    assert load("chart").draw([Figures("nannin", 5)]) == ""


def test_a_storm_of_squares_takes_the_square_of_the_clients() -> None:
    expect = load("run").expect_storm
    assert expect(FIGURES, "A & B", 5000) == pytest.approx(50.0)
    assert expect(FIGURES, "unknown", 5000) == 0.0


def test_the_parts_of_a_row_are_joined() -> None:
    part = {**FIGURES[0].to_dict(), "seen_p99_ms": 30.0}
    figures = Figures("nannin, 2 processes", 2000)
    load("run").join_parts(figures, [part, {**part, "seen_p99_ms": 50.0, "cpu_us_per_delivery": 10.0}])
    assert figures.joins_per_s == 4000
    assert figures.messages_per_join == 8
    assert figures.cpu_us_per_delivery == 9
    assert figures.seen_p99_ms == 50
    assert figures.exact


def test_a_part_that_is_not_exact_spoils_the_row() -> None:
    part = FIGURES[0].to_dict()
    figures = Figures("nannin, 2 processes", 2000)
    load("run").join_parts(figures, [part, {**part, "exact": False}])
    assert not figures.exact


def test_the_results_name_the_versions_and_no_folder(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    results = load("results")
    monkeypatch.setattr(results, "RESULTS", tmp_path / "RESULTS.md")
    results.write(FIGURES, None, ["60,000 connections: too few open files"], "Nothing else ran.")
    text = (tmp_path / "RESULTS.md").read_text()
    assert "| nannin | 1,000 | 2,000 | 8.0 |" in text
    assert "- Not measured: 60,000 connections: too few open files" in text
    assert "uvloop " in text
    assert str(ROOT) not in text


def test_the_floor_counts_as_the_others_do() -> None:
    lineup = load("lineup")
    contender = next(contender for contender in lineup.ALL if contender.name == "epoll loop in Python")
    with lineup.running(contender, None) as (url, _), Crowd(Address(url)) as crowd:
        crowd.invite(10)
        assert crowd.wait(lambda: crowd.numbers() == {10: 10}, 10.0)
        visitor = crowd.visitor()
        crowd.join(visitor)
        assert crowd.wait(lambda: crowd.numbers() == {11: 11}, 10.0)
        crowd.leave(visitor)
        assert crowd.wait(lambda: crowd.numbers() == {10: 10}, 10.0)
