"""Writes bench/RESULTS.md."""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lineup import NODE_MODULES, Absent, find_bun
from medians import Spread
from shapes.ground import ShapeFigures

from nannin.cli.bench.figures import Figures, Slow
from nannin.cli.bench.report import ABSENT, COLUMNS, describe_slow, notes_of

RESULTS = pathlib.Path(__file__).resolve().parent / "RESULTS.md"
PACKAGES = ("uvicorn", "uvloop", "httptools", "websockets", "msgspec", "python-socketio")
NPM_PACKAGES = ("socket.io", "@socket.io/bun-engine")

INTRODUCTION = """\
# Results

Written by `make bench`. All rows come from one run of it on one machine, each server as a process of its own
on one core and the clients on another. Each figure is the median of several measurements, between which all
other servers had their turn; in brackets are the lowest and the highest. **Only a ratio within one run
counts**: the same machine is 30 % faster or slower an hour later, and another machine is another machine.
"""

EXPLANATION = """\
## What the columns are

- **joins per second**: that many clients connect as fast as the server takes them, 200 at a time; from the
  first connection to the last CONNECT that is answered.
- **join, p99 ms**: in this storm, in which all who are there already are told, 99 % of the clients had joined
  after so many milliseconds, each from its connection on. 199 others do the same at the same time.
- **messages per join**: the updates that arrive in this storm and until it is quiet, divided by the joins. A
  server that tells everyone of each single join sends N/2.
- **CPU per delivery**: one more client joins and leaves, again and again, each time all are waited for, and
  then there is a rest of 50 µs for each client, since nannin rests by itself; the CPU time that the operating
  system charges to the server's processes (`/proc/PID/stat`, user and system) in that time, divided by the
  updates that arrived. Heartbeats are part of this cost: every server sends its clients a ping every 25 s and
  reads the answers, and those that fall into the measurement are charged with it. The epoll loops have none.
- **seen**: on a quiet page one more client joins or leaves; after so many milliseconds half of all clients,
  99 % of them, all of them had the new number. (The crowd looks every millisecond.)
- **memory per connection**: the growth of the server's resident memory, at rest, by all these clients.

After each measurement every client must know the right number. A row for which that does not hold says so.

The *epoll loops* are the limit: they do nothing but one `send` for each client. They, Bun, Node.js and
python-socketio tell everyone of each join, as the sample of 2011 does, so N joins are N²/2 messages. Their
storm has a time limit, and all their other figures are of clients that joined while nobody was told. Bun runs
Socket.IO with `@socket.io/bun-engine`, Socket.IO's own engine for it. *nannin, pure Python* is nannin without
its extension in C, *nannin, plain ASGI* is nannin on uvicorn's own WebSocket protocol.

## What the shapes are

Nobody is told a count in them, other than in the stream. Heartbeats are part of each cost here too.

- **pages of one client**: 10,000 pages with one client each. Each client says something on its own page, so a
  delivery has an event in it that asked for it.
- **a room of 100**: the events go to 100 of 10,000 clients of a page.
- **observers over SSE**: 2,000 readers of nannin's stream, while one client comes and goes. Socket.IO has no
  such stream.
- **polling clients**: 1,000 clients by HTTP long-polling alone. A delivery is an answer and the next request.
- **an event of 10 KB**, **of 100 KB**: to each of 1,000 clients.
- **a reconnect of all**: 2,000 clients hang up at once and come back. A join has a leave in it.
- **idle clients**: 3,000 clients for one interval of their heartbeats; **CPU at rest** is in percent of a
  core.

python-socketio takes no part in them, because it would take too long.

## To repeat it

`make bench` takes some 25 minutes and wants two cores with nothing else to do, 2 GB of memory and 20,000 open
files for each process. `make bench SHORT=1` takes less than 4 minutes: 1,000 clients, the epoll loop in C,
nannin, Bun and Node.js, and no shapes; it writes nothing. `.venv/bin/python bench/run.py --help` says how to
choose. `nannin bench URL` measures a running server of your own.
"""

Table = tuple[list[str], list[list[str]]]


