"""Every metric, once: its name, its kind, what it says, and where its value comes from.

A label has few values, all known beforehand. A page's key is never one: anybody can make up pages.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from typing import Final, NamedTuple

from nannin.access.refusals import AT_THE_DOOR, Refusal
from nannin.hub.figures import FAN_OUT_BOUNDS_S, Histogram
from nannin.hub.pulse import BOUNDS_S
from nannin.web import own_process
from nannin.web.metric_parts import Parts, Value

__all__ = ["BUILD", "METRICS", "UP", "Kind", "Metric", "read_all"]


class Kind(enum.Enum):
    """What kind of a metric it is, in the words of OpenMetrics."""

    COUNTER = "counter"  # its samples' names end with _total
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"  # its sample's name ends with _info


class Metric(NamedTuple):
    """One metric.

    Attributes:
        name: its name, without the `_total` of a counter's sample.
        kind: as above.
        help: what it says, in a sentence.
        read: its value; None where there is none.
        label: what its values are told apart by, besides the worker.
        bounds: those of a histogram.
        is_one: whether one worker alone has it, so that it goes without the worker's label.
    """

    name: str
    kind: Kind
    help: str
    read: Callable[[Parts], Value | None]
    label: str = ""
    bounds: tuple[float, ...] = ()
    is_one: bool = False

    @property
    def sample(self) -> str:
        """The name that its sample has, or the beginning of a histogram's."""
        return self.name + {Kind.COUNTER: "_total", Kind.INFO: "_info"}.get(self.kind, "")


def read_all(parts: Parts) -> dict[str, Value]:
    """The values of all metrics that have one, by name."""
    found = ((metric.name, metric.read(parts)) for metric in METRICS)
    return {name: value for name, value in found if value is not None}


def _listed(histogram: Histogram) -> list[float]:
    return [*histogram.counts, histogram.total]


def _refusals(parts: Parts) -> dict[str, float]:
    tally = parts.hub.refusals.tally
    return {refusal.value: tally[refusal] + AT_THE_DOOR.tally[refusal] for refusal in Refusal}


def _pages(parts: Parts) -> float:
    roster = parts.hub.roster
    return len(roster.pages()) - sum(map(roster.is_held, parts.groups()))


def _of_hooks(name: str) -> Callable[[Parts], float | None]:
    def read(parts: Parts) -> float | None:
        hooks = parts.hooks()
        number: int | None = None if hooks is None else getattr(hooks, name)
        return number

    return read


def _opened(parts: Parts) -> dict[str, float]:
    figures = parts.hub.figures
    return {"polling": figures.opened_by_polling, "websocket": figures.opened_by_websocket}


def _nodes(parts: Parts) -> float | None:
    node = parts.node
    return None if node is None or math.isinf(node.beaten_s) else 1 + len(node.others)


def _beat_age_s(parts: Parts) -> float | None:
    node = parts.node
    return None if node is None or math.isinf(node.beaten_s) else max(0.0, parts.now() - node.beaten_s)


def _total(index: int) -> Callable[[Parts], float | None]:
    return lambda parts: None if parts.totals is None else parts.totals[index]


_counter, _gauge = Kind.COUNTER, Kind.GAUGE

# These two come from whoever asks all workers, and not from one of them.
UP: Final = Metric(
    "nannin_worker_up", _gauge, "Whether the worker answers: its numbers are on this page.", lambda _: None
)
BUILD: Final = Metric(
    "nannin_build", Kind.INFO, "The version, Python's, and whether the part in C is in use.", lambda _: None
)

