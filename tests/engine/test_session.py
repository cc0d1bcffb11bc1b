"""A session: what an application is given, and what it does with the links that carry it."""

from __future__ import annotations

import pytest

from nannin.engine.session import Session
from support.fakes import Hall


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


def test_what_an_application_is_given_has_few_names() -> None:
    names = {name for name in dir(Session) if not name.startswith("_")}
    for_applications = {"sid", "data", "handshake", "send", "close"}
    for_many = {
        "allow",
        "ended",
        "forget_newest",
        "is_writable",
        "link",
        "number",
        "send_newest",
        "send_outgoing",
    }
    assert names == for_applications | for_many


def test_the_log_says_once_that_a_packet_is_not_of_the_protocol(
    hall: Hall, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        session, link = hall.websocket()
        session.receive(link, "junk")
    (message,) = [record.getMessage() for record in caplog.records]
    assert "not of Engine.IO 4" in message
