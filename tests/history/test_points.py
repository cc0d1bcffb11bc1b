"""The words for steps and metrics, as addresses and options have them."""

from __future__ import annotations

import pytest

from nannin.audience.tally_rows import Period
from nannin.history.points import Metric, Step


def test_a_step_and_a_metric_are_known_by_their_words() -> None:
    assert Step("week") is Step.WEEK
    assert f"{Metric.VISITORS}" == "visitors"


@pytest.mark.parametrize("period", Period)
def test_there_is_a_step_of_the_length_of_each_row(period: Period) -> None:
    assert Step[period.name] in (Step.MINUTE, Step.HOUR, Step.DAY)
