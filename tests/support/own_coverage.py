"""Proves that each module of the pure rooms is covered completely by its own test files.

A plugin of pytest, for one process: `pytest -p support.own_coverage tests/wire tests/audience`.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Generator

import pytest
from coverage import Coverage

from support.places import ROOT

SRC = ROOT / "src"
ROOMS = ("wire", "audience")
# What the names of a module's test files begin with, folder included, and the module.
MODULES = {
    f"{room}/test_{path.stem}": path
    for room in ROOMS
    for path in (SRC / "nannin" / room).glob("*.py")
    if path.name != "__init__.py"
}


def coverage_of(*files: str) -> Coverage:
    """What runs in these files, measured from start() to stop() and kept in memory."""
    coverage = Coverage(data_file=None, include=files, branch=True, config_file=str(ROOT / "pyproject.toml"))
    coverage.set_option(
        "run:disable_warnings", ["no-data-collected"]
    )  # a module of constants has been imported
    return coverage


IMPORTS = coverage_of(*map(str, MODULES.values()))
OWN = {name: coverage_of(str(path)) for name, path in MODULES.items()}
REPORT = pytest.StashKey[str]()


def own_coverage(node: pytest.Item | pytest.Collector) -> Coverage | None:
    """Where that counts which the tests of a file run; None if the file is for none of the modules."""
    file = f"{node.path.parent.name}/{node.path.stem}"
    names = [name for name in OWN if file == name or file.startswith(f"{name}_")]
    return OWN[max(names, key=len)] if names else None


def pytest_configure() -> None:
    """Imports all modules before anyone else does, because what an import runs counts for every test."""
    IMPORTS.start()
    for path in MODULES.values():
        importlib.import_module(".".join(path.relative_to(SRC).with_suffix("").parts))
    IMPORTS.stop()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, object, object]:
    """Measures what a test file runs while it is imported."""
    return (yield from measured(collector))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measures what a test and its fixtures run, unless it is one of Hypothesis.

    What random examples reach is no proof, and to measure it takes three times as long as to run it.
    """
    if item.get_closest_marker("hypothesis"):
        return (yield)
    return (yield from measured(item))


def measured(node: pytest.Item | pytest.Collector) -> Generator[None, object, object]:
    """Measures what the rest of a hook's implementations run, if it is for one of the modules."""
    coverage = own_coverage(node)
    if coverage is None:
        return (yield)
    coverage.start()
    try:
        return (yield)
    finally:
        coverage.stop()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails the run if a line or a branch was not reached."""
    total = coverage_of(*map(str, MODULES.values()))
    for name, path in MODULES.items():
        for part in (IMPORTS, OWN[name]):
            total.get_data().add_arcs({str(path): part.get_data().arcs(str(path)) or []})
    report = io.StringIO()
    if total.report(file=report, show_missing=True, skip_covered=True) < 100:
        session.config.stash[REPORT] = report.getvalue()
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says which lines and branches were not reached."""
    if REPORT in config.stash:
        terminalreporter.section("not covered by the module's own tests", red=True)
        terminalreporter.write(config.stash[REPORT])
