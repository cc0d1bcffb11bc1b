"""Counts as a table in a terminal, redrawn as they change."""

from __future__ import annotations

import sys
import threading
import time
from typing import Final, Self

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from nannin.cli.sparks import draw_sparks
from nannin.cli.watch.board import Board, Row
from nannin.cli.watch.events import Update
from nannin.cli.watch.lines import complain

__all__ = ["LiveTable"]

_OTHER_LINES: Final = 5  # title, head, rule, the line below the table, and the cursor's own
# How wide a terminal must be to have each column, besides the page and its visitors.
_COLUMNS: Final = {"connections": 40, "visible": 50, "change": 60, "visitors lately": 80}
_PAUSE_S: Final = 0.1  # eyes need no more than ten pictures a second
_SHARE: Final = 0.2  # the part of the time that drawing may take, however many pages there are


class LiveTable:
    """A table that is redrawn in place. It is a context manager, since it hides the cursor.

    Args:
        url: the server's address, as the title shows it.
        board: keeps the rows.
        console: where it is drawn; None: the terminal.
    """

    def __init__(self, url: str, board: Board, console: Console | None = None) -> None:
        self._url, self._board = url, board
        self._console = console or Console(highlight=False)
        self._is_lost_since = ""
        self._changed, self._ended = threading.Event(), False
        self._live = Live(
            console=self._console,
            get_renderable=self.draw,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=sys.stderr.isatty(),
        )
        self._drawing = threading.Thread(target=self._draw_changes, daemon=True)

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        self._drawing.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended = True
        self._changed.set()
        self._drawing.join(1)
        self._live.stop()

    def opened(self) -> None:
        """Begins with an empty table."""
        self._is_lost_since = ""
        self._board.clear()
        self._changed.set()

    def update(self, update: Update) -> None:
        """Takes a count, which is drawn soon."""
        self._board.put(update)
        self._changed.set()

    def lost(self, reason: str) -> None:
        """Shows the rows as old."""
        self._is_lost_since = time.strftime("%H:%M:%S")
        complain(reason)
        self._changed.set()

    def draw(self) -> RenderableType:
        """The table as it is now, as high as the terminal allows."""
        is_lost = bool(self._is_lost_since)
        title = Text(self._url, style="bold", overflow="ellipsis", no_wrap=True)
        table = Table(title=title, expand=True, box=SIMPLE_HEAD, show_edge=False)
        table.add_column("page", ratio=1, no_wrap=True, overflow="ellipsis")
        table.add_column("visitors", justify="right", no_wrap=True)
        for heading, width in _COLUMNS.items():
            if self._console.width >= width:
                table.add_column(heading, justify="right", no_wrap=True)
        rows = self._board.top(max(1, self._console.height - _OTHER_LINES))
        for row in rows:
            table.add_row(*_cells(row)[: len(table.columns)], style="dim" if is_lost else None)
        hidden = len(self._board) - len(rows)
        words = [f"and {hidden:,} more pages"] if hidden > 0 else [] if rows else ["nobody is here"]
        if is_lost:
            words.append(f"no connection since {self._is_lost_since}")
        return Group(table, Text(" · ".join(words), style="red" if is_lost else "dim", no_wrap=True))

    def _draw_changes(self) -> None:
        while self._changed.wait() and not self._ended:
            self._changed.clear()
            began = time.monotonic()
            self._live.refresh()
            time.sleep(max(_PAUSE_S, (time.monotonic() - began) / _SHARE))


def _cells(row: Row) -> list[Text]:
    change = f"{row.change:+,}" if row.change else ""
    return [
        Text(row.update.label),
        Text(f"{'≈ ' if row.update.stale else ''}{row.update.visitors:,}", style="bold"),
        Text(f"{row.update.connections:,}"),
        Text(f"{row.update.visible:,}"),
        Text(change, style="green" if row.change > 0 else "red"),
        Text(draw_sparks(row.trail), style="cyan"),
    ]
