"""Sends the application's events: encoded once for all recipients, kept for those who may come back."""

from __future__ import annotations

import asyncio
import itertools
import threading
from functools import partial
from typing import Any

from nannin.audience.recovery import Aim, Recovery
from nannin.audience.rooms import Rooms
from nannin.audience.roster import Roster
from nannin.clock import Clock
from nannin.hub.encoding import encode_event, encode_packet
from nannin.hub.sockets import Socket
from nannin.wire.outgoing import Outgoing
from nannin.wire.socket_packet import Decoder, Packet, PacketType


class Emitter:
    """Knows every socket by its id and its rooms, and sends to whom an aim means.

    Args:
        roster: who is on which page.
        rooms: who is in which room.
        recovery: what is kept for those who may come back.
        clock: time.
    """

    def __init__(
        self, roster: Roster[Socket], rooms: Rooms[Socket], recovery: Recovery, clock: Clock
    ) -> None:
        self.sockets: dict[str, Socket] = {}  # by id, those too that have not joined yet
        # Who came back, and whose connect handler still runs: what it missed is known already, and what is
        # sent to all meanwhile must follow that. It is in its rooms, but not on the page yet.
        self.returning: set[Socket] = set()
        self._roster = roster
        self._rooms = rooms
        self._recovery = recovery
        self._clock = clock
        self._numbers = itertools.count()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0

    def run_on(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on everything is sent on this loop, which runs in the thread that calls."""
        if loop is not self._loop:
            self._loop, self._thread = loop, threading.get_ident()

    def enter(self, socket: Socket, *, returns: bool = False) -> None:
        """Can send to this socket from now on, by its id and its rooms.

        Args:
            socket: one that joins a page.
            returns: whether it came back as who it was; until `arrive`, it also gets what its page gets.
        """
        self.sockets[socket.id] = socket
        if returns:
            self.returning.add(socket)

    def arrive(self, socket: Socket) -> None:
        """The socket is on its page."""
        self.returning.discard(socket)

    def part(self, socket: Socket) -> None:
        """The socket has left: its id is free. A client that came back may have taken it over already."""
        self.returning.discard(socket)
        if self.sockets.get(socket.id) is socket:
            del self.sockets[socket.id]

    def emit(self, page: str, aim: Aim, event: str, args: tuple[Any, ...], *, volatile: bool = False) -> None:
        """Sends an event; from any thread, since frameworks run plain functions in threads of their own.

        Args:
            page: the page's key.
            aim: whom it is meant for.
            event: its name.
            args: its arguments.
            volatile: whether it is dropped for those who can't take it at once.

        Raises:
            TypeError, ValueError: the arguments can't be sent.
        """
        plain = encode_event(page, event, args)
        if self._loop is not None and threading.get_ident() != self._thread:
            # A copy: the application may change what it sent before the loop comes to send it.
            again = partial(self.emit, page, aim, event, _decoded(plain), volatile=volatile)
            self._loop.call_soon_threadsafe(again)
            return
        recipients = self.recipients(page, aim)
        if self.returning and aim.rooms is None:
            recipients += [s for s in self.returning if s.key == page and aim.takes({s.id, *s.rooms})]
        if not self._recovery.is_used(page) or self._is_for_one_without_a_ticket(aim, recipients):
            marked, number = plain, 0
        else:
            marked = self._mark(page, aim, event, args, volatile)
            number = 0 if volatile else self._recovery.last(page)
        for socket in recipients:
            if volatile and not socket.session.is_writable:
                continue
            if socket.ticket is None:
                socket.send(plain)
            else:
                socket.ticket.sent = number or socket.ticket.sent
                socket.send(marked)

    def ask(
        self, page: str, aim: Aim, event: str, args: tuple[Any, ...]
    ) -> dict[Socket, asyncio.Future[Any]]:
        """Sends an event that wants acks; returns what will hold each."""
        number = next(self._numbers)
        outgoing = encode_packet(Packet(PacketType.EVENT, page, [event, *args], number))
        asked = {}
        for socket in self.recipients(page, aim):
            if socket.connected:
                if socket.ticket is not None and args:
                    socket.ticket.call(args[-1])
                asked[socket] = socket.expect(number)
                socket.send(outgoing)
        return asked

    def recipients(self, page: str, aim: Aim) -> list[Socket]:
        """Who an aim means now, each once; a list, since a write may end a slow client's session."""
        if aim.rooms is None:
            found = list(self._roster.audience(page))
        else:
            found = list(dict.fromkeys(s for name in sorted(aim.rooms) for s in self._named(page, name)))
        if not aim.except_:
            return found
        spared = {socket for name in aim.except_ for socket in self._named(page, name)}
        return [socket for socket in found if socket not in spared]

    def _named(self, page: str, name: str) -> list[Socket]:
        """Who is in a room; an id is the room of its socket."""
        socket = self.sockets.get(name)
        if socket is not None and socket.key == page:
            return [socket]
        return list(self._rooms.members(page, name))

    def _is_for_one_without_a_ticket(self, aim: Aim, recipients: list[Socket]) -> bool:
        """Whether nobody who may come back can miss it, as most of what goes to one socket."""
        return (
            len(recipients) == 1
            and recipients[0].ticket is None
            and aim.rooms == frozenset((recipients[0].id,))
        )

    def _mark(self, page: str, aim: Aim, event: str, args: tuple[Any, ...], volatile: bool) -> Outgoing:
        """The event as those get it who may come back: its offset is the last argument."""
        if volatile:
            return encode_event(page, event, (*args, self._recovery.last_offset(page)))
        marked = encode_event(page, event, (*args, self._recovery.next_offset(page)))
        self._recovery.keep(page, aim, marked, marked.size_bytes, self._clock.now())
        return marked


def _decoded(outgoing: Outgoing) -> tuple[Any, ...]:
    """The arguments of an encoded event."""
    decoder, packet = Decoder(len(outgoing.packets)), None
    for encoded in outgoing.packets:
        packet = decoder.receive(encoded if isinstance(encoded, bytes) else encoded[1:])
    assert packet is not None
    return tuple(packet.data[1:])
