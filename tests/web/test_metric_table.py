"""Every metric, and where its value comes from."""

from __future__ import annotations

import re

import pytest

from nannin.access.refusals import Refusal
from nannin.audience.roster import Roster
from nannin.audience.share import Share
from nannin.hub.pulse import Pulse
from nannin.nodes.node import Node
from nannin.web.metric_parts import PageNumbers, Parts, Totals
from nannin.web.metric_table import BUILD, METRICS, UP, Kind, read_all
from nannin.wire.disconnect_reason import DisconnectReason
from support.fake_clock import FakeClock
from support.fakes import House
from support.several_nodes import City

NAMES = [metric.name for metric in METRICS]


class FakeHistory:
    """A history that a test sets."""

    is_leader = True
    lag_s = 1.5
    dropped = 3

    def numbers(self) -> list[PageNumbers]:
        return []


def parts_of(house: House) -> Parts:
    return Parts(house.hub, house.clock.now, lambda: "", lambda: 4, Pulse(house.clock))


def test_names_follow_the_rules_of_prometheus() -> None:
    assert len(set(NAMES)) == len(NAMES)
    for metric in METRICS:
        assert re.fullmatch(r"(nannin|process)_[a-z_]+[a-z]", metric.name)
        assert not metric.name.endswith(("_total", "_info", "_count", "_sum", "_bucket"))
        assert metric.help.endswith(".")
        assert bool(metric.bounds) is (metric.kind is Kind.HISTOGRAM)
        assert metric.label in ("", "transport", "reason")


def test_what_a_house_without_others_has() -> None:
    house = House()
    for page in ("/", "/a"):
        house.hub.handlers.declare(page)
    house.client("/", visitor="ann").lose()
    house.client("/", visitor="ann")
    house.client("/a")
    house.client("/b")  # is refused
    house.client("/", observe=True)
    house.clock.advance(5)
    parts = parts_of(house)
    parts.transports = {"websocket": 4, "polling": 0}
    found = read_all(parts)
    assert found["nannin_ready"] == 1.0
    assert found["nannin_sessions"] == {"websocket": 4, "polling": 0}
    assert found["nannin_connections"] == 2
    assert found["nannin_observers"] == 1
    assert found["nannin_streams"] == 4
    assert found["nannin_pages"] == 2
    assert found["nannin_joins"] == 3
    assert found["nannin_leaves"] == {**dict.fromkeys(map(str, DisconnectReason), 0), "transport error": 1}
    refusals = found["nannin_refusals"]
    assert isinstance(refusals, dict)
    assert refusals.keys() == set(map(str, Refusal))
    assert refusals["page"] >= 1
    assert found["nannin_sessions_opened"] == {"polling": 0, "websocket": 5}
    opened = [metric for metric in METRICS if metric.name not in found]
    assert {metric.name for metric in opened} >= {
        UP.name,
        BUILD.name,
        "nannin_nodes",
        "nannin_backplane_beat_age_seconds",
        "nannin_backplane_stale",
        "nannin_history_lag_seconds",
        "nannin_cluster_visitors",
    }


def test_histograms_have_a_place_for_each_bound_and_beyond_and_their_sum() -> None:
    found = read_all(parts_of(House()))
    for metric in METRICS:
        if metric.kind is Kind.HISTOGRAM:
            value = found[metric.name]
            assert isinstance(value, list)
            assert len(value) == len(metric.bounds) + 2


def test_what_the_history_says_and_what_it_alone_knows() -> None:
    parts = parts_of(House())
    parts.history, parts.totals = FakeHistory(), Totals(2, 7, 5)
    found = read_all(parts)
    assert found["nannin_history_leader"] == 1.0
    assert (found["nannin_history_lag_seconds"], found["nannin_history_dropped"]) == (1.5, 3)
    assert found["nannin_cluster_pages"] == 2
    assert found["nannin_cluster_connections"] == 7
    assert found["nannin_cluster_visitors"] == 5


def test_a_node_says_how_many_there_are_and_since_when_it_has_heard_nothing() -> None:
    city = City(3)
    parts = parts_of(city.houses[0])
    parts.node = city.neighbours[0].reports._node
    city.clock.advance(6)
    found = read_all(parts)
    assert (found["nannin_nodes"], found["nannin_backplane_stale"]) == (3, 0.0)
    assert found["nannin_backplane_beat_age_seconds"] == pytest.approx(1.0)
    city.lines[0].cut()
    city.clock.advance(20)
    found = read_all(parts)
    assert (found["nannin_nodes"], found["nannin_backplane_stale"]) == (3, 1.0)
    assert found["nannin_backplane_beat_age_seconds"] == pytest.approx(21.0)


def test_a_node_that_has_heard_of_nobody_yet_does_not_know_how_many_there_are() -> None:
    parts = parts_of(House())
    parts.node = Node(Share(Roster(), "one"), FakeClock(), lambda ears: None)  # type: ignore[arg-type, return-value]
    found = read_all(parts)
    assert not {"nannin_nodes", "nannin_backplane_beat_age_seconds"} & found.keys()
    assert found["nannin_backplane_stale"] == 1.0


class FakeHooks:
    """Hooks that a test sets."""

    waiting, delivered, failed, dropped = 1, 20, 3, 4


def test_what_the_hooks_say() -> None:
    parts = parts_of(House())
    assert "nannin_hooks_waiting" not in read_all(parts)
    parts.hooks = FakeHooks
    found = read_all(parts)
    names = ("waiting", "delivered", "failed", "dropped")
    assert [found[f"nannin_hooks_{name}"] for name in names] == [1, 20, 3, 4]


def test_a_group_is_not_a_page() -> None:
    house = House(groups="/shop/*")
    house.client("/shop/1")
    house.client("/shop/2")
    parts = parts_of(house)
    assert read_all(parts)["nannin_pages"] == 3
    parts.groups = lambda: house.hub.handlers.groups.keys
    assert read_all(parts)["nannin_pages"] == 2


def test_why_it_is_not_ready_is_not_said_in_numbers() -> None:
    parts = parts_of(House())
    parts.why_not_ready = lambda: "stopping"
    assert read_all(parts)["nannin_ready"] == 0.0
