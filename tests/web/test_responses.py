"""How a refusal reads."""

from __future__ import annotations

import msgspec

from support.fake_audiences import Lookout


def test_markup_in_a_refusal_stays_json() -> None:
    call = Lookout().ask("/api/count?page=%3Cscript%3E%22")
    assert call.status == 404
    assert call.header("content-type") == "application/json"
    assert call.header("x-content-type-options") == "nosniff"
    assert msgspec.json.decode(call.body) == {
        "error": 'there is no page "<script>"": a page\'s key starts with /'
    }
