"""`nannin export`: writes a running server's history as a table or as JSON, part by part."""

from __future__ import annotations

import contextlib
import csv
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final, NoReturn, TextIO

import msgspec

from nannin.cli.answers import HistoryAnswer, PagesAnswer, Point, Summary
from nannin.cli.output import OutputError, printing
from nannin.cli.reader import Reader
from nannin.cli.remote import Address, check_pages, escape
from nannin.errors import RemoteError, SettingsError
from nannin.web.history_forms import SERIES_COLUMNS

# How many points, and how many pages, one answer of the server has: some 300 KB, made in some 20 ms.
_POINTS: Final = 1_000
_PAGES: Final = 1_000
_EXIT_TERMINATED: Final = 128 + signal.SIGTERM

Write = Callable[[str, Point], None]


def run(
    url: str,
    pages: Sequence[str],
    *,
    as_json: bool,
    output: str | None = None,
    token: str | None = None,
    insecure: bool = False,
    **span: str | None,
) -> int:
    """Writes the history of some pages, or of all, to a file or to standard output.

    Args:
        url: the server's address.
        pages: page keys; empty: all that there is history of.
        as_json: writes a JSON object on each line instead of CSV.
        output: the file's path; None or `-`: standard output.
        token: the server's `read_token`, which the list of pages needs from another machine.
        insecure: takes any certificate.
        span: the parameters of `/api/history` that say which time; None where the server decides.

    Returns:
        The exit code.

    Raises:
        SettingsError: the URL is not an address, a page is not a page key, or the file can't be written.
        RemoteError: there is no such server, or it refuses. No file is left then.
        OutputError: the disk is full. No file is left then either.
    """
    address = Address(url, insecure=insecure)
    named = check_pages(pages)
    given = {name.rstrip("_"): text for name, text in span.items() if text is not None}
    signal.signal(signal.SIGTERM, _end)  # as Ctrl-C does, so that no half file is left
    with Reader(address, token) as reader, printing(), _open(output) as file:
        rows = _read(reader, named, given, address.url)
        first = list(islice(rows, 1))  # a server that refuses does so now, before there is a heading
        write = _json_writer(file) if as_json else _csv_writer(file)
        for page, point in chain(first, rows):
            write(page, point)
    return 0


def _read(
    reader: Reader, pages: Sequence[str], span: dict[str, str], url: str
) -> Iterator[tuple[str, Point]]:
    """Every point of every page; all pages have the span that the first answer has."""
    fixed: dict[str, str] = span
    for page in pages or _list_pages(reader, url):
        begin = fixed
        while True:
            query: dict[str, str | int] = {"page": page, **begin, "limit": _POINTS}
            part = reader.ask("/api/history", query, HistoryAnswer)
            if fixed is span:
                fixed = {**span, "from": str(part.from_s), "to": str(part.to_s), "step": part.step}
            for point in part.points:
                yield page, point
            if part.next_s is None:
                break
            if part.next_s <= part.from_s:
                raise RemoteError(f"{url}: not a nannin server: its history does not go on")
            begin = {**fixed, "from": str(part.next_s)}


def _list_pages(reader: Reader, url: str) -> Iterator[str]:
    after = ""
    while True:
        answer = reader.ask("/api/history/pages", {"limit": _PAGES, "after": after}, PagesAnswer)
        if answer.next is not None and answer.next <= after:
            raise RemoteError(f"{url}: not a nannin server: its list of pages does not go on")
        yield from answer.pages
        if answer.next is None:
            return
        after = answer.next


def _csv_writer(file: TextIO) -> Write:
    table = csv.writer(file, lineterminator="\n")
    table.writerow(SERIES_COLUMNS)

    def write(page: str, point: Point) -> None:
        table.writerow(
            (
                *(escape(page), escape(point.start), point.start_s, point.until_s, point.covered_ms),
                "true" if point.gap else "false",
                *_cells(point.visitors),
                *_cells(point.connections),
                "" if point.joins is None else point.joins,
            )
        )

    return write


def _cells(summary: Summary | None) -> Sequence[object]:
    return ("",) * 4 if summary is None else msgspec.structs.astuple(summary)


def _json_writer(file: TextIO) -> Write:
    def write(page: str, point: Point) -> None:
        row: dict[str, Any] = {"page": page, **msgspec.structs.asdict(point)}
        file.write(escape(msgspec.json.encode(row).decode()) + "\n")

    return write


@contextlib.contextmanager
def _open(output: str | None) -> Iterator[TextIO]:
    """Where it is written. A file gets its name only when all of it is there."""
    if output in (None, "-"):
        yield sys.stdout
        return
    path = Path(os.path.realpath(str(output)))  # a link stays one
    is_special = path.exists() and not path.is_file()  # a pipe, or /dev/stdout
    try:
        if is_special:
            file, name = path.open("w", encoding="utf-8", newline=""), ""
        else:
            descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:80]}.")
            file = os.fdopen(descriptor, "w", encoding="utf-8", newline="")
    except OSError as error:
        raise SettingsError(f"--output {escape(str(path))}: {error.strerror}") from None
    try:
        with file:
            yield file
        if name:
            os.chmod(name, 0o666 & ~_umask())
            os.replace(name, path)
    except BaseException as error:
        if name:
            with contextlib.suppress(OSError):
                os.unlink(name)
        if isinstance(error, OSError):
            raise OutputError(f"--output {escape(str(path))}: {error.strerror}") from None
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _end(number: int, frame: object) -> NoReturn:
    sys.exit(_EXIT_TERMINATED)
