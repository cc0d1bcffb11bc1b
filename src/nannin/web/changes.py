"""Which pages have changed, kept once for all streams that are told of every page.

However many streams there are, and however slowly they read, each page takes one entry: a stream holds only
how far it has come. Nothing here goes through all pages at once, of which there may be very many, but for a
copy of the list of their keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final

from nannin.audience.roster import Count
from nannin.web.counts import CountSource

# How many changes make a block.
BLOCK: Final = 1_024
# How many blocks that everybody has heard of are dropped for each one that begins.
_DROPPED_AT_ONCE: Final = 4
# A dict keeps its size when entries leave it: with so many left, a block becomes a smaller one.
_SHRINKS_AT: Final = frozenset({4, 16, 64, 256})


class Reader:
    """How far one stream has come.

    Attributes:
        start: the pages that there were when the list was copied with which it begins.
        told: how many of them it was told of.
        at: the place of the next change that it is told of.
        begun: the place of the first change after it began.
    """

    __slots__ = ("at", "begun", "start", "told")

    def __init__(self, start: Sequence[str], at: int, begun: int) -> None:
        self.start = start
        self.told = 0
        self.at = at
        self.begun = begun


class Changes:
    """The pages in the order of their last changes. Each change has a place: the first has 0, the next 1.

    Args:
        source: whose pages.
        on_change: called after each change.
        block: how many changes make a block.
    """

    def __init__(self, source: CountSource, on_change: Callable[[], None], block: int = BLOCK) -> None:
        self._source = source
        self._on_change = on_change
        self._block = block
        self._next = 0  # the place of the next change
        self._places: dict[str, int] = {}  # of each page's last change
        self._blocks: dict[int, dict[int, str]] = {}  # the same the other way round, in the order of places
        self._empty: set[str] = set()  # pages that nobody is on any more, for those who have yet to hear that
        self._readers: dict[Reader, None] = {}
        self._start: list[str] | None = None  # the pages that there were, for those who begin soon
        self._start_at = 0  # before which change that was

    def __len__(self) -> int:
        """How many pages it has an entry of."""
        return len(self._places)

    def open(self) -> Reader:
        """A stream begins: it is told of all pages that somebody is on, and then of all changes."""
        if not self._readers:
            self._source.watch(self, None)
        if self._start is None:
            self._start, self._start_at = list(self._source.pages()), self._next
        reader = Reader(self._start, self._start_at, self._next)
        self._readers[reader] = None
        return reader

    def close(self, reader: Reader) -> None:
        """A stream has ended."""
        del self._readers[reader]
        if not self._readers:
            self._source.unwatch(self, None)
            self._places, self._blocks, self._empty, self._start = {}, {}, set(), None

    def hear(self, page: str, count: Count) -> None:
        """A page has changed."""
        self._drop_entry(page)
        number, index = divmod(self._next, self._block)
        if not index:
            self._drop_heard()
        self._places[page] = self._next
        self._blocks.setdefault(number, {})[self._next] = page
        self._next += 1
        if not any(count):
            self._empty.add(page)
        else:
            self._empty.discard(page)
        self._on_change()

    def news(self, reader: Reader) -> Iterator[str]:
        """The pages that the reader has yet to be told of; each one counts as told once it is returned."""
        while reader.told < len(reader.start):
            page = reader.start[reader.told]
            reader.told += 1
            if self._places.get(page, -1) < reader.at:  # else it is told of that change
                yield page
        reader.start, reader.told = (), 0
        while reader.at < self._next:
            number = reader.at // self._block
            there = min(self._next, (number + 1) * self._block)
            for place, page in list(self._blocks.get(number, {}).items()):
                if place < reader.at or self._places.get(page) != place:
                    continue
                reader.at = place + 1
                if page not in self._empty or place >= reader.begun:
                    yield page
            reader.at = max(reader.at, there)

    def _drop_entry(self, page: str) -> None:
        place = self._places.pop(page, None)
        if place is None:
            return
        number = place // self._block
        block = self._blocks[number]
        del block[place]
        if not block:
            del self._blocks[number]
        elif len(block) in _SHRINKS_AT:
            self._blocks[number] = dict(block)

    def _drop_heard(self) -> None:
        """Drops the oldest changes, if everybody has heard of them, and whoever begins will not need them."""
        if self._start is not None and self._next - self._start_at > len(self._start) // 2 + self._block:
            self._start = None  # the next one begins with a new list
        heard = min((reader.at for reader in self._readers), default=self._next)
        if self._start is not None:
            heard = min(heard, self._start_at)
        for number in list(islice(self._blocks, _DROPPED_AT_ONCE)):
            if (number + 1) * self._block > heard:
                break
            for page in self._blocks.pop(number).values():
                del self._places[page]
                self._empty.discard(page)
