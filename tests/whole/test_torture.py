"""The campaign in its short form: each attack on a server of its own, with a witness who has to be told."""

from __future__ import annotations

import pytest

from torture.campaign import Item, Result, items, run_all

ITEMS = items()
# Faults of several servers take their time: a node may stand still for 15 s.
SHORT = [item for item in ITEMS if not item.is_long]
# Most of an attack's time is waiting, for what the server does after some seconds.
AT_ONCE = 6
# What nannin must survive is numbered so far.
NUMBERS = range(1, 38)


@pytest.fixture(scope="module")
def results() -> dict[Item, Result]:
    return {result.item: result for result in run_all(SHORT, is_full=False, at_once=AT_ONCE)}


@pytest.mark.parametrize("item", SHORT, ids=lambda item: f"{item.number} {item.title}")
def test_the_server_holds(results: dict[Item, Result], item: Item) -> None:
    assert not results[item].problem


def test_every_item_is_tried() -> None:
    assert {item.number for item in ITEMS} == set(NUMBERS)
