"""The tally of those turned away, and what the log is told of them."""

from __future__ import annotations

import pytest

from nannin.access.refusals import Refusal, Refusals


def test_each_refusal_is_tallied_by_its_reason() -> None:
    refusals = Refusals()
    for refusal in (Refusal.PAGE, Refusal.TOKEN, Refusal.PAGE):
        refusals.add(refusal)
    assert refusals.tally == {Refusal.PAGE: 2, Refusal.TOKEN: 1}


def test_the_log_is_told_of_a_cause_once(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals()
    for page in ("/a", "/b"):
        refusals.add_and_tell(Refusal.LIST, "refused the list of %s: set read_token", page)
    refusals.add_and_tell(Refusal.LIST, "refused another list")
    assert [record.getMessage() for record in caplog.records] == [
        "refused the list of /a: set read_token",
        "refused another list",
    ]
    assert refusals.tally == {Refusal.LIST: 3}


def test_every_reason_is_one_word() -> None:
    assert all(str(refusal).isidentifier() for refusal in Refusal)
