"""What a session does with the links that carry it."""

from __future__ import annotations

import pytest

from nannin.access.refusals import Refusal
from nannin.engine.link import RequestRefused
from support.fakes import FakeLink, FakePoll, Hall


@pytest.fixture
def hall() -> Hall:
    return Hall()


def test_a_websocket_that_is_lost_is_not_closed_as_well(hall: Hall) -> None:
    session, link = hall.websocket()
    session.lose(link, clean=False)
    assert (link.close_code, session.link) == (None, None)


def test_a_lost_websocket_is_no_more_to_be_sent_to_when_the_application_hears_of_it(hall: Hall) -> None:
    hall.app.on_close = lambda session, _: session.send("late")
    session, link = hall.websocket()
    session.lose(link, clean=True)
    assert len(link.packets) == 1


def test_the_log_says_once_that_a_packet_is_not_of_the_protocol(
    hall: Hall, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        session, link = hall.websocket()
        session.receive(link, "junk")
    (message,) = [record.getMessage() for record in caplog.records]
    assert "not of Engine.IO 4" in message


def test_a_session_that_does_not_read_reads_after_an_upgrade_as_before(hall: Hall) -> None:
    session = hall.polling()
    session.read_on(False)
    candidate = FakeLink()
    session.receive_candidate(candidate)
    session.receive(candidate, "2probe")
    session.receive(candidate, "5")
    assert (candidate.reads, session.reads) == (False, False)
    session.read_on(True)
    assert (candidate.reads, session.reads) == (True, True)


def test_everything_is_read_while_a_ping_is_under_way(hall: Hall) -> None:
    session, link = hall.websocket()
    session.read_on(False)
    hall.clock.advance(25)
    assert (link.packets[-1], link.reads) == ("2", True)
    session.receive(link, "3")
    assert not link.reads


def test_after_its_end_a_session_reads_so_that_nobody_waits_for_it(hall: Hall) -> None:
    session, link = hall.websocket()
    session.read_on(False)
    session.close()
    assert (link.reads, session.reads) == (True, True)
    session.read_on(False)
    assert session.reads


def test_requests_that_are_not_allowed_at_this_moment_are_tallied(hall: Hall) -> None:
    session = hall.polling()
    hall.poll(session)
    with pytest.raises(RequestRefused):
        session.receive_poll(FakePoll())
    session = hall.polling()
    session.receive_post()
    with pytest.raises(RequestRefused):
        session.receive_post()
    session = hall.polling()
    session.receive_candidate(FakeLink())
    with pytest.raises(RequestRefused):
        session.receive_candidate(FakeLink())
    assert hall.refusals.tally == {Refusal.REQUEST: 3}


def test_a_body_that_is_malformed_is_a_breach_of_the_protocol_and_no_second_refusal(hall: Hall) -> None:
    session = hall.polling()
    session.receive_post()
    with pytest.raises(RequestRefused):
        session.receive_payload(b"junk")
    assert not hall.refusals.tally  # its end is tallied by who is told of it
