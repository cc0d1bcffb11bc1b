"""The reads of one node: the totals that may be old, and that it asks the census for again."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from nannin.audience.census_calls import Call, Read
from nannin.audience.known_pages import KnownPages

# How many pages one read asks for.
_PAGES = 500


class Reads:
    """The pages whose totals are to be read, and the calls that read some.

    Args:
        pages: those that the node knows of.
        next_call: gives a number for a call.
    """

    def __init__(self, pages: KnownPages, next_call: Callable[[], int]) -> None:
        self._pages = pages
        self._next_call = next_call
        self._to_read: dict[str, None] = {}
        self._under_way: set[int] = set()

    def __contains__(self, call: int) -> bool:
        """Whether it waits for an answer."""
        return call in self._under_way

    def want(self, pages: Iterable[str]) -> None:
        """These are to be read, too. The node knows of them."""
        self._to_read |= dict.fromkeys(pages)

    def forget(self, page: str) -> None:
        """A page need not be read any more."""
        self._to_read.pop(page, None)

    def clear(self) -> None:
        """Nothing need be read, and no answer is waited for any more."""
        self._to_read.clear()
        self._under_way.clear()

    def take(self) -> list[Call]:
        """The calls to send now. A page that is written is not read: the write's answer says its total."""
        pages = [page for page in self._to_read if not self._pages.of(page).is_writing()]
        self._to_read.clear()
        calls: list[Call] = []
        for start in range(0, len(pages), _PAGES):
            call = self._next_call()
            self._under_way.add(call)
            calls.append(Read(call, pages[start : start + _PAGES]))
        return calls

    def answer(self, call: int) -> None:
        """The census has answered a read that waited for it."""
        self._under_way.remove(call)
