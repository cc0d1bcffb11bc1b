"""The one table of endings: words, close codes, graces, and who may come back."""

from __future__ import annotations

import pytest

from nannin.wire.disconnect_reason import DisconnectReason, GraceKind


def test_a_reason_is_a_text_in_socket_ios_words() -> None:
    assert str(DisconnectReason.PING_TIMEOUT) == "ping timeout"
    assert f"{DisconnectReason.TRANSPORT_CLOSE}" == "transport close"


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (DisconnectReason.TRANSPORT_CLOSE, 1000),
        (DisconnectReason.TRANSPORT_ERROR, 1002),
        (DisconnectReason.PARSE_ERROR, 1002),
        (DisconnectReason.PING_TIMEOUT, 1000),
        (DisconnectReason.FORCED_CLOSE, 1000),
        (DisconnectReason.CONNECT_TIMEOUT, 1000),
        (DisconnectReason.SLOW_CLIENT, 1008),
        (DisconnectReason.TOO_MANY, 1008),
        (DisconnectReason.TOO_LARGE, 1009),
        (DisconnectReason.SHUTTING_DOWN, 1012),
    ],
)
def test_a_reason_has_its_close_code(reason: DisconnectReason, code: int) -> None:
    assert reason.close_code == code


@pytest.mark.parametrize("reason", DisconnectReason)
def test_every_close_code_may_be_sent_by_a_server(reason: DisconnectReason) -> None:
    # 1004 to 1006 and 1015 are never sent. Source: RFC 6455, 7.4.1.
    assert reason.close_code in {1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)}


@pytest.mark.parametrize("reason", DisconnectReason)
def test_a_reason_is_found_by_its_word(reason: DisconnectReason) -> None:
    assert DisconnectReason(str(reason)) is reason


def test_a_client_comes_back_from_the_ends_that_nobody_meant() -> None:
    assert {reason for reason in DisconnectReason if reason.may_return} == {
        DisconnectReason.TRANSPORT_CLOSE,
        DisconnectReason.TRANSPORT_ERROR,
        DisconnectReason.PING_TIMEOUT,
        DisconnectReason.TOO_LARGE,
        DisconnectReason.TOO_MANY,
        DisconnectReason.SLOW_CLIENT,
    }


def test_a_visitor_still_counts_only_where_it_may_be_back_by_itself() -> None:
    assert {reason: reason.grace for reason in DisconnectReason if reason.grace is not GraceKind.NONE} == {
        DisconnectReason.CLIENT_LEFT: GraceKind.CLEAN,
        DisconnectReason.TRANSPORT_CLOSE: GraceKind.CLEAN,
        DisconnectReason.TRANSPORT_ERROR: GraceKind.LOST,
        DisconnectReason.PING_TIMEOUT: GraceKind.LOST_IN_SILENCE,
        DisconnectReason.TOO_LARGE: GraceKind.LOST,
        DisconnectReason.TOO_MANY: GraceKind.LOST,
        DisconnectReason.SLOW_CLIENT: GraceKind.LOST,
        DisconnectReason.SHUTTING_DOWN: GraceKind.LOST,
    }
