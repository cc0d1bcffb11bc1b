"""What the web asks about the past: a port that the recorder of the history fills."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from nannin.history.points import Metric, Peak, Point, Step

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

T = TypeVar("T")


class HistoryStore(Protocol):
    """What is read from the history. Its calls wait for a disk or a database."""

    def series(self, page: str, from_s: int, to_s: int, step: Step, zone: ZoneInfo) -> Sequence[Point]:
        """Each step of a span of time, in order, also those of which nothing is known."""

    def peaks(self, page: str | None, metric: Metric | None, limit: int) -> Sequence[Peak]:
        """The greatest numbers that there ever were, of one page or of all, the greatest first."""

    def pages(self, limit: int, after: str = "") -> Sequence[str]:
        """The pages that there is history of, sorted, from the one after a key on."""


class HistorySource(Protocol):
    """Where observers read the history."""

    async def ask(self, function: Callable[[HistoryStore], T]) -> T:
        """What a function makes of the history, in the history's thread.

        Raises:
            HistoryError: the history can't be read now.
        """
