"""`nannin stats`: shows what the pages of a running server have had lately."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from nannin.cli.output import is_terminal, printing
from nannin.cli.reader import Reader
from nannin.cli.remote import Address, check_pages
from nannin.cli.stats.figures import Figures, Query, gather
from nannin.cli.stats.lines import json_lines, lines


def run(
    url: str,
    pages: Sequence[str],
    *,
    limit: int,
    as_json: bool,
    token: str | None = None,
    insecure: bool = False,
    **span: str | None,
) -> int:
    """Shows figures: a table in a terminal, lines elsewhere.

    Args:
        url: the server's address.
        pages: page keys; empty: those with the most visitors.
        limit: how many of those.
        as_json: prints JSON, also in a terminal.
        token: the server's `read_token`, which a list of pages needs from another machine.
        insecure: takes any certificate.
        span: the parameters of `/api/history` that say which time; None where the server decides.

    Returns:
        The exit code.

    Raises:
        SettingsError: the URL is not an address, or a page is not a page key.
        RemoteError: there is no such server, or it refuses.
    """
    address = Address(url, insecure=insecure)
    named = check_pages(pages)
    given = {name.rstrip("_"): text for name, text in span.items() if text is not None}
    with Reader(address, token) as reader:
        figures = gather(reader, Query(named, limit, given))
    with printing():
        _print(figures, address.url, as_json=as_json)
    return 0


def _print(figures: Figures, url: str, *, as_json: bool) -> None:
    if as_json or not is_terminal():
        for line in json_lines(figures) if as_json else lines(figures):
            sys.stdout.write(line + "\n")
        note = figures.note or ("" if figures.pages else "nobody is here")
        if note:
            sys.stderr.write(f"nannin: {note}\n")
        return
    from rich.console import Console  # it takes 50 ms, which a pipe need not wait for

    from nannin.cli.stats.table import draw

    console = Console(highlight=False)
    console.print(draw(figures, url, console))
