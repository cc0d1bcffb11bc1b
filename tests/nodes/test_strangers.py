"""Nodes of another site with the same prefix are noticed, and named once."""

from __future__ import annotations

import pytest

from nannin.nodes.strangers import Strangers

OURS = Strangers((("/shop/*",), None), "nannin")
THEIRS = Strangers((("/blog/*",), None), "nannin")


def value(strangers: Strangers, id: str) -> str:
    return strangers.epoch(id) + ":7:8"


def test_nodes_of_one_site_are_no_strangers(caplog: pytest.LogCaptureFixture) -> None:
    other = Strangers((("/shop/*",), None), "nannin")
    other.look({1: value(OURS, "a"), 2: value(OURS, "b-_"), 3: OURS.epoch("c") + ":-"})
    assert caplog.messages == []


def test_those_of_another_site_are_named_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        OURS.look({1: value(OURS, "a"), 2: value(THEIRS, "b"), 3: value(THEIRS, "c")})
    [message] = caplog.messages
    assert message.startswith("node 2 has the same redis_prefix (nannin)")


def test_a_name_without_a_mark_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    OURS.look({1: "epoch:1:2"})
    assert caplog.messages == []
