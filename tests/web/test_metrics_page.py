"""The page of all metrics, read by the parsers of both formats."""

from __future__ import annotations

import sys

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from nannin.web.metric_parts import Value
from nannin.web.metric_table import METRICS, Kind
from nannin.web.metrics_page import Readings, render, wants_openmetrics

ALL: dict[str, Value] = {
    metric.name: {"some": 3.0, "other": 0.5}
    if metric.label
    else [1.0] * (len(metric.bounds) + 1) + [7.5]
    if metric.bounds
    else 2.0
    for metric in METRICS
}


def samples(readings: Readings, *, openmetrics: bool) -> dict[tuple[str, ...], float]:
    """Every sample of the page: its name, then its labels."""
    page, _ = render(readings, openmetrics=openmetrics)
    parse = parse_openmetrics if openmetrics else parse_text
    return {
        (sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))): sample.value
        for family in parse(page.decode())
        for sample in family.samples
    }


@pytest.mark.parametrize("openmetrics", [True, False])
def test_every_metric_is_on_the_page_with_the_worker_and_its_own_label(openmetrics: bool) -> None:
    found = samples({"1": ALL}, openmetrics=openmetrics)
    for metric in METRICS:
        mine = {key: value for key, value in found.items() if key[0].startswith(metric.sample)}
        assert mine, metric.name
    assert found["nannin_worker_up", "worker=1"] == 1
    assert found["nannin_joins_total", "worker=1"] == 2
    assert found["nannin_leaves_total", "reason=some", "worker=1"] == 3
    assert found["nannin_cluster_visitors",] == 2
    assert found["nannin_fan_out_seconds_count", "worker=1"] == 14
    assert found["nannin_fan_out_seconds_sum", "worker=1"] == 7.5
    assert found["nannin_fan_out_seconds_bucket", "le=0.5", "worker=1"] == 10
    assert found["nannin_fan_out_seconds_bucket", "le=+Inf", "worker=1"] == 14


def test_both_formats_say_the_same() -> None:
    readings: Readings = {"1": ALL, "2": ALL}
    assert samples(readings, openmetrics=True) == samples(readings, openmetrics=False)


def test_the_build_is_told_once() -> None:
    found = samples({"1": ALL, "2": ALL}, openmetrics=True)
    (key,) = [key for key in found if key[0] == "nannin_build_info"]
    _, native, python, version = key
    assert python == f"python={'.'.join(map(str, sys.version_info[:3]))}"
    assert version.startswith("version=")
    assert native in ("native=true", "native=false")


def test_a_worker_that_did_not_answer_is_down_and_has_no_numbers() -> None:
    found = samples({"1": ALL, "2": None, "2 leaving": {"nannin_joins": 9.0}}, openmetrics=True)
    ups = {key[1]: value for key, value in found.items() if key[0] == "nannin_worker_up"}
    assert ups == {"worker=1": 1, "worker=2": 0}
    joins = {key[1]: value for key, value in found.items() if key[0] == "nannin_joins_total"}
    assert joins == {"worker=1": 2, "worker=2 leaving": 9}


def test_what_one_worker_alone_has_is_told_once_and_what_nobody_has_is_not_told() -> None:
    found = samples(
        {"1": {}, "2": {"nannin_cluster_visitors": 4.0}, "3": {"nannin_cluster_visitors": 5.0}},
        openmetrics=True,
    )
    assert {key: value for key, value in found.items() if "up" not in key[0] and "build" not in key[0]} == {
        ("nannin_cluster_visitors",): 4
    }


def test_the_types_are_told() -> None:
    page, kind = render({"1": ALL}, openmetrics=True)
    assert kind.startswith("application/openmetrics-text; version=1.0.0")
    text = page.decode()
    for metric in METRICS:
        assert f"# TYPE {metric.name} {metric.kind.value}\n" in text
        assert f"# HELP {metric.name} {metric.help}\n" in text
    assert text.endswith("# EOF\n")
    older, kind = render({"1": ALL}, openmetrics=False)
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    kinds = {Kind.COUNTER: "counter", Kind.GAUGE: "gauge", Kind.HISTOGRAM: "histogram", Kind.INFO: "gauge"}
    for metric in METRICS:
        assert f"# TYPE {metric.sample} {kinds[metric.kind]}\n" in older.decode()


PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "wants"),
    [
        ("", False),
        ("*/*", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        (PROMETHEUS, True),
        ("application/openmetrics-text", True),
        ("Application/OpenMetrics-Text; version=1.0.0", True),
        ("application/openmetrics-text; Q=0.5, text/plain; q=0.6", False),
        ("text/plain, application/openmetrics-text", True),
        ("application/openmetrics-text;q=0, */*", False),
        ("application/openmetrics-text;q=x", False),
        ("application/openmetrics-text;q=nan", False),
        (";;;q=,,=;q=0.5\x00" * 500, False),
    ],
)
def test_a_client_gets_the_format_that_it_would_rather_have(accept: str, wants: bool) -> None:
    assert wants_openmetrics(accept) is wants
