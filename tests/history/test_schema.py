"""What stands in databases stays as it is."""

from __future__ import annotations

from nannin.audience.tally_rows import Period
from nannin.history import schema
from nannin.history.points import Metric


def test_the_numbers_that_are_in_databases_stay() -> None:
    assert schema.PERIODS == {Period.MINUTE: 0, Period.HOUR: 1, Period.DAY: 2}
    assert schema.METRICS == {Metric.VISITORS: 0, Metric.CONNECTIONS: 1}


def test_every_table_has_a_name_that_no_application_would_choose() -> None:
    assert sorted(schema.METADATA.tables) == [
        "nannin_joins",
        "nannin_pages",
        "nannin_peaks",
        "nannin_rows",
        "nannin_schema",
    ]


def test_the_columns_of_version_1_stay() -> None:
    columns = {name: [*table.columns.keys()] for name, table in schema.METADATA.tables.items()}
    assert columns["nannin_rows"] == [
        *("period", "page", "start_s", "writer", "since_ms", "until_ms"),
        *("visitors_least", "visitors_greatest", "visitors_greatest_at_ms", "visitors_total_ms"),
        *("connections_least", "connections_greatest", "connections_greatest_at_ms", "connections_total_ms"),
        "joins",
    ]
    assert columns["nannin_joins"] == ["period", "page", "start_s", "writer", "since_ms", "joins"]
    assert columns["nannin_pages"] == ["id", "key"]
    assert columns["nannin_peaks"] == ["page", "metric", "value", "at_ms"]
