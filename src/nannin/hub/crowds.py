"""The connections of each page by the form in which they are told, ready to be sent to all at once."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from nannin.audience.crowd import Crowd
from nannin.engine.descriptors import Descriptors
from nannin.hub.connection import Connection
from nannin.hub.encoding import Variant
from nannin.wire.outgoing import Outgoing


class Slices(NamedTuple):
    """How much goes out to many before the loop turns.

    Attributes:
        recipients: the most recipients of one slice of a count.
        seconds: the time after which a slice ends early.
        look_every: how many recipients that are sent to one by one are sent to before a look at the clock.
        at_once: an event to so few is sent without a look at the clock.
    """

    recipients: int = 5_000
    seconds: float = 0.01
    look_every: int = 100
    at_once: int = 250


class Form(NamedTuple):
    """What the connections of one crowd have in common.

    Attributes:
        variant: how they are told the page's count; None: not at all.
        observes: whether they are told without being counted.
    """

    variant: Variant | None
    observes: bool


def form_of(connection: Connection) -> Form:
    """The form of the crowd that a connection is in."""
    return _form(connection.variant, connection.observes)


_form = functools.cache(Form)  # there are few, and each join and leave needs one


_NO_CROWDS: Final[Mapping[Form, Crowd[Connection]]] = MappingProxyType({})


class Crowds:
    """Puts every connection in one crowd of its page.

    Args:
        descriptors: where the sessions can be written to at once.
    """

    def __init__(self, descriptors: Descriptors) -> None:
        self._descriptors = descriptors
        self._pages: dict[str, dict[Form, Crowd[Connection]]] = {}

    def join(self, connection: Connection) -> None:
        """A connection is on its page."""
        crowds = self._pages.get(connection.key)
        if crowds is None:
            crowds = self._pages[connection.key] = {}
        form = form_of(connection)
        crowd = crowds.get(form)
        if crowd is None:
            crowd = crowds[form] = Crowd(_move)
        connection.seat = crowd.add(connection, connection.number)

    def renumber(self, connection: Connection) -> None:
        """The connection can be sent to at once, and could not before."""
        crowd = self._pages[connection.key][form_of(connection)]
        crowd.numbers[connection.seat] = connection.number

    def leave(self, connection: Connection) -> None:
        """A connection has left its page."""
        crowds = self._pages[connection.key]
        form = form_of(connection)
        crowds[form].remove(connection.seat)
        if not crowds[form]:
            del crowds[form]
            if not crowds:
                del self._pages[connection.key]

    def of(self, page: str) -> Mapping[Form, Crowd[Connection]]:
        """The page's crowds, none of them empty; not to be kept over a join or leave."""
        return self._pages.get(page, _NO_CROWDS)

    def send_some(
        self,
        crowd: Crowd[Connection],
        start: int,
        stop: int,
        outgoing: Outgoing,
        *,
        seconds: float,
        most_left: int,
    ) -> tuple[list[tuple[Connection, int]], int]:
        """Sends packets to the first of a range of a crowd's seats, as far as they can be sent to at once.

        Args:
            crowd: whose seats.
            start: the first seat.
            stop: the seat after the last one.
            outgoing: what is sent.
            seconds: after so long it ends.
            most_left: once so many connections have still to be sent to, it ends.

        Returns:
            Each connection that has still to be sent to in its own way, and how many bytes of the packets'
            frames it has got; where those are not 0, it has to be sent `outgoing.rest`. And the seat after
            the last one that was looked at.
        """
        unsent, reached = self._descriptors.send_some(
            crowd.numbers, start, stop, outgoing, seconds=seconds, most_left=most_left
        )
        members = crowd.members  # a list of its own takes its place when seats are closed up
        return [(member, taken) for index, taken in unsent if (member := members[index]) is not None], reached


def _move(connection: Connection, seat: int) -> None:
    connection.seat = seat
