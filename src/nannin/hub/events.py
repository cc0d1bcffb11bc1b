"""What a client's events do: the handler of each is called, and what it returns is the ack."""

from __future__ import annotations

import logging
from typing import Any

from nannin.access.admission import Admission, Refusal
from nannin.audience.roster import Roster
from nannin.errors import PayloadError
from nannin.hub.caller import Caller
from nannin.hub.encoding import encode_packet
from nannin.hub.handlers import Handlers
from nannin.hub.reasons import SocketState
from nannin.hub.sockets import Socket
from nannin.hub.teller import Teller
from nannin.wire.socket_packet import Packet, PacketType

logger = logging.getLogger("nannin.hub")

# What a client says when its tab comes into view (true) or goes out of it (false).
VISIBLE = "nannin:visible"
# What a client is told whose event did not fit its handler, if it asked for no ack.
REFUSED = "nannin:refused"


class Events:
    """Answers the events of clients.

    Args:
        handlers: the application's.
        caller: calls them.
        roster: who is on which page, and sees it.
        teller: is told of each change of a count.
        admission: tallies what is refused.
    """

    def __init__(
        self,
        handlers: Handlers,
        caller: Caller,
        roster: Roster[Socket],
        teller: Teller,
        admission: Admission,
    ) -> None:
        self._handlers = handlers
        self._caller = caller
        self._roster = roster
        self._teller = teller
        self._admission = admission

    def receive(self, socket: Socket, packet: Packet) -> None:
        """An event arrived from a client that is on its page."""
        event, *args = packet.data
        if event == VISIBLE:
            self._answer(socket, packet.id, self._show(socket, args))
            return
        self._caller.call(
            self._handlers.resolve(socket.key),
            socket,
            str(event),
            tuple(args),
            lambda result: self._answer(socket, packet.id, result),
            lambda error: self._refuse(socket, packet, error),
        )

    def report(self, socket: Socket, event: str, error: Exception) -> None:
        """A handler raised: the log tells the developer."""
        logger.error("the handler of %r on page %s raised", event, socket.key, exc_info=error)

    def _show(self, socket: Socket, args: list[Any]) -> dict[str, str] | None:
        """The client says whether its tab is visible; returns the ack."""
        if len(args) != 1 or not isinstance(args[0], bool):
            return {"error": f"{VISIBLE} takes one argument, true or false"}
        if not socket.observes and (change := self._roster.show(socket.key, socket, args[0])):
            self._teller.change(change)
        return None

    def _refuse(self, socket: Socket, packet: Packet, error: Exception) -> None:
        """Arguments that do not fit the handler are the client's error, anything else is the handler's."""
        event = str(packet.data[0])
        if not isinstance(error, PayloadError):
            self.report(socket, event, error)
            return
        self._admission.tally[Refusal.EVENT] += 1
        logger.debug("%r of %s was refused: %s", event, socket, error)
        if packet.id is not None:
            self._answer(socket, packet.id, {"error": str(error)})
        else:
            socket.emit(REFUSED, {"event": event, "message": str(error)})

    def _answer(self, socket: Socket, number: int | None, result: Any) -> None:
        """Sends a handler's result as the ack, if the client asked for one and is still on the page."""
        if number is None or socket.state is not SocketState.JOINED:
            return
        args = [] if result is None else list(result) if isinstance(result, tuple) else [result]
        socket.send(encode_packet(Packet(PacketType.ACK, socket.key, args, number)))
