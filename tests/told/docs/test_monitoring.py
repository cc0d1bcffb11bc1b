"""docs/monitoring.md lists every metric, and its dashboard and alert rules ask for what there is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
import yaml

from nannin.access.refusals import Refusal
from nannin.server.json_lines import MAX_LINE_BYTES
from nannin.web.metric_table import BUILD, METRICS, Kind
from nannin.wire.disconnect_reason import DisconnectReason
from support.doc_pages import read

PAGE = "docs/monitoring.md"
BOARD = json.loads(read("docs/monitoring/nannin-dashboard.json"))
RULES = yaml.safe_load(read("docs/monitoring/nannin.rules.yml"))

# What Prometheus itself adds: a metric, and labels of all.
OF_PROMETHEUS = {"up"}
TARGET = {"job", "instance"}
OF_BUILD = {"version", "python", "native"}


def known_samples() -> dict[str, set[str]]:
    """The names that queries can ask for, each with its labels."""
    found = {name: set(TARGET) for name in OF_PROMETHEUS}
    for metric in METRICS:
        labels = TARGET | ({metric.label} if metric.label else set())
        labels |= (
            {"version", "python", "native"} if metric is BUILD else set() if metric.is_one else {"worker"}
        )
        if metric.kind is Kind.HISTOGRAM:
            found[f"{metric.name}_bucket"] = labels | {"le"}
            found[f"{metric.name}_sum"] = found[f"{metric.name}_count"] = labels
        else:
            found[metric.sample] = labels
    return found


def panels() -> Iterator[dict[str, Any]]:
    for panel in BOARD["panels"]:
        yield panel
        yield from panel.get("panels", ())


def queries() -> list[str]:
    """The queries of the dashboard, with Grafana's variables filled in, and those of the rules."""
    asked = [target["expr"] for panel in panels() for target in panel.get("targets", ())]
    filled = [
        query.replace("$__rate_interval", "1m").replace("$job", "nannin").replace("$instance", ".*")
        for query in asked
    ]
    return filled + [rule["expr"] for group in RULES["groups"] for rule in group["rules"]]


def selectors(node: Any) -> Iterator[Any]:
    """The selectors of metrics in a query."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    elif isinstance(node, promql_parser.MatrixSelector):
        yield node.vector_selector
    else:
        for name in ("lhs", "rhs", "expr", "args", "param"):
            below = getattr(node, name, None)
            for one in below if isinstance(below, list) else [below]:
                if isinstance(one, promql_parser.Expr):
                    yield from selectors(one)


@pytest.mark.parametrize("query", queries())
def test_every_query_parses_and_asks_for_metrics_and_labels_that_there_are(query: str) -> None:
    samples = known_samples()
    assert "$" not in query
    found = list(selectors(promql_parser.parse(query)))
    assert found or query == "vector(0)"
    for selector in found:
        assert selector.name in samples, selector.name
        for matcher in selector.matchers.matchers:
            assert matcher.name in samples[selector.name], matcher.name
    labels = {label for selector in found for label in samples[selector.name]}
    for grouped in re.findall(r"\bby \(([^)]*)\)", query):
        assert {label.strip() for label in grouped.split(",")} <= labels
    for reason in re.findall(r'reason=~?"([^"]+)"', query):
        assert set(reason.split("|")) <= {*map(str, Refusal), *map(str, DisconnectReason)}


def test_every_metric_of_ours_is_on_the_dashboard() -> None:
    asked = "\n".join(queries())
    missing = [metric.sample for metric in METRICS if metric.sample not in asked]
    assert missing == ["nannin_build_info", "nannin_pages", "nannin_cluster_connections"]


def test_the_dashboard_is_one_that_grafana_can_import() -> None:
    assert BOARD["title"] == "nannin"
    ids = [panel["id"] for panel in panels()]
    assert len(set(ids)) == len(ids)
    for panel in panels():
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        if panel["type"] != "row":
            assert panel["targets"]
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    variables = {variable["name"] for variable in BOARD["templating"]["list"]}
    assert variables == {"datasource", "job", "instance"}
    assert set(re.findall(r"\$\{?(\w+)", json.dumps(BOARD))) <= {*variables, "__rate_interval", "__all"}


def test_every_rule_says_what_to_do_and_how_bad_it_is() -> None:
    rules = [rule for group in RULES["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) > 10
    for rule in rules:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert re.fullmatch(r"\d+[ms]", rule.get("for", "0s"))
        for text in rule["annotations"].values():
            for label in re.findall(r"\$labels\.(\w+)", text):
                assert label in rule["expr"] or label in ("instance", "worker")
        assert set(rule["annotations"]) == {"summary", "description"}


def test_the_page_lists_every_metric_with_its_kind_and_its_label() -> None:
    row = re.compile(r"^\| `((?:nannin|process)\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", re.MULTILINE)
    labels = {metric.name: f"`{metric.label}`" if metric.label else "" for metric in METRICS}
    labels[BUILD.name] = "`version`, `python`, `native`"
    assert row.findall(read(PAGE)) == [
        (metric.sample, metric.kind.value, labels[metric.name], metric.help) for metric in METRICS
    ]


def test_the_page_says_how_long_a_line_of_json_is() -> None:
    assert f"at most {MAX_LINE_BYTES:,} bytes" in read(PAGE)
