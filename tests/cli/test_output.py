"""What commands print into pipes and terminals."""

from __future__ import annotations

import io
import os
import sys

import pytest

from nannin.cli.output import OutputError, is_terminal, printing


def test_any_key_can_be_printed_where_only_ascii_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    with printing():
        sys.stdout.write("/人")
    assert raw.getvalue() == rb"/\u4eba"


def test_nobody_who_reads_any_more_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    with os.fdopen(theirs, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        with printing():
            stdout.write("x")
        stdout.write("y")  # goes nowhere, as what is flushed at exit does


def test_a_disk_that_is_full_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        with (
            pytest.raises(OutputError, match="the output can't be written: No space left on device"),
            printing(),
        ):
            stdout.write("x")
        stdout.write("y")


@pytest.mark.parametrize(
    ("term", "is_one"), [("xterm", True), ("dumb", False), ("unknown", False), (None, False)]
)
def test_a_terminal_is_one_that_can_show_a_table(
    monkeypatch: pytest.MonkeyPatch, term: str | None, is_one: bool
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    if term is None:
        monkeypatch.delenv("TERM", raising=False)
    else:
        monkeypatch.setenv("TERM", term)
    assert is_terminal() is is_one


def test_a_pipe_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert not is_terminal()
