"""What a client's events do: the handler of each is called, and what it returns is the ack."""

from __future__ import annotations

import logging
import re
from difflib import get_close_matches
from typing import Any

from nannin.access.refusals import Refusal, Refusals
from nannin.audience.roster import Roster
from nannin.errors import HandlerCancelled, NotConnected, PayloadError
from nannin.hub.caller import Caller
from nannin.hub.connection import Connection
from nannin.hub.emitter import Emitter
from nannin.hub.encoding import encode_packet
from nannin.hub.handlers import Handlers, PageHandlers
from nannin.hub.lane import MAX_WAITING, LaneFull
from nannin.hub.reasons import SocketState
from nannin.hub.teller import Teller
from nannin.mistakes import Mistakes
from nannin.once import Once
from nannin.wire.socket_packet import Packet, PacketType

logger = logging.getLogger("nannin.hub")

# What a client says when its tab comes into view (true) or goes out of it (false).
VISIBLE = "nannin:visible"
# What a client is told whose event did not fit its handler, if it asked for no ack.
REFUSED = "nannin:refused"
# What a client gets as the ack when its handler gave none that could be sent.
INTERNAL_ERROR = {"error": "Internal error"}

# Maximum characters of an unknown event's name for it to be compared with those that are known.
MAX_COMPARED = 80
# What came, as msgspec quotes it; the end may be cut off.
_QUOTED = re.compile(r""" (['"])(?:.*\1|.*\Z)""", re.DOTALL)
# Maximum unknown events and refused payloads that the log is told of.
MAX_TOLD = 100


