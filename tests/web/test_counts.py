"""Which pages can be asked for."""

from __future__ import annotations

import pytest

from support.fake_audiences import Hall


@pytest.mark.parametrize("key", ["", "news", "/a%00b", "/a%0Ab", "/a,b", "/closed/1", "/" + "x" * 10_000])
@pytest.mark.parametrize("path", ["/api/count", "/api/explain", "/api/stream"])
def test_a_page_that_can_not_be_is_not_found(path: str, key: str) -> None:
    status, words = Hall().error(f"{path}?page={key}")
    assert status == 404
    assert words.startswith('there is no page "')
    assert len(words) < 200
