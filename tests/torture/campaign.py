"""The items of the campaign, and running them."""

from __future__ import annotations

import dataclasses
import importlib
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from torture.ground import Figures, Ground, attacked
from torture.site import Site, besieged

MODULES: Final = (
    "faults",
    "loads",
    "history",
    "tcp",
    "http",
    "websocket",
    "edges",
    "engine_io",
    "socket_io",
    "web",
    "nodes",
    "redis_away",
    "published",
    "redis_data",
    "two_sites",
)


class Place(Protocol):
    """Where an attack is made."""

    figures: Figures


class Open(Protocol):
    """Opens that place, and holds it at the end to what is always true."""

    def __call__(self, *, is_full: bool) -> AbstractContextManager[Any]: ...


PlaceT = TypeVar("PlaceT", bound=Place)


@dataclasses.dataclass(frozen=True)
class Item:
    """One item: its number, what it does, and how.

    Args:
        number: which one it is, of those that nannin must survive.
        title: in a few words.
        attack: does it, and asserts what the attacker is told.
        open: opens what is attacked.
        is_long: whether it is left out of the short form.
    """

    number: int
    title: str
    attack: Callable[[Any], None]
    open: Open
    is_long: bool = False


@dataclasses.dataclass(frozen=True)
class Result:
    """What came of an item: `problem` is empty if the server held."""

    item: Item
    problem: str
    took_s: float
    figures: Figures


_ITEMS: Final[list[Item]] = []


def item(
    number: int,
    title: str,
    *settings: str,
    is_long: bool = False,
    descriptors: int | None = None,
    keeps_history: bool = False,
) -> Callable[[Callable[[Ground], None]], Callable[[Ground], None]]:
    """Registers a function as an attack on one server.

    Args:
        number, title, is_long: as in `Item`.
        settings, descriptors, keeps_history: as in `attacked`.
    """
    opens = partial(attacked, *settings, descriptors=descriptors, keeps_history=keeps_history)
    return partial(_register, number, title, opens, is_long)


def site_item(
    number: int, title: str, *settings: str, is_long: bool = True, **options: Any
) -> Callable[[Callable[[Site], None]], Callable[[Site], None]]:
    """Registers a function as an attack on several servers over one Redis.

    Args:
        number, title, is_long: as in `Item`.
        settings, options: as in `besieged`.
    """
    return partial(_register, number, title, partial(besieged, *settings, **options), is_long)


def _register(
    number: int, title: str, opens: Open, is_long: bool, attack: Callable[[PlaceT], None]
) -> Callable[[PlaceT], None]:
    _ITEMS.append(Item(number, title, attack, opens, is_long))
    return attack


def items() -> list[Item]:
    """All of them, by their numbers."""
    for module in MODULES:
        importlib.import_module(f"torture.{module}")
    return sorted(_ITEMS, key=lambda each: each.number)


def run(one: Item, *, is_full: bool) -> Result:
    """Runs one item against servers of its own.

    Raises:
        Nothing: whatever goes wrong is the result's problem.
    """
    began = time.monotonic()
    figures = Figures()
    problem = ""
    try:
        with one.open(is_full=is_full) as place:
            figures = place.figures
            one.attack(place)
    except Exception as error:  # noqa: BLE001 - whatever it is, the next item has its turn
        problem = f"{type(error).__name__}: {error}"
    return Result(one, problem, time.monotonic() - began, figures)


def run_all(chosen: Iterable[Item], *, is_full: bool, at_once: int) -> Iterator[Result]:
    """Runs items, several at once where their time is mostly waiting; the results come in their order."""
    with ThreadPoolExecutor(at_once) as threads:
        yield from threads.map(lambda one: run(one, is_full=is_full), chosen)


def table(results: Iterable[Result]) -> str:
    """The results as lines: each item, whether it held, and its figures."""
    lines = [f"{'item':>4}  {'held':4}  {'s':>6}  {'p99 ms':>7}  {'MB left':>7}  what"]
    for result in results:
        figures = result.figures
        held = "NO" if result.problem else "yes"
        notes = "; ".join([result.item.title, *figures.notes])
        lines.append(
            f"{result.item.number:>4}  {held:4}  {result.took_s:6.1f}  {figures.witness_p99_ms:7.1f}"
            f"  {figures.memory_mb:7.1f}  {notes}"
        )
        if result.problem:
            lines.append(f"      {result.problem}")
    return "\n".join(lines)
