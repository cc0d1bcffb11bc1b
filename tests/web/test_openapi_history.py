"""The description of the past: what is answered has the form that is described."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest

from nannin.audience.roster import Count
from nannin.history.points import Metric, Peak
from nannin.web.openapi import DOCUMENT
from nannin.web.openapi_history import PATHS
from support.fake_past import NOW_S, Archive, point

MINUTE_S = NOW_S // 60 * 60


def schema_of(path: str) -> dict[str, Any]:
    schema = PATHS[path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    return {**DOCUMENT, **schema}


LIMITED = ["/api/history", "/api/history/pages", "/api/peaks", "/api/top"]


@pytest.mark.parametrize(
    ("path", "query"), [*((path, "") for path in sorted(PATHS)), *((path, "limit=1") for path in LIMITED)]
)
def test_an_answer_has_the_form_that_is_described(path: str, query: str) -> None:
    archive = Archive({"/": Count(2, 1, 1), "/b": Count(1, 1, 1)})
    archive.history.points = {
        page: [point(MINUTE_S - 60 * n, 60, 1.5) for n in range(30)] for page in ("/", "/b")
    }
    archive.history.peaks_of = [Peak("/", Metric.VISITORS, 3, NOW_S * 1_000)]
    answer = archive.read(f"{path}?{query}")
    jsonschema_rs.validate(schema_of(path), answer)
    assert "error" not in answer
