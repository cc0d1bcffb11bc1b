"""When the garbage collector walks through how much."""

from __future__ import annotations

from types import ModuleType
from typing import cast

import pytest

from nannin.server.garbage import SHORT_S, THRESHOLDS, WHOLE_EVERY_S, Garbage


class FakeCollector:
    """Python's collector, which does nothing but remember."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.callbacks: list[object] = []

    def collect(self) -> None:
        self.done.append("collect")

    def freeze(self) -> None:
        self.done.append("freeze")

    def unfreeze(self) -> None:
        self.done.append("unfreeze")

    def set_threshold(self, *thresholds: int) -> None:
        self.done.append(f"set {thresholds}")


class Yard:
    def __init__(self) -> None:
        self.collector = FakeCollector()
        self.now = 1_000.0
        self.garbage = Garbage(cast(ModuleType, self.collector), lambda: self.now)

    def collection(self, took_s: float, generation: int = 2) -> list[str]:
        """What is done around a collection that takes so long."""
        self.collector.done.clear()
        self.garbage.watch("start", {"generation": generation})
        self.now += took_s
        self.garbage.watch("stop", {"generation": generation})
        return list(self.collector.done)


def test_once_all_is_loaded_it_is_set_aside() -> None:
    yard = Yard()
    yard.garbage.relax()
    assert yard.collector.done == ["collect", "freeze", f"set {THRESHOLDS}"]
    assert yard.collector.callbacks == [yard.garbage.watch]


@pytest.mark.parametrize("generation", [0, 1])
def test_nothing_is_done_for_the_young(generation: int) -> None:
    assert Yard().collection(0.01, generation) == []


def test_everything_is_walked_through_each_time_while_that_is_short() -> None:
    yard = Yard()
    for _ in range(5):
        assert yard.collection(SHORT_S - 0.01) == ["unfreeze", "freeze"]


def test_else_only_what_is_new_but_for_now_and_then() -> None:
    yard = Yard()
    began_s = yard.now
    yard.collection(SHORT_S + 0.01)
    assert yard.collection(0.01) == ["freeze"]
    yard.now = began_s + WHOLE_EVERY_S - 1
    assert yard.collection(0.01) == ["freeze"]
    yard.now = began_s + WHOLE_EVERY_S
    assert yard.collection(0.5) == ["unfreeze", "freeze"]
    assert yard.collection(0.01) == ["freeze"]


def test_what_was_set_aside_in_several_walks_adds_up() -> None:
    yard = Yard()
    yard.collection(SHORT_S / 2)
    yard.now += WHOLE_EVERY_S
    yard.collection(SHORT_S + 0.01)
    assert yard.collection(SHORT_S / 2) == ["freeze"]
    yard.now += WHOLE_EVERY_S
    yard.collection(SHORT_S / 2)
    assert yard.collection(SHORT_S / 2) == ["unfreeze", "freeze"]
