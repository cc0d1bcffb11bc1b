"""Where a connection is."""

from __future__ import annotations

from nannin.hub.reasons import SocketState


def test_a_connection_joins_is_on_its_page_and_leaves() -> None:
    assert [state.name for state in SocketState] == ["JOINING", "COUNTED", "JOINED", "LEFT"]
