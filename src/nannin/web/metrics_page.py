"""The metrics of all workers as one page, in OpenMetrics or in Prometheus' older text.

It is made in a thread, and prometheus-client is loaded for the first page.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from nannin.engine.send_all import IS_NATIVE
from nannin.web.metric_parts import Value
from nannin.web.metric_table import BUILD, METRICS, UP, Kind, Metric

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Family

__all__ = ["Readings", "render", "wants_openmetrics"]

# What each worker has read, by its name; None for one that did not answer.
Readings = Mapping[str, Mapping[str, Value] | None]

_OPENMETRICS: Final = "application/openmetrics-text"


def wants_openmetrics(accept: str) -> bool:
    """Whether a client would rather have OpenMetrics than the older text, by its Accept header.

    Source: RFC 9110, section 12.5.1. Prometheus asks for OpenMetrics first.
    """
    weights: dict[str, float] = {}
    for one in accept.split(","):
        kind, *parameters = (part.strip() for part in one.split(";"))
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "q":
                try:
                    weight = float(value)
                except ValueError:
                    weight = 0.0
        weights[kind.lower()] = max(weight, weights.get(kind.lower(), 0.0))
    text = weights.get("text/plain", weights.get("text/*", weights.get("*/*", 0.0)))
    return weights.get(_OPENMETRICS, 0.0) > 0 and weights[_OPENMETRICS] >= text


def render(readings: Readings, *, openmetrics: bool) -> tuple[bytes, str]:
    """The page and its content type.

    Args:
        readings: what all workers have read.
        openmetrics: whether it is in OpenMetrics.
    """
    from prometheus_client import CollectorRegistry, exposition
    from prometheus_client.openmetrics import exposition as openmetrics_exposition

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(readings))
    if openmetrics:
        page: bytes = openmetrics_exposition.generate_latest(registry)  # type: ignore[no-untyped-call]
        return page, openmetrics_exposition.CONTENT_TYPE_LATEST
    return exposition.generate_latest(registry), "text/plain; version=0.0.4; charset=utf-8"


class _Collector:
    """Gives prometheus-client what was read.

    Args:
        readings: as for `render`.
    """

    def __init__(self, readings: Readings) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Family]:
        """Each metric that some worker has a value of."""
        for metric in METRICS:
            family = (
                self._build() if metric is BUILD else self._up() if metric is UP else self._family(metric)
            )
            if family.samples:
                yield family

    def _build(self) -> Family:
        from importlib.metadata import version

        from prometheus_client.metrics_core import InfoMetricFamily

        values = {
            "version": version("nannin"),
            "python": ".".join(map(str, sys.version_info[:3])),
            "native": str(IS_NATIVE).lower(),
        }
        return InfoMetricFamily(BUILD.name, BUILD.help, values)

    def _up(self) -> Family:
        from prometheus_client.metrics_core import GaugeMetricFamily

        family = GaugeMetricFamily(UP.name, UP.help, labels=["worker"])
        for worker, values in self._readings.items():
            if worker.isdecimal():  # and doesn't only say goodbye
                family.add_metric([worker], float(values is not None))
        return family

    def _family(self, metric: Metric) -> Family:
        from prometheus_client.metrics_core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        labels = [*([] if metric.is_one else ["worker"]), *([metric.label] if metric.label else [])]
        found = {
            worker: values[metric.name]
            for worker, values in self._readings.items()
            if values is not None and metric.name in values
        }
        if metric.is_one:  # another that has it was the one a moment ago
            found = dict(list(found.items())[:1])
        if metric.kind is Kind.HISTOGRAM:
            histogram = HistogramMetricFamily(metric.name, metric.help, labels=labels)
            for worker, value in found.items():
                assert isinstance(value, list)
                *counts, total = value
                bounds = [*map(_bound, metric.bounds), "+Inf"]
                sums = accumulate(counts)
                histogram.add_metric([worker], list(zip(bounds, sums, strict=True)), total)
            return histogram
        make = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
        family = make(metric.name, metric.help, labels=labels)
        for worker, value in found.items():
            own = [] if metric.is_one else [worker]
            if isinstance(value, dict):
                for label, number in value.items():
                    family.add_metric([*own, label], number)
            else:
                assert not isinstance(value, list)
                family.add_metric(own, value)
        return family


def _bound(bound: float) -> str:
    """A bound as its label has it: `0.5`, `1.0`."""
    return str(float(bound))
