"""What other programs want done with a page's clients, as they say it over Redis.

It reads three formats: nannin's own, that of python-socketio's Redis managers, and that of Node's
`@socket.io/redis-emitter`. It is pure, and never runs or loads what came: a pickle is refused unread.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

import msgspec

from nannin.errors import PacketError
from nannin.wire.socket_packet import put_in

__all__ = [
    "Malformed",
    "Order",
    "own_channel",
    "read_broadcast",
    "read_order",
    "read_python",
    "read_request",
]

# The types of packets and requests. Source: socket.io-parser, PacketType; @socket.io/redis-adapter,
# RequestType.
_EVENTS: Final = (2, 5)
_JOIN: Final = 2
_LEAVE: Final = 3
_DISCONNECT: Final = 4
# The first byte of a pickle of protocol 2 or newer.
_PICKLE: Final = b"\x80"


def own_channel(prefix: str) -> str:
    """The channel on which `nannin.Emitter` publishes."""
    return f"{prefix}:emit"


class Malformed(ValueError):
    """A message that no order can be made of; its text says why, and shows nothing of it."""


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An event for some of a page's clients, or what else happens to them.

    Attributes:
        page: the page's key.
        event: the event's name; None for no event.
        args: its arguments, which may hold bytes.
        to: rooms and ids; None for everybody on the page.
        except_: rooms and ids that are spared.
        volatile: whether the event is dropped for clients that can't take it at once.
        join, leave: rooms that they join and leave.
        disconnect: whether they leave the page.
        close: whether their sessions end with that.
    """

    page: str = "/"
    event: str | None = None
    args: list[Any] = []
    to: list[str] | None = None
    except_: list[str] = msgspec.field(default_factory=list, name="except")
    volatile: bool = False
    join: list[str] = []
    leave: list[str] = []
    disconnect: bool = False
    close: bool = False


# A room or an id. Other servers know rooms that are numbers.
_Name = str | int


class _Python(msgspec.Struct):
    """A message of python-socketio. Source: its pubsub_manager.py."""

    method: str
    namespace: str | None = None
    event: str | None = None
    data: Any = None
    binary: bool = False
    room: _Name | list[_Name] | None = None
    skip_sid: str | list[str] | None = None
    sid: str | None = None


class _Packet(msgspec.Struct):
    type: int
    data: list[Any]
    nsp: str = "/"


class _Flags(msgspec.Struct):
    volatile: bool | None = None


class _Options(msgspec.Struct):
    """Whom a broadcast is meant for; no rooms are everybody."""

    rooms: list[_Name] = []
    except_: list[_Name] | None = msgspec.field(default=None, name="except")
    flags: _Flags | None = None


class _Request(msgspec.Struct):
    """A request to all servers. Source: @socket.io/redis-emitter, index.ts."""

    type: int
    opts: _Options | None = None
    rooms: list[_Name] = []
    close: bool = False


_read_json = msgspec.json.Decoder(Order).decode
_read_msgpack = msgspec.msgpack.Decoder(Order).decode
_read_python = msgspec.json.Decoder(_Python).decode
_read_broadcast = msgspec.msgpack.Decoder(tuple[Any, _Packet, _Options]).decode
_read_request = msgspec.json.Decoder(_Request).decode
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def read_order(message: bytes) -> Order:
    """An order in nannin's own format: an object in JSON, or in MessagePack, which holds bytes too.

    Raises:
        Malformed: it is neither.
    """
    try:
        return _read_json(message) if message[:1] == b"{" else _read_msgpack(message)
    except _UNREADABLE:
        raise Malformed(
            "expected an object with event, page, args and so on, as nannin.Emitter sends it"
        ) from None


def read_python(message: bytes) -> Order | None:
    """What python-socketio's `RedisManager` and `AsyncRedisManager` publish.

    Returns:
        The order; None for what is meant for another server of python-socketio.

    Raises:
        Malformed: there is no such method, or it is no message of python-socketio.
    """
    if message[:1] == _PICKLE:
        raise Malformed("a pickle can run code, and is never loaded: python-socketio sends JSON from 5.14 on")
    try:
        said = _read_python(message)
    except _UNREADABLE:
        raise Malformed("expected JSON as python-socketio sends it") from None
    page = said.namespace or "/"
    match said:
        case _Python(method="emit", event=str(event)):
            spared = [said.skip_sid] if isinstance(said.skip_sid, str) else said.skip_sid or []
            rooms = said.room if isinstance(said.room, list) or said.room is None else [said.room]
            to = None if rooms is None else _names(rooms)
            return Order(page, event, _arguments(said), to, spared)
        case _Python(method="disconnect", sid=str(sid)):
            return Order(page, to=[sid], disconnect=True)
        case _Python(method="enter_room", sid=str(sid), room=str() | int() as room):
            return Order(page, to=[sid], join=_names([room]))
        case _Python(method="leave_room", sid=str(sid), room=str() | int() as room):
            return Order(page, to=[sid], leave=_names([room]))
        case _Python(method="close_room", room=str() | int() as room):
            return Order(page, to=_names([room]), leave=_names([room]))
        case _Python(method="callback"):
            return None  # the answer to a server that asked for an ack
        case _:
            raise Malformed("expected a method of python-socketio with what belongs to it")


def read_broadcast(message: bytes) -> Order:
    """An event that Node's emitter publishes, or a server with the Redis adapter.

    Raises:
        Malformed: it is not one.
    """
    try:
        _, packet, options = _read_broadcast(message)
    except _UNREADABLE:
        raise Malformed("expected MessagePack as @socket.io/redis-emitter sends it") from None
    if packet.type not in _EVENTS or not packet.data or not isinstance(packet.data[0], str):
        raise Malformed("expected an event from @socket.io/redis-emitter")
    event, *args = packet.data
    is_volatile = options.flags is not None and options.flags.volatile is True
    return Order(packet.nsp, event, args, _rooms(options), _names(options.except_ or []), is_volatile)


def read_request(page: str, message: bytes) -> Order | None:
    """What else Node's emitter publishes.

    Args:
        page: the page's key, from the channel.
        message: what came.

    Returns:
        The order; None for a question that servers of Node have for each other.

    Raises:
        Malformed: it is not a request.
    """
    try:
        said = _read_request(message)
    except _UNREADABLE:
        raise Malformed("expected a request as @socket.io/redis-emitter sends it") from None
    options = said.opts or _Options()
    to, spared = _rooms(options), _names(options.except_ or [])
    if said.type == _JOIN:
        return Order(page, to=to, except_=spared, join=_names(said.rooms))
    if said.type == _LEAVE:
        return Order(page, to=to, except_=spared, leave=_names(said.rooms))
    if said.type == _DISCONNECT:
        return Order(page, to=to, except_=spared, disconnect=True, close=said.close)
    return None


def _arguments(said: _Python) -> list[Any]:
    """The arguments of an event: python-socketio takes a single None for none."""
    data = said.data
    if said.binary:
        try:
            structure, *attachments = data
            data = put_in(structure, [base64.b64decode(one, validate=True) for one in attachments])
        except (TypeError, ValueError, binascii.Error, PacketError, RecursionError):
            raise Malformed("expected binary data as python-socketio sends it") from None
    arguments: list[Any] = data if isinstance(data, list) else [data]
    return [] if arguments == [None] else arguments


def _rooms(options: _Options) -> list[str] | None:
    return _names(options.rooms) or None


def _names(names: list[_Name]) -> list[str]:
    return [str(name) for name in names]
