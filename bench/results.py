"""Writes bench/RESULTS.md."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import shutil
import subprocess
from collections.abc import Sequence

from lineup import NODE_MODULES

from nannin.cli.bench.figures import Figures, Slow
from nannin.cli.bench.report import describe_slow, markdown, notes_of

RESULTS = pathlib.Path(__file__).resolve().parent / "RESULTS.md"
PACKAGES = ("uvicorn", "uvloop", "httptools", "websockets", "msgspec", "python-socketio")

INTRODUCTION = """\
# Results

Written by `make bench`. All rows come from one run on one machine, each server as a process of its own on one
core and the clients on another. **Only a ratio within one run counts**: the same machine is 30 % faster or
slower an hour later, and another machine is another machine.
"""

EXPLANATION = """\
## What the columns are

- **joins per second**: that many clients connect as fast as the server takes them, 200 at a time; from the
  first connection to the last CONNECT that is answered.
- **messages per join**: the updates that arrive in this storm and until it is quiet, divided by the joins. A
  server that tells everyone of each single join sends N/2.
- **CPU per delivery**: one more client joins and leaves, again and again, each time all are waited for, and
  then there is a rest of 50 µs for each client, since nannin rests by itself; the CPU time that the operating
  system charges to the server's processes (`/proc/PID/stat`, user and system) in that time, divided by the
  updates that arrived.
- **seen**: on a quiet page one more client joins or leaves; after so many milliseconds half of all clients,
  99 % of them, all of them had the new number. (The crowd looks every millisecond.)
- **memory per connection**: the growth of the server's resident memory, at rest, by all these clients.
- **CPU at rest**: in percent of a core, with nothing but heartbeats, over 26 s.

After each measurement every client must know the right number. A row for which that does not hold says so.

The *epoll loops* are the limit: they do nothing but one `send` for each client. They, Node.js and
python-socketio tell everyone of each join, as the sample of 2011 does, so N joins are N²/2 messages. Their
storm has a time limit, and all their other figures are of clients that joined while nobody was told.

## To repeat it

`make bench` takes some 25 minutes and wants two cores with nothing else to do, 3 GB of memory and 20,000 open
files for each process. `.venv/bin/python bench/run.py --help` says how to measure less; `nannin bench URL`
measures a running server of your own.
"""


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
        package = NODE_MODULES / "socket.io" / "package.json"
        if package.is_file():
            found.append(f"socket.io {json.loads(package.read_text())['version']}")
    return found


def cpu_model() -> str:
    """The processor, as Linux names it."""
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )


def write(all_figures: Sequence[Figures], slow: Slow | None, skipped: Sequence[str], meanwhile: str) -> None:
    """Writes the file."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    lines = [
        INTRODUCTION,
        f"{today}; " + "; ".join(versions()) + f". {meanwhile}",
        "",
        *markdown(all_figures),
        "",
    ]
    lines += [f"- {note}" for note in notes_of(all_figures)]
    lines += [f"- Not measured: {line}" for line in skipped]
    if slow is not None:
        lines += ["", "## Clients that never read", "", describe_slow(slow)]
    lines += ["", EXPLANATION]
    RESULTS.write_text("\n".join(lines), encoding="utf-8")
