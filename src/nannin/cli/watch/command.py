"""`nannin watch`: shows the counts of a running server until Ctrl-C."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from nannin.cli.output import is_terminal, printing
from nannin.cli.remote import Address, escape
from nannin.cli.watch.following import EVERY_PAGE, follow
from nannin.cli.watch.lines import JsonLines, Lines
from nannin.errors import SettingsError

_EXIT_TERMINATED = 128 + signal.SIGTERM


def run(
    url: str, pages: Sequence[str], *, as_json: bool, token: str | None = None, insecure: bool = False
) -> int:
    """Shows counts: a table in a terminal, lines elsewhere.

    Args:
        url: the server's address.
        pages: page keys; empty: every page with an audience.
        as_json: prints JSON, also in a terminal.
        token: the server's `read_token`, which a list of every page needs from another machine.
        insecure: takes any certificate.

    Returns:
        The exit code, once the user or the reader of the lines has ended it.

    Raises:
        SettingsError: the URL is not an address, or a page is not a page key.
        RemoteError: there is no such server, or it refuses.
    """
    address = Address(url, insecure=insecure)
    pages = tuple(dict.fromkeys(pages)) or (EVERY_PAGE,)
    for page in pages:
        if not page.startswith("/") and page != EVERY_PAGE:
            raise SettingsError(f"--page must start with / or be *, not {escape(page)[:80]}")
    signal.signal(signal.SIGTERM, _end)  # as Ctrl-C does, so that the table shows the cursor again
    with contextlib.suppress(KeyboardInterrupt), printing():
        _show(address, pages, as_json=as_json, token=token)
    return 0


def _show(address: Address, pages: Sequence[str], *, as_json: bool, token: str | None) -> NoReturn:
    if as_json or not is_terminal():
        follow(address, pages, JsonLines() if as_json else Lines(), token=token)
    from nannin.cli.watch.board import Board
    from nannin.cli.watch.table import LiveTable  # rich takes 50 ms, which a pipe need not wait for

    with LiveTable(address.url, Board(keeps_empty=EVERY_PAGE not in pages)) as table:
        follow(address, pages, table, token=token)


def _end(number: int, frame: object) -> NoReturn:
    sys.exit(_EXIT_TERMINATED)
