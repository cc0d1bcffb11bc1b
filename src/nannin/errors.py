"""Every exception that nannin raises on purpose.

NanninError
├── SettingsError                             a setting is wrong: which, what was expected, what came
├── ApplicationError                          an application can't be loaded
├── ConnectionRefused (ConnectionRefusedError)  a connect handler turns a client away
├── CallTimeout (TimeoutError)                a client did not acknowledge in time
├── NotConnected                              the socket has left its page
├── PayloadError (ValueError)                 what a client sent is not what the handler takes
└── PeerError                                 a client broke the protocol: `close_code`, `http_status`
    └── PacketError                           a malformed Engine.IO or Socket.IO packet
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "ApplicationError",
    "CallTimeout",
    "ConnectionRefused",
    "NanninError",
    "NotConnected",
    "PacketError",
    "PayloadError",
    "PeerError",
    "SettingsError",
]


class NanninError(Exception):
    """The root: catch it to catch everything that nannin raises on purpose."""


class SettingsError(NanninError):
    """A setting is wrong. The message is one line: which setting, what was expected, what came."""


class ApplicationError(NanninError):
    """An application can't be loaded. The message is one line: which file or name, and why."""


class ConnectionRefused(NanninError, ConnectionRefusedError):
    """Raised by a connect handler to turn a client away; the client gets it as `connect_error`.

    Args:
        message: what the client reads as the error's message.
        data: anything JSON can hold; the client reads it as the error's `data`. None sends none.

    Source: Socket.IO protocol v5, "Connection to a namespace" (CONNECT_ERROR).
    """

    def __init__(self, message: str = "Connection refused", data: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class CallTimeout(NanninError, TimeoutError):
    """A client did not acknowledge an event in time."""


class NotConnected(NanninError):
    """The socket has left its page, so there is nobody to send to or to wait for."""


class PayloadError(NanninError, ValueError):
    """What a client sent with an event is not what the handler takes; the client gets the message.

    A handler may raise it as well, to refuse an event for a reason of its own.
    """


class PeerError(NanninError):
    """A client broke the protocol.

    Args:
        message: what was expected and what came.
        close_code: the WebSocket close code this ends a connection with (RFC 6455, section 7.4.1).
        http_status: the HTTP status that answers it over polling.
    """

    close_code: int = 1002
    http_status: int = 400

    def __init__(
        self, message: str = "", *, close_code: int | None = None, http_status: int | None = None
    ) -> None:
        super().__init__(message)
        if close_code is not None:
            self.close_code = close_code
        if http_status is not None:
            self.http_status = http_status


class PacketError(PeerError):
    """A malformed Engine.IO or Socket.IO packet: 400 over polling, close code 1002 over WebSocket."""