@dataclass(frozen=True, slots=True)
class Report:
    """All that was measured.

    Attributes:
        sizes: one for each contender and size.
        shapes: one for each contender and shape.
        slow: what clients that never read do.
        skipped: what could not be measured and why, one line each.
        meanwhile: how long it took, and what else the machine did.
    """

    sizes: Sequence[Spread[Figures]]
    shapes: Sequence[Spread[ShapeFigures]]
    slow: Spread[Slow] | None
    skipped: Sequence[str]
    meanwhile: str


def _cell(
    value: Callable[[ShapeFigures], float | None], unit: str = "", digits: int = 1
) -> Callable[..., str]:
    def cell(figures: ShapeFigures) -> str:
        known = value(figures)
        return ABSENT if known is None else f"{known:,.{digits}f}{unit}"

    return cell


def _kilobytes(figures: ShapeFigures) -> float | None:
    return None if figures.bytes_per_connection is None else figures.bytes_per_connection / 1024


# The heading of each column of the shapes, and its cell.
SHAPE_COLUMNS: dict[str, Callable[[ShapeFigures], str]] = {
    "shape": lambda f: f.shape,
    "server": lambda f: f.server,
    "clients": lambda f: f"{f.clients:,}",
    "CPU per join, µs": _cell(lambda f: f.cpu_us_per_join, digits=0),
    "CPU per delivery, µs": _cell(lambda f: f.cpu_us_per_delivery),
    "memory per connection": _cell(_kilobytes, " KB"),
    "CPU at rest": _cell(lambda f: f.rest_cpu_percent, " %", 2),
}


def rows_of_sizes(sizes: Sequence[Spread[Figures]]) -> Table:
    """The headings, and a row of texts for each contender and size."""
    return list(COLUMNS), [[spread.text(cell) for cell in COLUMNS.values()] for spread in sizes]


def rows_of_shapes(shapes: Sequence[Spread[ShapeFigures]]) -> Table:
    """The headings, and a row of texts for each contender and shape."""
    columns = SHAPE_COLUMNS.values()
    return list(SHAPE_COLUMNS), [[spread.text(cell) for cell in columns] for spread in shapes]


def remarks(report: Report) -> list[str]:
    """What is to be said of the tables, one line each."""
    lines = notes_of([spread.median for spread in report.sizes])
    lines += [
        f"{s.median.shape}, {s.median.server}: {note}" for s in report.shapes for note in s.median.notes
    ]
    lines += [f"Not measured: {line}" for line in report.skipped]
    if report.slow is not None:
        low, high = report.slow.low.p99_with_ms, report.slow.high.p99_with_ms
        lines.append(f"{describe_slow(report.slow.median)} Between {low:.0f} and {high:.0f} ms with them.")
    return lines


def markdown(table: Table) -> list[str]:
    """A table in Markdown."""
    headings, rows = table
    ruler = ["---", *("---:" for _ in headings[1:])]
    return [f"| {' | '.join(line)} |" for line in (headings, ruler, *rows)]


def versions() -> list[str]:
    """What was measured with, one line each, with nothing that names the machine."""
    found = [
        f"CPU: {cpu_model()}, {os.cpu_count()} cores",
        f"kernel: {platform.system()} {platform.release()}",
        f"Python {platform.python_version()}",
        *(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES),
    ]
    node = shutil.which("node")
    if node:
        found.append("Node.js " + subprocess.check_output([node, "--version"], text=True).strip().lstrip("v"))
    with contextlib.suppress(Absent):
        found.append("Bun " + subprocess.check_output([find_bun(), "--version"], text=True).strip())
    for name in NPM_PACKAGES:
        package = NODE_MODULES / name / "package.json"
        if package.is_file():
            found.append(f"{name} {json.loads(package.read_text())['version']}")
    return found


def cpu_model() -> str:
    """The processor, as Linux names it."""
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )


def write(report: Report) -> None:
    """Writes the file."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    lines = [
        INTRODUCTION,
        f"{today}; " + "; ".join(versions()) + f". {report.meanwhile}",
        "",
        *markdown(rows_of_sizes(report.sizes)),
    ]
    if report.shapes:
        lines += ["", "## The shapes that sites have", "", *markdown(rows_of_shapes(report.shapes))]
    lines += ["", "## Remarks", "", *(f"- {line}" for line in remarks(report)), "", EXPLANATION]
    RESULTS.write_text("\n".join(lines), encoding="utf-8")
