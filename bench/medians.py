"""Several runs as one figure with its spread: the median, the lowest and the highest."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

FiguresT = TypeVar("FiguresT")


@dataclasses.dataclass(frozen=True, slots=True)
class Spread(Generic[FiguresT]):
    """The figures of all runs of one contender.

    Attributes:
        median, low, high: every number by itself, so that they may be of different runs.
        runs: of how many runs they are.
    """

    median: FiguresT
    low: FiguresT
    high: FiguresT
    runs: int

    def text(self, cell: Callable[[FiguresT], str]) -> str:
        """A cell of a table: the median, and in brackets the lowest and the highest, if they differ."""
        low, high = cell(self.low), cell(self.high)
        if low == high:
            return cell(self.median)
        return f"{cell(self.median)} ({low.split()[0]}–{high})"


def spread_of(runs: Sequence[FiguresT]) -> Spread[FiguresT]:
    """Joins the figures of several runs.

    Args:
        runs: at least one dataclass; numbers are joined, notes are collected, and all must be exact. A number
            that a run has not measured is left out.
    """
    return Spread(*(_join(runs, pick) for pick in (statistics.median, min, max)), len(runs))


def spreads(runs: Iterable[FiguresT], key: Callable[[FiguresT], object]) -> list[Spread[FiguresT]]:
    """Joins those runs that have the same key, in the order in which the keys came first."""
    groups: dict[object, list[FiguresT]] = {}
    for figures in runs:
        groups.setdefault(key(figures), []).append(figures)
    return [spread_of(group) for group in groups.values()]


def _join(runs: Sequence[Any], pick: Callable[[list[float]], float]) -> Any:
    values = {}
    for field in dataclasses.fields(runs[0]):
        found = [getattr(figures, field.name) for figures in runs]
        values[field.name] = _join_values([value for value in found if value is not None], pick)
    return type(runs[0])(**values)


def _join_values(found: list[Any], pick: Callable[[list[float]], float]) -> Any:
    if not found:
        return None
    if isinstance(found[0], bool):
        return all(found)
    if isinstance(found[0], int):
        return round(pick(found))
    if isinstance(found[0], float):
        return pick(found)
    if isinstance(found[0], list):
        return list(dict.fromkeys(item for items in found for item in items))
    return found[0]
