"""What there is below `/api`, and what there is not."""

from __future__ import annotations

import pytest

from support.fake_audiences import Lookout


@pytest.mark.parametrize("query", ["", "?page=/x", "?page=/a&page=/b", "?page=%ff"])
@pytest.mark.parametrize("path", ["/api/", "/api/nothing", "/api/count/", "/api/../api/count/x", "/api/%00"])
def test_what_is_not_there_is_not_found_in_json(path: str, query: str) -> None:
    status, words = Lookout().error(path + query)
    assert (status, words) == (404, "there is nothing here; /api/openapi.json lists what there is")
