"""The exceptions that several rooms, or an application, may meet.

NanninError
├── SettingsError                             a setting is wrong: which, what was expected, what came
├── ApplicationError                          an application can't be loaded
├── ConnectionRefused (ConnectionRefusedError)  a connect handler turns a client away
├── CallTimeout (TimeoutError)                a client did not acknowledge in time
├── NodesSilent (TimeoutError)                other nodes did not answer in time
├── HandlerCancelled                          what a handler awaited was cancelled
├── NotConnected                              the socket has left its page
├── WrongThread (RuntimeError)                something was called from another thread than the server's
├── PayloadError (ValueError)                 what a client sent is not what the handler takes
├── PacketError                               a client sent a malformed packet
│   └── StrayPacket                           it makes no sense but does no harm, and is ignored
├── FrameError                                a client sent a WebSocket frame that breaks a rule
├── BindError                                 an address can't be listened on
├── HistoryError                              history can't be read or written
│   └── HistoryAway                           not now, but perhaps later
├── RemoteError                               a running server can't be reached, or refuses
└── BenchError                                a benchmark can't go on

What only one room raises and catches, such as `RequestRefused` of `engine/`, stands where it is raised.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "ApplicationError",
    "BenchError",
    "BindError",
    "CallTimeout",
    "ConnectionRefused",
    "FrameError",
    "HandlerCancelled",
    "HistoryAway",
    "HistoryError",
    "NanninError",
    "NodesSilent",
    "NotConnected",
    "PacketError",
    "PayloadError",
    "RemoteError",
    "SettingsError",
    "StrayPacket",
    "WrongThread",
]


class NanninError(Exception):
    """The root of all exceptions here."""


class SettingsError(NanninError):
    """A setting is wrong. The message is one line: which setting, what was expected, what came."""


class ApplicationError(NanninError):
    """An application can't be loaded. The message is one line: which file or name, and why."""


class ConnectionRefused(NanninError, ConnectionRefusedError):
    """Raised by a connect handler to turn a client away; the client gets it as `connect_error`.

    Args:
        message: what the client reads as the error's message.
        data: anything that JSON can hold; the client reads it as the error's `data`. None is not sent.

    Source: Socket.IO protocol v5, "Connection to a namespace" (CONNECT_ERROR).
    """

    def __init__(self, message: str = "Connection refused", data: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class CallTimeout(NanninError, TimeoutError):
    """A client did not acknowledge an event in time."""


class NodesSilent(NanninError, TimeoutError):
    """Other nodes did not answer in time, so that what was asked of all of them is not known.

    Args:
        nodes: how many did not, as far as is known.
    """

    def __init__(self, nodes: int) -> None:
        super().__init__(f"expected an answer of every node, and none came in time of {nodes}")
        self.nodes = nodes


class HandlerCancelled(NanninError):
    """A handler was cancelled, or awaited a task or future that was; the log and a test's stage get it.

    Args:
        itself: whether the handler's own task was cancelled, and not only what it waited for.
    """

    def __init__(self, *, itself: bool) -> None:
        super().__init__(
            "the handler was cancelled" if itself else "what the handler waited for was cancelled"
        )
        self.itself = itself


class NotConnected(NanninError):
    """The socket has left its page, so there is nobody to send to or to wait for."""


class WrongThread(NanninError, RuntimeError):
    """What belongs on the server's loop was called from another thread; the message says what to do."""


class PayloadError(NanninError, ValueError):
    """What a client sent with an event is not what the handler takes; the client gets the message.

    A handler may raise it as well, to refuse an event for a reason of its own.
    """


class PacketError(NanninError):
    """A client sent a malformed Engine.IO or Socket.IO packet.

    It never leaves nannin: whoever reads the packet catches it, and ends the client's session.
    """


class StrayPacket(PacketError):
    """A packet that makes no sense but does no harm: it is ignored, as Node's server ignores it."""


class FrameError(NanninError):
    """A client sent a WebSocket frame that breaks a rule. It never leaves nannin: the connection ends.

    Attributes:
        close_code: what tells the client so.
        reason: the words of the close frame.
    """

    def __init__(self, close_code: int, reason: str) -> None:
        super().__init__(f"{close_code}: {reason}")
        self.close_code, self.reason = close_code, reason


# For people at the command line. Each message is one line.


class BindError(NanninError):
    """An address can't be listened on."""


class RemoteError(NanninError):
    """A running server can't be reached, or refuses."""


class BenchError(NanninError):
    """A benchmark can't go on."""


class HistoryError(NanninError):
    """History can't be read or written, and waiting does not help: it is damaged, or of a newer nannin."""


class HistoryAway(HistoryError):
    """History can't be read or written now, which may pass: it is locked, a disk is full, a link is lost."""
