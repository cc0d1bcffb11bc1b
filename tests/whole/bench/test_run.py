"""What `make bench` makes of its figures: the chart, the table, the rules of the storm."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import click
import pytest

from nannin.cli.bench.address import Address
from nannin.cli.bench.crowd import Crowd
from nannin.cli.bench.figures import Figures
from nannin.cli.bench.report import COLUMNS
from support.servers import ROOT

MODULES = {path.stem for path in (ROOT / "bench").iterdir()}
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def bench_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    yield
    for name in [name for name in sys.modules if name.split(".")[0] in MODULES]:
        del sys.modules[name]


def load(name: str) -> Any:
    return importlib.import_module(name)


def once(all_figures: list[Figures]) -> Any:
    return [load("medians").spread_of([figures]) for figures in all_figures]


FIGURES = [
    Figures("nannin", 1000, joins_per_s=2000.0, messages_per_join=8.0, cpu_us_per_delivery=8.0),
    Figures("A & B", 1000, joins_per_s=500.0, messages_per_join=500.0, cpu_us_per_delivery=16.0),
    Figures("nannin", 5000, messages_per_join=9.0, cpu_us_per_delivery=7.0),
    Figures("A & B", 5000, cpu_us_per_delivery=14.0),
]


def test_the_chart_is_svg_with_a_bar_for_each_server() -> None:
    root = ElementTree.fromstring(load("chart").draw(once(FIGURES)))
    bars = root.findall(f"{SVG}rect")
    assert [bar.get("class") for bar in bars] == ["own", "other", "own", "other"]
    widths = [float(bar.get("width", "0")) for bar in bars]
    assert widths[0] * 2 == pytest.approx(widths[1], abs=0.2)


def test_a_chart_is_of_the_largest_size_that_most_servers_have() -> None:
    titles = [
        text.text
        for text in ElementTree.fromstring(load("chart").draw(once(FIGURES))).findall(f"{SVG}text")
        if text.get("class") == "title"
    ]
    assert titles == [
        "Server CPU per delivery, µs, 5,000 connections (less is better)",
        "Messages sent per join in a storm, 1,000 connections (less is better)",
    ]


def test_the_chart_can_be_read_aloud_and_in_the_dark() -> None:
    drawing = load("chart").draw(once(FIGURES))
    assert "prefers-color-scheme: dark" in drawing
    assert "A & B 14.0" in str(ElementTree.fromstring(drawing).get("aria-label"))


def test_nothing_measured_is_no_chart() -> None:
    assert load("chart").draw(once([Figures("nannin", 5)])) == ""


def test_a_storm_of_squares_takes_the_square_of_the_clients() -> None:
    expect = load("contest").expect_storm
    assert expect(FIGURES, "A & B", 5000) == pytest.approx(50.0)
    assert expect(FIGURES, "unknown", 5000) == 0.0


def test_the_parts_of_a_row_are_joined() -> None:
    part = {**FIGURES[0].to_dict(), "join_p99_ms": 20.0, "seen_p99_ms": 30.0}
    figures = Figures("nannin, 2 processes", 2000)
    load("parts").join_parts(figures, [part, {**part, "seen_p99_ms": 50.0, "cpu_us_per_delivery": 10.0}])
    assert figures.join_p99_ms == 20
    assert figures.joins_per_s == 4000
    assert figures.messages_per_join == 8
    assert figures.cpu_us_per_delivery == 9
    assert figures.seen_p99_ms == 50
    assert figures.exact


def test_a_part_that_is_not_exact_spoils_the_row() -> None:
    part = FIGURES[0].to_dict()
    figures = Figures("nannin, 2 processes", 2000)
    load("parts").join_parts(figures, [part, {**part, "exact": False}])
    assert not figures.exact


def test_a_figure_is_the_median_with_the_lowest_and_the_highest() -> None:
    runs = [
        Figures("nannin", 1000, joins_per_s=joins, bytes_per_connection=size, notes=["busy"])
        for joins, size in ((3000.0, 4096.0), (1000.0, 5120.0), (2000.0, 4608.0))
    ]
    spread = load("medians").spread_of(runs)
    assert spread.runs == 3
    assert (spread.low.joins_per_s, spread.median.joins_per_s, spread.high.joins_per_s) == (1000, 2000, 3000)
    assert spread.median.cpu_us_per_delivery is None
    assert spread.median.notes == ["busy"]
    assert spread.text(COLUMNS["joins per second"]) == "2,000 (1,000–3,000)"
    assert spread.text(COLUMNS["memory per connection"]) == "4.5 KB (4.0–5.0 KB)"
    assert spread.text(COLUMNS["connections"]) == "1,000"


def test_one_run_that_is_not_exact_spoils_all() -> None:
    runs = [Figures("nannin", 5), Figures("nannin", 5, exact=False)]
    assert not load("medians").spread_of(runs).median.exact


def test_what_one_run_did_not_measure_is_the_median_of_the_others() -> None:
    runs = [Figures("nannin", 5), Figures("nannin", 5, joins_per_s=10.0)]
    assert load("medians").spread_of(runs).median.joins_per_s == 10


def test_the_runs_of_the_contenders_alternate(monkeypatch: pytest.MonkeyPatch) -> None:
    lineup, contest = load("lineup"), load("contest").Contest(None, 1.0, lambda text: None)
    order: list[str] = []

    def measure(contest: Any, contender: Any, size: int) -> Figures:
        order.append(contender.name)
        if contender.name == "C":
            raise lineup.Absent("it is not here")
        return Figures(contender.name, size)

    monkeypatch.setattr(type(contest), "measure", measure)
    contenders = [lineup.Contender(name, None, tells_each=False) for name in "ABC"]
    few = lineup.Contender("few", None, tells_each=False, largest=500)
    contest.alternate([*contenders, few], 1000, 3)
    assert "".join(order) == "ABCABAB"
    assert contest.skipped == ["C, 1,000 connections: it is not here"]
    spreads = load("medians").spreads(contest.measured, lambda figures: figures.server)
    assert [(spread.median.server, spread.runs) for spread in spreads] == [("A", 3), ("B", 3)]


def test_a_storm_that_was_too_long_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    lineup, contest = load("lineup"), load("contest").Contest(None, 1.0, lambda text: None)
    tried: list[bool] = []

    def measure(*_: Any, storm_only: bool = False) -> Figures:
        tried.append(storm_only)
        return Figures("A", 1000, notes=["too long"] if storm_only else [])

    monkeypatch.setattr(type(contest), "_measure", measure)
    contest.alternate([lineup.Contender("A", None, tells_each=True)], 1000, 2)
    assert tried == [True, False, False]
    assert load("medians").spread_of(contest.measured).median.notes == ["too long"]


def test_a_contender_whose_packages_are_missing_says_what_installs_them(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lineup = load("lineup")
    monkeypatch.setattr(lineup, "NODE_MODULES", tmp_path)
    for name in ("Bun socket.io", "Node.js socket.io"):
        contender = next(contender for contender in lineup.ALL if contender.name == name)
        with pytest.raises(lineup.Absent, match="npm ci"):
            contender.command(1, lineup.Mode.LOUD)
    (tmp_path / "@socket.io" / "bun-engine").mkdir(parents=True)
    program = tmp_path / "@oven" / "bun-of-another-platform" / "bin" / "bun"
    program.parent.mkdir(parents=True)
    program.write_bytes(b"\x7fELF")
    program.chmod(0o755)
    with pytest.raises(lineup.Absent, match="no program that starts on this platform"):
        lineup.bun_command(1, lineup.Mode.LOUD)


def test_a_contender_that_does_not_exist_is_refused() -> None:
    run = load("run")
    with pytest.raises(click.UsageError, match=r"expected .*, not 'Bum'; try epoll loop in C, "):
        run.choose(["Bum"], short=False)
    assert [c.name for c in run.choose(["nannin, p"], short=False)] == [
        "nannin, pure Python",
        "nannin, plain ASGI",
    ]
    assert [c.name for c in run.choose([], short=True)] == [
        "epoll loop in C",
        "nannin",
        "Bun socket.io",
        "Node.js socket.io",
    ]


def test_the_pure_contender_runs_without_the_extension() -> None:
    lineup = load("lineup")
    contender = next(contender for contender in lineup.ALL if contender.name == "nannin, pure Python")
    assert contender.environ == {"NANNIN_PURE": "1"}
    with lineup.running(contender, None) as (url, _), Crowd(Address(url)) as crowd:
        crowd.invite(5)
        assert crowd.wait(lambda: crowd.numbers() == {5: 5}, 10.0)


def report(results: Any, **changes: Any) -> Any:
    parts = {
        "sizes": once(FIGURES),
        "shapes": [],
        "slow": None,
        "skipped": [],
        "meanwhile": "Nothing else ran.",
    }
    return results.Report(**{**parts, **changes})


def test_the_results_name_the_versions_and_no_folder(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    results = load("results")
    monkeypatch.setattr(results, "RESULTS", tmp_path / "RESULTS.md")
    results.write(report(results, skipped=["60,000 connections: too few open files"]))
    text = (tmp_path / "RESULTS.md").read_text()
    assert "| nannin | 1,000 | 2,000 | – | 8.0 |" in text
    assert "- Not measured: 60,000 connections: too few open files" in text
    assert "uvloop " in text
    assert "Heartbeats are part of this cost" in text
    assert str(ROOT) not in text


def test_the_results_have_a_table_of_the_shapes(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    results, figures = load("results"), load("shapes.ground").ShapeFigures
    monkeypatch.setattr(results, "RESULTS", tmp_path / "RESULTS.md")
    runs = [figures("a room of 100", "nannin", 50, cpu_us_per_delivery=cost) for cost in (9.0, 8.0, 12.0)]
    results.write(report(results, shapes=[load("medians").spread_of(runs)]))
    lines = (tmp_path / "RESULTS.md").read_text().splitlines()
    assert "| a room of 100 | nannin | 50 | – | 9.0 (8.0–12.0) | – | – |" in lines


def test_no_shape_is_begun_when_the_time_is_over() -> None:
    ground = load("shapes.ground").Ground([], None)
    assert load("run").measure_shapes(ground, 2, ["a room"], 0.0) == []
    assert ground.skipped == [
        f"a room of 100, run {run} of 2: the time was over; --limit gives more" for run in (1, 2)
    ]


def test_every_shape_is_measured_before_any_is_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    run, ground = load("run"), load("shapes.ground")
    shapes = [ground.Shape(name, lambda _, name: [name]) for name in ("pages", "a room", "polling")]
    monkeypatch.setattr(run, "SHAPES", shapes)
    found = run.measure_shapes(ground.Ground([], None), 2, ["p"], math.inf)
    assert found == ["pages", "polling", "pages", "polling"]


def test_the_results_say_what_every_shape_is() -> None:
    explained = load("results").EXPLANATION
    for shape in load("shapes.all").ALL:
        assert shape.name.removeprefix("an event ") in explained


def test_a_shape_is_measured_with_whoever_can_do_it() -> None:
    lineup, ground_module = load("lineup"), load("shapes.ground")
    nannin = next(contender for contender in lineup.ALL if contender.name == "nannin")
    floor = next(contender for contender in lineup.ALL if contender.name == "epoll loop in Python")
    ground = ground_module.Ground([floor, nannin], None, 1000)
    shapes = {shape.name: shape for shape in load("shapes.all").ALL}
    for name in ("pages of one client", "polling clients", "observers over SSE", "an event of 100 KB"):
        [figures] = shapes[name].measure(ground, name)
        assert (figures.server, figures.clients) == ("nannin", 10)
        assert figures.cpu_us_per_delivery is not None
    assert ground.skipped == []


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