METRICS: Final = (
    UP,
    BUILD,
    Metric(
        "nannin_ready",
        _gauge,
        "Whether new clients are welcome, as /readyz says.",
        lambda parts: float(not parts.why_not_ready()),
    ),
    Metric(
        "nannin_sessions",
        _gauge,
        "Sessions that are open, by the transport that carries them now.",
        lambda parts: dict(parts.transports),
        "transport",
    ),
    Metric(
        "nannin_connections",
        _gauge,
        "Connections that are on a page and counted, without those in grace.",
        lambda parts: parts.hub.figures.connections,
    ),
    Metric(
        "nannin_observers",
        _gauge,
        "Connections that are told of a page without being counted.",
        lambda parts: parts.hub.figures.observers,
    ),
    Metric("nannin_streams", _gauge, "Event streams that are open.", lambda parts: parts.streams()),
    Metric(
        "nannin_pages",
        _gauge,
        "Pages that somebody of this worker is on.",
        _pages,
    ),
    Metric(
        "nannin_sessions_opened", _counter, "Sessions opened, by their first transport.", _opened, "transport"
    ),
    Metric(
        "nannin_sessions_ended",
        _counter,
        "Sessions ended, by the reason; a slow client is one that did not read.",
        lambda parts: {reason.value: number for reason, number in parts.hub.figures.ended.items()},
        "reason",
    ),
    Metric(
        "nannin_joins",
        _counter,
        "Connections that were counted on a page, those that came back within grace too.",
        lambda parts: parts.hub.figures.joins,
    ),
    Metric(
        "nannin_leaves",
        _counter,
        "Connections that left a page, by the reason.",
        lambda parts: {reason.value: number for reason, number in parts.hub.figures.leaves.items()},
        "reason",
    ),
    Metric(
        "nannin_refusals", _counter, "Clients and requests turned away, by the reason.", _refusals, "reason"
    ),
    Metric(
        "nannin_crawler_sessions",
        _counter,
        "Sessions that crawlers have opened.",
        lambda parts: parts.hub.crawlers,
    ),
    Metric(
        "nannin_application_errors",
        _counter,
        "Errors that the application's functions raised.",
        lambda parts: parts.hub.mistakes.number,
    ),
    Metric(
        "nannin_send_errors",
        _counter,
        "Errors that another server than nannin serve raised when it was to send to a WebSocket.",
        lambda parts: parts.unsent(),
    ),
    Metric(
        "nannin_updates",
        _counter,
        "How often the clients on a page were told its count.",
        lambda parts: parts.hub.figures.updates,
    ),
    Metric(
        "nannin_deliveries",
        _counter,
        "Clients told a count, without what each is told when it joins.",
        lambda parts: parts.hub.figures.deliveries,
    ),
    Metric(
        "nannin_fan_out_seconds",
        Kind.HISTOGRAM,
        "Seconds from the first to the last client told, for each update.",
        lambda parts: _listed(parts.hub.figures.fan_outs),
        bounds=FAN_OUT_BOUNDS_S,
    ),
    Metric(
        "nannin_fan_out_busy_seconds",
        _counter,
        "Seconds of the event loop spent on telling counts.",
        lambda parts: parts.hub.figures.busy_s,
    ),
    Metric(
        "nannin_loop_lag_seconds",
        Kind.HISTOGRAM,
        "Seconds by which the event loop came late to a timer, four times a second since the first scrape.",
        lambda parts: _listed(parts.pulse.lateness),
        bounds=BOUNDS_S,
    ),
    Metric(
        "nannin_nodes",
        _gauge,
        "Nodes that come to one count, this one among them.",
        _nodes,
    ),
    Metric(
        "nannin_backplane_beat_age_seconds",
        _gauge,
        "Seconds since the backplane last answered this node's sign of life, which it sends each 5 s.",
        _beat_age_s,
    ),
    Metric(
        "nannin_backplane_stale",
        _gauge,
        "Whether counts may be old, since the other nodes can't be reached.",
        lambda parts: None if parts.node is None else float(parts.node.share.stale),
    ),
    Metric(
        "nannin_history_leader",
        _gauge,
        "Whether this worker is the historian, who writes the totals of all nodes.",
        lambda parts: None if parts.history is None else float(parts.history.is_leader),
    ),
    Metric(
        "nannin_history_lag_seconds",
        _gauge,
        "Seconds for which the oldest row of the history has been waiting to be written.",
        lambda parts: None if parts.history is None else parts.history.lag_s,
    ),
    Metric(
        "nannin_history_dropped",
        _counter,
        "Rows of the history that could not be written.",
        lambda parts: None if parts.history is None else parts.history.dropped,
    ),
    Metric(
        "nannin_hooks_waiting", _gauge, "Notices of hooks that wait to be delivered.", _of_hooks("waiting")
    ),
    Metric("nannin_hooks_delivered", _counter, "Notices of hooks delivered.", _of_hooks("delivered")),
    Metric("nannin_hooks_failed", _counter, "Attempts to deliver a notice that failed.", _of_hooks("failed")),
    Metric("nannin_hooks_dropped", _counter, "Notices of hooks given up.", _of_hooks("dropped")),
    Metric(
        "nannin_cluster_pages", _gauge, "Pages that somebody is on, over all nodes.", _total(0), is_one=True
    ),
    Metric(
        "nannin_cluster_connections",
        _gauge,
        "Connections of all pages over all nodes, those in grace too.",
        _total(1),
        is_one=True,
    ),
    Metric(
        "nannin_cluster_visitors",
        _gauge,
        "Visitors of all pages over all nodes; who is on two pages counts for both.",
        _total(2),
        is_one=True,
    ),
    Metric(
        "process_cpu_seconds",
        _counter,
        "Seconds of a core that the process has used.",
        lambda _: own_process.cpu_s(),
    ),
    Metric(
        "process_resident_memory_bytes",
        _gauge,
        "Memory of the process.",
        lambda _: own_process.memory_bytes(),
    ),
    Metric("process_open_fds", _gauge, "Descriptors in use.", lambda _: own_process.open_descriptors()),
    Metric(
        "process_max_fds", _gauge, "Descriptors that there may be.", lambda _: own_process.most_descriptors()
    ),
    Metric(
        "process_start_time_seconds",
        _gauge,
        "When the process began, in Unix seconds.",
        lambda _: own_process.started_unix_s(),
    ),
)
