"""How figures are shown."""

from __future__ import annotations

import pytest

from nannin.cli.bench.figures import Figures, Slow
from nannin.cli.bench.report import describe_slow, notes_of, print_table, rows_of

WHOLE = Figures("nannin", 5000, 3000.4, 66.6, 8.04, 250.0, 7.96, 20.2, 60.0, 61.7, 5120.0, True, [])
PART = Figures("Node.js", 5000, cpu_us_per_delivery=18.0, notes=["the storm is left out"])


def test_what_is_not_known_is_a_dash() -> None:
    _, [_, row] = rows_of([WHOLE, PART])
    assert row == ["Node.js", "5,000", "–", "–", "–", "18.0", "–", "–", "–", "–"]


def test_every_figure_has_its_digits() -> None:
    _, [row] = rows_of([WHOLE])
    assert row == ["nannin", "5,000", "3,000", "67", "8.0", "8.0", "20", "60", "62", "5.0 KB"]


def test_a_note_names_its_row() -> None:
    assert notes_of([WHOLE, PART]) == ["Node.js, 5,000: the storm is left out"]


def test_a_pipe_gets_plain_columns(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([WHOLE, PART])
    head, first, second, note = capsys.readouterr().out.splitlines()
    assert head.split("  ")[0] == "server"
    assert first.index("5,000") == second.index("5,000")
    assert note == "Node.js, 5,000: the storm is left out"
    assert "│" not in head


def test_a_terminal_gets_a_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    print_table([WHOLE])
    assert "│" in capsys.readouterr().out


def test_clients_that_never_read_become_a_sentence() -> None:
    text = describe_slow(Slow(10_000, 500, 80.0, 100.0, 500, True))
    assert "after 80 ms" in text
    assert "after 100 ms (1.25x)" in text
    assert "NOT EXACT" not in text
    assert "NOT EXACT" in describe_slow(Slow(10, 5, 80.0, 100.0, 5, False))
