"""Why a connection ended: every end of a session is one of its connections."""

from __future__ import annotations

from nannin import DisconnectReason
from nannin.wire.engine_states import Reason


def test_every_end_of_a_session_is_a_reason_that_handlers_know() -> None:
    assert {DisconnectReason(reason) for reason in Reason} <= set(DisconnectReason)


def test_a_reason_reads_as_its_words() -> None:
    assert f"{DisconnectReason.TRANSPORT_CLOSE}" == "transport close"
