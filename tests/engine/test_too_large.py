"""The log's word about what was too large."""

from __future__ import annotations

import pytest

from nannin.access.refusals import AT_THE_DOOR, Refusal
from nannin.engine.too_large import tell_too_large


def test_each_limit_is_told_of_once_and_every_client_tallied(caplog: pytest.LogCaptureFixture) -> None:
    before = AT_THE_DOOR.tally[Refusal.SIZE]
    for max_bytes in (1_000, 1_000, 2_000):
        tell_too_large(max_bytes, "max_payload")
    assert [record.message for record in caplog.records] == [
        f"a client sent more than {size} bytes in one message, and was disconnected; "
        "to allow it, raise max_payload"
        for size in (1_000, 2_000)
    ]
    assert AT_THE_DOOR.tally[Refusal.SIZE] == before + 3
