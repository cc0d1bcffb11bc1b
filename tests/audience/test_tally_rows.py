"""Rows are values: equal where all they hold is equal, and ordered by nothing but that."""

from __future__ import annotations

from nannin.audience.tally_rows import MINUTE_MS, NOBODY, RECORDER, Period, Row


def test_periods_are_the_numbers_that_are_stored() -> None:
    assert [int(period) for period in (Period.MINUTE, Period.HOUR, Period.DAY)] == [0, 1, 2]


def test_the_recorder_has_no_page_of_its_own() -> None:
    row = Row(RECORDER, Period.MINUTE, 60, 60_000, 60_000 + MINUTE_MS, NOBODY, NOBODY, 0)
    assert not row.page.startswith("/")
    assert row == row._replace(joins=0) != row._replace(joins=1)
