"""Which pages have changed, kept once for all streams that are told of every page.

However many streams there are, and however slowly they read, each page takes one entry: a stream holds only
how far it has come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from nannin.audience.roster import Count
from nannin.web.counts import CountSource

# Entries that may come, beside as many as there are, before those that are stale are dropped.
_MAX_STALE = 1_024


class Reader:
    """How far one stream has come.

    Attributes:
        at: the place of the next change that it is told of.
        begun: the place up to which it began with what was there, and not with what changed.
    """

    __slots__ = ("at", "begun")

    def __init__(self, begun: int) -> None:
        self.at = 0
        self.begun = begun


class Changes:
    """The pages in the order of their last changes.

    Args:
        source: whose pages.
        on_change: called after each change.
    """

    def __init__(self, source: CountSource, on_change: Callable[[], None]) -> None:
        self._source = source
        self._on_change = on_change
        self._order: list[str] = []  # with stale entries, of pages that have changed again
        self._places: dict[str, int] = {}  # where each page's entry is
        self._empty: set[str] = set()  # pages that nobody is on any more, for those who have yet to hear that
        self._readers: dict[Reader, None] = {}
        self._most = 0  # entries before they are closed up

    def __len__(self) -> int:
        """How many pages it has an entry of."""
        return len(self._places)

    def open(self) -> Reader:
        """A stream begins: it is told of all pages that somebody is on, and then of all changes."""
        if not self._readers:
            self._order = list(self._source.pages())
            self._places = {page: place for place, page in enumerate(self._order)}
            self._set_most()
            self._source.watch(self, None)
        reader = Reader(len(self._order))
        self._readers[reader] = None
        return reader

    def close(self, reader: Reader) -> None:
        """A stream has ended."""
        del self._readers[reader]
        if not self._readers:
            self._source.unwatch(self, None)
            self._order, self._places, self._empty = [], {}, set()

    def hear(self, page: str, count: Count) -> None:
        """A page has changed."""
        self._places[page] = len(self._order)
        self._order.append(page)
        if count == Count():
            self._empty.add(page)
        else:
            self._empty.discard(page)
        if len(self._order) > self._most:
            self._close_up()
        self._on_change()

    def has_news(self, reader: Reader) -> bool:
        """Whether something has changed since the reader was told last."""
        return reader.at < len(self._order)

    def news(self, reader: Reader) -> Iterator[str]:
        """The pages that the reader has yet to be told of; each one counts as told once it is returned."""
        while reader.at < len(self._order):
            place, page = reader.at, self._order[reader.at]
            reader.at += 1
            is_no_news = page in self._empty and place < reader.begun
            if self._places.get(page) == place and not is_no_news:
                yield page

    def _close_up(self) -> None:
        """Drops stale entries, and those of empty pages that everybody has heard of."""
        readers = sorted(self._readers, key=lambda reader: reader.at)
        slowest = readers[0].at
        order: list[str] = []
        moved = dict.fromkeys([place for reader in readers for place in (reader.at, reader.begun)], 0)
        for place, page in enumerate(self._order):
            if place in moved:
                moved[place] = len(order)
            if self._places[page] != place:
                continue
            if page in self._empty and place < slowest:
                del self._places[page]
                self._empty.discard(page)
            else:
                self._places[page] = len(order)
                order.append(page)
        moved[len(self._order)] = len(order)
        for reader in readers:
            reader.at, reader.begun = moved[reader.at], moved[reader.begun]
        self._order = order
        self._set_most()

    def _set_most(self) -> None:
        self._most = 2 * len(self._order) + _MAX_STALE
