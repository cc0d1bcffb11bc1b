"""A client that sends more messages than it may: what counts, what doesn't, and how it ends."""

from __future__ import annotations

import pytest

from nannin.access.budgets import Rate
from nannin.access.refusals import Refusal
from nannin.engine.link import RequestRefused
from nannin.engine.served_session import ServedSession
from nannin.wire.engine_packet import encode_payload
from nannin.wire.engine_request import Refusal as WireRefusal
from support.fakes import FakeLink, Hall

FEW = Rate(per_s=1.0, burst=3)


def opened() -> tuple[Hall, ServedSession, FakeLink]:
    hall = Hall(rate=FEW)
    session, link = hall.websocket()
    return hall, session, link


def test_a_burst_is_taken_and_what_comes_after_it_ends_the_session(caplog: pytest.LogCaptureFixture) -> None:
    hall, session, link = opened()
    for _ in range(5):
        session.receive(link, "4hello")
    assert hall.app.messages == 3 * ["hello"]
    assert (hall.reasons(), link.close_code) == (["too many messages"], 1008)
    assert hall.refusals.tally == {Refusal.MESSAGES: 1}
    assert [record.getMessage() for record in caplog.records] == [
        "a client sent more than 60 messages a minute, or 3 at once, and its session ended with 1008: "
        "max_messages and max_burst allow no more"
    ]
    hall.assert_empty()


def test_whoever_keeps_to_the_rate_is_never_ended() -> None:
    hall, session, link = opened()
    for _ in range(50):
        session.receive(link, "4hello")
        hall.clock.advance(1)
        if "2" in link.packets:
            link.packets.remove("2")
            session.receive(link, "3")
    assert (len(hall.app.messages), hall.app.closed) == (50, [])


@pytest.mark.parametrize("packet", ["3", "6", "5"])
def test_packets_that_say_nothing_count(packet: str) -> None:
    hall, session, link = opened()
    for _ in range(4):
        session.receive(link, packet)
    assert hall.reasons() == ["too many messages"]


def test_pings_and_pongs_of_the_websocket_count() -> None:
    hall, session, link = opened()
    session.receive_others(link, 3)
    assert hall.reasons() == []
    session.receive_others(link, 1)
    assert hall.reasons() == ["too many messages"]


def test_a_pong_that_was_asked_for_is_free() -> None:
    hall, session, link = opened()
    for _ in range(2):
        session.receive(link, "4hello")
    hall.clock.advance(hall.engine.limits.ping_interval_s)
    for _ in range(3):
        session.receive(link, "4hello")
    session.receive(link, "3")
    assert hall.reasons() == []
    session.receive(link, "3")
    assert hall.reasons() == ["too many messages"]


def test_over_polling_the_post_is_refused_with_429() -> None:
    hall = Hall(rate=FEW)
    session = hall.polling()
    hall.post(session, "4a", "4b", "4c")
    session.receive_post()
    with pytest.raises(RequestRefused) as refused:
        session.receive_payload(encode_payload(["4d"]))
    assert refused.value.refusal is WireRefusal.TOO_MANY_REQUESTS
    assert (hall.app.messages, hall.reasons()) == (["a", "b", "c"], ["too many messages"])


def test_packets_of_a_payload_that_say_nothing_count_and_the_pong_that_was_asked_for_does_not() -> None:
    hall = Hall(rate=FEW)
    session = hall.polling()
    hall.clock.advance(hall.engine.limits.ping_interval_s)
    hall.post(session, "4a", "3", "6", "6")
    assert hall.reasons() == []
    session.receive_post()
    with pytest.raises(RequestRefused):
        session.receive_payload(encode_payload(["6"]))


def test_a_candidate_counts_with_its_session() -> None:
    hall = Hall(rate=FEW)
    session = hall.polling()
    for candidate in (FakeLink(), FakeLink()):
        session.receive_candidate(candidate)
        assert hall.reasons() == []
        session.receive(candidate, "2probe")
        session.lose(candidate, clean=True)
    assert hall.reasons() == ["too many messages"]
    assert candidate.close_code is not None


def test_a_websocket_too_many_is_refused() -> None:
    hall = Hall(rate=FEW)
    session = hall.polling()
    hall.post(session, "4a", "4b", "4c")
    with pytest.raises(RequestRefused) as refused:
        session.receive_candidate(FakeLink())
    assert refused.value.refusal is WireRefusal.TOO_MANY_REQUESTS


def test_what_is_forgiven_does_not_count() -> None:
    hall, session, link = opened()
    hall.app.on_message = lambda session, _: session.forgive()
    for _ in range(50):
        session.receive(link, "4hello")
    assert (len(hall.app.messages), hall.app.closed) == (50, [])
