"""The items of the campaign, and running them."""

from __future__ import annotations

import dataclasses
import importlib
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from torture.ground import Figures, Ground, attacked

Attack = Callable[[Ground], None]

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
)
LATER: Final = dict.fromkeys([1, 2, 3, 4, 5, 8, 9, 14, 31, 32, 33, 34, 35, 36, 37], "several workers")
"""Items of which there is no code yet, and what they wait for."""


@dataclasses.dataclass(frozen=True)
class Item:
    """One item: its number, what it does, and how.

    Args:
        number: which one it is, of those that nannin must survive.
        title: in a few words.
        attack: does it, and asserts what the attacker is told.
        settings: flags of the server that is attacked.
        descriptors: how many files and sockets that may have open; None for as many as we may.
        keeps_history: whether it keeps history, in the ground's folder.
    """

    number: int
    title: str
    attack: Attack
    settings: tuple[str, ...]
    descriptors: int | None = None
    keeps_history: bool = False


@dataclasses.dataclass(frozen=True)
class Result:
    """What came of an item: `problem` is empty if the server held."""

    item: Item
    problem: str
    took_s: float
    figures: Figures


_ITEMS: Final[list[Item]] = []


def item(
    number: int, title: str, *settings: str, descriptors: int | None = None, keeps_history: bool = False
) -> Callable[[Attack], Attack]:
    """Registers a function as an attack."""

    def register(attack: Attack) -> Attack:
        _ITEMS.append(Item(number, title, attack, settings, descriptors, keeps_history))
        return attack

    return register


def items() -> list[Item]:
    """All of them, by their numbers."""
    for module in MODULES:
        importlib.import_module(f"torture.{module}")
    return sorted(_ITEMS, key=lambda each: each.number)


def run(one: Item, *, is_full: bool) -> Result:
    """Runs one item against a server of its own.

    Raises:
        Nothing: whatever goes wrong is the result's problem.
    """
    began = time.monotonic()
    figures = Figures()
    problem = ""
    try:
        with attacked(
            *one.settings, is_full=is_full, descriptors=one.descriptors, keeps_history=one.keeps_history
        ) as ground:
            figures = ground.figures
            one.attack(ground)
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
