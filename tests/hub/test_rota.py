"""Whose turn it is among fan-outs of all sizes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from nannin.hub.fan_out import FanOut
from nannin.hub.rota import Rota


def fan_out(recipients: int) -> FanOut:
    return cast(FanOut, SimpleNamespace(recipients=recipients))


def sizes(rota: Rota) -> list[list[int]]:
    return [[one.recipients for one in rank] for rank in rota.ranks()]


def test_fan_outs_of_about_the_same_size_take_turns_in_one_rank() -> None:
    rota = Rota()
    first, second = fan_out(2), fan_out(3)
    rota.add(first)
    rota.add(second)
    (rank,) = rota.ranks()
    rota.add(rank.popleft())
    assert list(rank) == [second, first]


def test_others_are_in_ranks_of_their_own() -> None:
    rota = Rota()
    for recipients in (1, 1, 2, 40, 10_000, 7, 3):
        rota.add(fan_out(recipients))
    assert sizes(rota) == [[1, 1], [2, 3], [40], [10_000], [7]]
    assert len(rota) == 7


@pytest.mark.parametrize("again", [False, True])
def test_an_empty_rank_is_none(again: bool) -> None:
    rota = Rota()
    rota.add(fan_out(1))
    (rank,) = rota.ranks()
    taken: Any = rank.popleft()
    if again:
        rota.add(taken)
    assert (bool(rota), sizes(rota)) == (again, [[1]] if again else [])
