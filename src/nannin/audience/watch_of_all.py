"""Whether a node is told of every page, and whether it knows them all by now."""

from __future__ import annotations

from collections.abc import Callable

from nannin.audience.census_calls import Call, Watch
from nannin.audience.heard import Heard
from nannin.audience.writes import Then


class WatchOfAll:
    """A node's wish to be told of every page, which may change, and what the census knows of it.

    Args:
        is_forever: whether it is told of every page from the beginning to the end.

    Attributes:
        is_forever: as above.
        is_wanted: whether it has to be told of every page.
        knows_all: whether the node knows every page.
        is_kept: whether it goes on, whoever wants it no more.
        call: the `Watch` under way, or 0.
    """

    def __init__(self, is_forever: bool) -> None:
        self.is_forever = self.is_wanted = self.knows_all = is_forever
        self.is_kept = False
        self.call = 0
        self._is_due = False
        self._asked_for = False  # what the last call said
        self._thens: list[Then] = []

    def want(self, wanted: bool) -> None:
        """Wants it from now on, or no more."""
        wanted = wanted or self.is_kept
        if self.is_wanted is not wanted and not self.is_forever:
            self.is_wanted, self._is_due, self.knows_all = wanted, True, False

    def renew(self) -> None:
        """The link was lost: there may be pages that the node has never heard of."""
        self._is_due = self.is_wanted

    def wait(self, then: Then) -> bool:
        """Calls back once the node knows every page; False where it need not wait."""
        if self.is_wanted and not self.knows_all:
            self._thens.append(then)
            return True
        return False

    def register(self) -> bool:
        """The node registers, and says by that what it wants."""
        self._is_due, self._asked_for = False, self.is_wanted
        return self.is_wanted

    def take(self, next_call: Callable[[], int], number: int, epoch: str) -> list[Call]:
        """The call that is due, if any."""
        if not self._is_due or self.call:
            return []
        self.call, self._is_due, self._asked_for = next_call(), False, self.is_wanted
        return [Watch(self.call, number, epoch, self.is_wanted)]

    def answer(self, heard: Heard) -> None:
        """The census has done what the last call, or the registration, asked for."""
        self.call = 0
        if self._asked_for and self.is_wanted:
            self.knows_all = True
            heard.thens += self._thens
            self._thens = []

    def void(self) -> list[Then]:
        """Nothing is answered any more. Returns who waits, and need not any longer."""
        self._is_due = self._is_due or self.call != 0
        self.call = 0
        thens, self._thens = self._thens, []
        return thens