class Events:
    """Answers the events of clients.

    Args:
        handlers: the application's.
        caller: calls them.
        roster: who is on which page, and sees it.
        teller: is told of each change of a count.
        refusals: tallies events that don't fit.
        emitter: sends what a client is told whose event was refused.
        mistakes: tells the log what handlers raise.
    """

    def __init__(
        self,
        handlers: Handlers,
        caller: Caller,
        roster: Roster[Connection],
        teller: Teller,
        refusals: Refusals,
        emitter: Emitter,
        mistakes: Mistakes,
    ) -> None:
        self._handlers = handlers
        self._caller = caller
        self._roster = roster
        self._teller = teller
        self._refusals = refusals
        self._emitter = emitter
        self._mistakes = mistakes
        self._once = Once(MAX_TOLD)

    def receive(self, connection: Connection, packet: Packet, size_bytes: int = 0) -> None:
        """An event of so many bytes arrived from a client that is on its page."""
        event, args = str(packet.data[0]), packet.data[1:]
        if event == VISIBLE:
            self._answer(connection, event, packet.id, self._show(connection, args))
            return
        handlers = self._handlers.resolve(connection.key)
        if handlers.find(event) is None:
            self._tell_unknown(connection.key, event, handlers)
            return
        self._caller.call(
            handlers,
            connection,
            event,
            tuple(args),
            lambda result: self._answer(connection, event, packet.id, result),
            lambda error: self._refuse(connection, event, packet.id, error),
            size_bytes,
        )

    def report(self, connection: Connection, event: str, error: Exception) -> None:
        """A handler raised, or was cancelled: the log tells the developer."""
        if isinstance(error, HandlerCancelled):
            # Whoever cancels the task itself knows of it; after the client has gone it is the server's end.
            words = "the handler of %.80r on page %s was cancelled"
            if error.itself and connection.state is SocketState.LEFT:
                logger.debug(words, event, connection.key, exc_info=error)
                return
            level = logging.WARNING if error.itself else logging.ERROR
            self._tell(words, connection.key, event, error, level)
        elif isinstance(error, NotConnected) and connection.state is SocketState.LEFT:
            # The handler waited for an ack, and its client went: no mistake, and clients can repeat it.
            logger.debug("the client of the handler of %.80r on page %s has left", event, connection.key)
        else:
            if isinstance(error, TypeError) and "NoneType" in str(error) and "await" in str(error):
                error.add_note("nannin: emit, send, join, leave and disconnect need no await: leave it out")
            self._tell("the handler of %.80r on page %s raised", connection.key, event, error)

    def tell_unsendable(self, words: str, page: str, event: str, error: Exception) -> None:
        """What a handler gave can't be sent: the log is told without the traceback, which is all ours.

        Args:
            words: what it is, with a place for the event and one for the page.
            page: its key.
            event: which the handler answered.
            error: why it can't be sent.
        """
        self._tell(words, page, event, error.with_traceback(None))

    def _tell(self, words: str, page: str, event: str, error: Exception, level: int = logging.ERROR) -> None:
        handler = self._handlers.resolve(page).find(event)
        by = "middleware" if handler is None else handler.name
        self._mistakes.tell(logger, words, event, page, error=error, by=by, level=level)

    def _tell_unknown(self, page: str, event: str, handlers: PageHandlers) -> None:
        """An event that no handler answers may be misspelt, here or in the client: the log says so once."""
        if self._handlers.is_used and self._once.is_first("unknown", page, event):
            # A client may send a name of a megabyte, to compare which takes half a second.
            close = get_close_matches(event, handlers.events(), 1) if len(event) <= MAX_COMPARED else []
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            logger.warning("no handler for %.80r on page %s%s; this is told once", event, page, hint)

    def _show(self, connection: Connection, args: list[Any]) -> dict[str, str] | None:
        """The client says whether its tab is visible; returns the ack."""
        if len(args) != 1 or not isinstance(args[0], bool):
            return {"error": f"{VISIBLE} takes one argument, true or false"}
        if not connection.observes and self._roster.show(connection.key, connection, args[0]):
            self._teller.change(connection.key)
        return None

    def _refuse(self, connection: Connection, event: str, number: int | None, error: Exception) -> None:
        """Arguments that do not fit the handler are the client's error, anything else is the handler's."""
        if isinstance(error, LaneFull):
            self.note_busy()
            self._tell_refused(connection, event, number, error)
            return
        if not isinstance(error, PayloadError):
            self.report(connection, event, error)
            if isinstance(error, HandlerCancelled):
                self._answer(connection, event, number, INTERNAL_ERROR)
            return
        self._refusals.add(Refusal.EVENT)
        if self._once.is_first("refused", connection.key, event):
            # The client is told what came, and the log is not: it may be somebody's token.
            why = _QUOTED.sub("", str(error))
            logger.warning("%.80r on page %s was refused: %s; this is told once", event, connection.key, why)
        self._tell_refused(connection, event, number, error)

    def note_busy(self) -> None:
        """A client's call was refused because too many of its others wait."""
        self._refusals.add_and_tell(
            Refusal.BUSY,
            "a client sends more than its async handlers can take: as many run as max_handlers allows, "
            "%d more wait, and what comes then is refused; this is told once",
            MAX_WAITING,
        )

    def _tell_refused(self, connection: Connection, event: str, number: int | None, error: Exception) -> None:
        """Tells the client that its event was refused: in the ack, or where it asked for none by an event."""
        if number is not None:
            self._answer(connection, event, number, {"error": str(error)})
        else:
            self._emitter.emit_to(connection, REFUSED, ({"event": event, "message": str(error)},))

    def _answer(self, connection: Connection, event: str, number: int | None, result: Any) -> None:
        """Sends a handler's result as the ack, if the client asked for one and is still on the page."""
        if number is None or connection.state is not SocketState.JOINED:
            return
        args = [] if result is None else list(result) if isinstance(result, tuple) else [result]
        try:
            ack = encode_packet(Packet(PacketType.ACK, connection.key, args, number))
        except (TypeError, ValueError) as error:
            words = "the answer of the handler of %.80r on page %s can't be sent"
            self.tell_unsendable(words, connection.key, event, error)
            ack = encode_packet(Packet(PacketType.ACK, connection.key, [INTERNAL_ERROR], number))
        connection.send(ack)
