"""The end of a connection: it is off its page, and whoever has to know of it learns of it."""

from __future__ import annotations

from nannin.audience.rooms import Rooms
from nannin.hub.caller import Caller
from nannin.hub.client import client_of
from nannin.hub.comebacks import Comebacks
from nannin.hub.connection import Connection
from nannin.hub.emitter import Emitter
from nannin.hub.events import Events
from nannin.hub.grace import Grace
from nannin.hub.handlers import DISCONNECT, Handlers
from nannin.hub.presence import Presence
from nannin.hub.reasons import SocketState
from nannin.hub.teller import Teller
from nannin.wire.disconnect_reason import DisconnectReason


class Leaving:
    """Takes connections off their pages.

    Args:
        handlers: the application's.
        rooms: who is in which room.
        emitter: holds nothing back any more for a client that has left.
        teller: tells observers no more.
        caller: calls the disconnect handler.
        comebacks: remembers a client that may come back.
        presence: tells the application of a visitor who has gone.
        events: reports what the disconnect handler raises.
        grace: lets the visitor count for a while.
    """

    def __init__(
        self,
        handlers: Handlers,
        rooms: Rooms[Connection],
        emitter: Emitter,
        teller: Teller,
        caller: Caller,
        comebacks: Comebacks,
        presence: Presence,
        events: Events,
        grace: Grace,
    ) -> None:
        self._handlers = handlers
        self._rooms = rooms
        self._emitter = emitter
        self._teller = teller
        self._caller = caller
        self._comebacks = comebacks
        self._presence = presence
        self._events = events
        self._grace = grace

    def leave(self, connection: Connection, reason: DisconnectReason) -> None:
        """A connection has ended: it is off its page, and the disconnect handler learns of it."""
        state = connection.state
        client_of(connection.session).leave(connection.key)
        if state is SocketState.COUNTED:
            self._leave_unanswered(connection, reason)
            return
        if state is not SocketState.JOINED:
            # A client that had come back, and whose link broke again while its connect handler ran, may
            # come back once more.
            self._part(connection, reason if connection.recovered else None)
            connection.left_for = reason
            return
        self._part(connection, reason)
        person = None
        if connection.observes:
            self._teller.observe_no_more(connection)
        else:
            person = self._presence.leave(connection)
            self._grace.leave(connection, reason)
        connection.fail_calls()
        self._call_disconnect(connection, reason)
        if person is not None:
            self._presence.part(person)

    def _leave_unanswered(self, connection: Connection, reason: DisconnectReason) -> None:
        """A connection has ended before its CONNECT was answered, which its connect handler let in."""
        self._part(connection, reason if connection.recovered else None)
        person = None
        if not connection.observes:
            person = self._presence.leave(connection)
            self._grace.leave_unanswered(connection, reason)
        connection.left_for = reason
        self.tell_left(connection)
        connection.socket = None
        if person is not None:
            self._presence.part(person)

    def leave_unjoined(self, connection: Connection) -> None:
        """A connection may not join: it was never on its page."""
        client_of(connection.session).leave(connection.key)
        self._part(connection, None)

    def tell_left(self, connection: Connection) -> None:
        """A connect handler ended that was called with a client that has left meanwhile."""
        if connection.greeted and connection.left_for is not None:
            self._call_disconnect(connection, connection.left_for)

    def _call_disconnect(self, connection: Connection, reason: DisconnectReason) -> None:
        handlers = self._handlers.resolve(connection.key)
        if handlers.is_handled:
            self._caller.call(
                handlers,
                connection,
                DISCONNECT,
                (reason,),
                lambda _: None,
                lambda error: self._events.report(connection, DISCONNECT, error),
            )
        connection.socket = None  # they refer to each other: both go at once, and need no garbage collection

    def _part(self, connection: Connection, reason: DisconnectReason | None) -> None:
        """Frees the connection's id and its rooms. Without a reason it has not joined at all."""
        # The disconnect handler may still want to know its rooms, and to send them a last word.
        connection.left_rooms = self._rooms.leave_all(connection.key, connection)
        connection.state, connection.outbox = SocketState.LEFT, None
        self._comebacks.part(connection, reason)
        self._emitter.part(connection)
