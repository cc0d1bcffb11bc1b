"""When a session can be written to at once by its socket, and when it has to be asked."""

from __future__ import annotations

from array import array

import pytest

from nannin.engine.served_session import ServedSession
from nannin.wire.disconnect_reason import DisconnectReason
from nannin.wire.outgoing import Outgoing
from support.fakes import FakeLink, Hall
from support.socket_links import SocketLink

HI = Outgoing(["4hi"])


class Line:
    """A session on a link with a socket."""

    def __init__(self) -> None:
        self.hall, self.link = Hall(), SocketLink()
        self.session: ServedSession = self.hall.engine.open_by_websocket(self.link)

    def takes(self, number: int | None = None) -> bool:
        """Whether its socket is written to when something is sent to many."""
        return takes(self.hall, self.session.number if number is None else number)


def takes(hall: Hall, number: int) -> bool:
    return not hall.engine.descriptors.send(array("i", [number]), 0, 1, HI)


@pytest.fixture
def line() -> Line:
    return Line()


def test_a_session_over_a_websocket_is_written_to_at_once(line: Line) -> None:
    assert line.takes()
    line.link.pull()
    assert line.link.packets[1:] == ["4hi"]


def test_one_over_polling_is_asked(line: Line) -> None:
    assert not takes(line.hall, line.hall.polling().number)


def test_one_that_falls_behind_is_asked_until_it_has_caught_up(line: Line) -> None:
    line.link.blocked = True
    line.session.block(line.link)
    assert not line.takes()
    line.link.blocked = False
    line.session.drain(line.link)
    assert line.takes()


def test_one_that_upgrades_is_asked_until_its_websocket_is_in_force(line: Line) -> None:
    session, candidate = line.hall.polling(), SocketLink()
    session.receive_candidate(candidate)
    session.receive(candidate, "2probe")
    assert not takes(line.hall, session.number)
    session.receive(candidate, "5")
    assert takes(line.hall, session.number)


def test_one_whose_websocket_is_lost_is_not_written_to_when_the_application_hears_of_it(line: Line) -> None:
    taken: list[bool] = []
    line.hall.app.on_close = lambda session, _: taken.append(line.takes())
    line.session.lose(line.link, clean=False)
    assert taken == [False]


def test_one_that_is_closed_is_not_written_to_after_its_close_frame(line: Line) -> None:
    taken: list[bool] = []
    line.hall.app.on_close = lambda session, _: taken.append(line.takes())
    line.session.close(DisconnectReason.FORCED_CLOSE)
    assert (taken, line.link.close_code) == ([False], 1000)


def test_one_whose_link_ends_by_itself_is_not_written_to_any_more(line: Line) -> None:
    line.session.stop(FakeLink())
    assert line.takes(), "another link of the session, such as a candidate"
    line.session.stop(line.link)
    assert not line.takes()


def test_the_number_of_one_that_is_over_belongs_to_the_next(line: Line) -> None:
    line.session.lose(line.link, clean=True)
    (next_session, _) = line.hall.websocket()
    assert next_session.number == line.session.number
    assert not line.takes(), "its link has no socket"


def test_at_shutdown_every_number_is_given_back(line: Line) -> None:
    numbers = {line.session.number, line.hall.polling().number}
    line.hall.engine.shut_down()
    assert {line.hall.websocket()[0].number for _ in range(2)} == numbers
