"""How figures are shown: a table for a terminal, plain columns for a pipe, and a table in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click

from nannin.cli.bench.figures import Figures, Slow

ABSENT = "–"


def _number(value: float | None, digits: int = 0) -> str:
    return ABSENT if value is None else f"{value:,.{digits}f}"


def _kilobytes(figures: Figures) -> str:
    return ABSENT if figures.bytes_per_connection is None else f"{figures.bytes_per_connection / 1024:.1f} KB"


# The heading of each column, and its cell.
COLUMNS: dict[str, Callable[[Figures], str]] = {
    "server": lambda f: f.server,
    "connections": lambda f: f"{f.connections:,}",
    "joins per second": lambda f: _number(f.joins_per_s),
    "join, p99 ms": lambda f: _number(f.join_p99_ms),
    "messages per join": lambda f: _number(f.messages_per_join, 1),
    "CPU per delivery, µs": lambda f: _number(f.cpu_us_per_delivery, 1),
    "seen, p50 ms": lambda f: _number(f.seen_p50_ms),
    "p99 ms": lambda f: _number(f.seen_p99_ms),
    "max ms": lambda f: _number(f.seen_max_ms),
    "memory per connection": _kilobytes,
}


def rows_of(all_figures: Sequence[Figures]) -> tuple[list[str], list[list[str]]]:
    """The headings, and a row of texts for each figures."""
    return list(COLUMNS), [[cell(figures) for cell in COLUMNS.values()] for figures in all_figures]


def notes_of(all_figures: Sequence[Figures]) -> list[str]:
    """What is to be said of the figures, one line each."""
    return [f"{f.server}, {f.connections:,}: {note}" for f in all_figures for note in f.notes]


def print_table(all_figures: Sequence[Figures]) -> None:
    """Prints the table on standard output, with lines and colours where that is a terminal."""
    from rich.console import Console
    from rich.table import Table

    headings, rows = rows_of(all_figures)
    console = Console()
    if console.is_terminal:
        table = Table()
        for at, heading in enumerate(headings):
            table.add_column(heading, justify="right" if at else "left")
        for row in rows:
            table.add_row(*row)
        console.print(table)
    else:
        print_plain(headings, rows)
    for note in notes_of(all_figures):
        click.echo(note)


def print_plain(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints columns with two blanks between them."""
    lines = [headings, *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(headings))]
    for line in lines:
        cells = [
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        click.echo("  ".join(cells).rstrip())


def describe_slow(slow: Slow) -> str:
    """One sentence on the clients that never read."""
    exact = "" if slow.exact else " NOT EXACT: not every healthy client knew the right number."
    return (
        f"{slow.healthy:,} healthy clients: an update had reached 99 % of them after"
        f" {slow.p99_without_ms:.0f} ms, and with {slow.deaf:,} more that never read after"
        f" {slow.p99_with_ms:.0f} ms ({slow.p99_with_ms / slow.p99_without_ms:.2f}x)."
        f" {slow.closed:,} of those were closed soon after.{exact}"
    )
