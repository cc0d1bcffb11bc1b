"""nannin: how many people are on this page right now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nannin.app.engine_io import EngineIO as EngineIO
    from nannin.app.group import Group as Group
    from nannin.app.live import Live as Live
    from nannin.app.pages import Pages as Pages
    from nannin.audience.count import Count as Count
    from nannin.emitter import AsyncEmitter as AsyncEmitter
    from nannin.emitter import Emitter as Emitter
    from nannin.emitter import RemoteTarget as RemoteTarget
    from nannin.engine.direct import DirectWebSocket as DirectWebSocket
    from nannin.engine.session import Session as Session
    from nannin.errors import ApplicationError as ApplicationError
    from nannin.errors import CallTimeout as CallTimeout
    from nannin.errors import ConnectionRefused as ConnectionRefused
    from nannin.errors import NanninError as NanninError
    from nannin.errors import NodesSilent as NodesSilent
    from nannin.errors import NotConnected as NotConnected
    from nannin.errors import PayloadError as PayloadError
    from nannin.errors import SettingsError as SettingsError
    from nannin.errors import WrongThread as WrongThread
    from nannin.hooks.notices import Notice as Notice
    from nannin.hub.sockets import Answers as Answers
    from nannin.hub.sockets import Page as Page
    from nannin.hub.sockets import RemoteSocket as RemoteSocket
    from nannin.hub.sockets import Socket as Socket
    from nannin.hub.sockets import Target as Target
    from nannin.hub.sockets import Visitor as Visitor
    from nannin.wire.disconnect_reason import DisconnectReason as DisconnectReason

# Where each public name is: the imports above, for the interpreter.
_MODULES = {
    "EngineIO": "nannin.app.engine_io",
    "Group": "nannin.app.group",
    "Live": "nannin.app.live",
    "Pages": "nannin.app.pages",
    "Count": "nannin.audience.count",
    "AsyncEmitter": "nannin.emitter",
    "Emitter": "nannin.emitter",
    "RemoteTarget": "nannin.emitter",
    "DirectWebSocket": "nannin.engine.direct",
    "Session": "nannin.engine.session",
    "ApplicationError": "nannin.errors",
    "CallTimeout": "nannin.errors",
    "ConnectionRefused": "nannin.errors",
    "NanninError": "nannin.errors",
    "NodesSilent": "nannin.errors",
    "NotConnected": "nannin.errors",
    "PayloadError": "nannin.errors",
    "SettingsError": "nannin.errors",
    "WrongThread": "nannin.errors",
    "Notice": "nannin.hooks.notices",
    "Answers": "nannin.hub.sockets",
    "Page": "nannin.hub.sockets",
    "RemoteSocket": "nannin.hub.sockets",
    "Socket": "nannin.hub.sockets",
    "Target": "nannin.hub.sockets",
    "Visitor": "nannin.hub.sockets",
    "DisconnectReason": "nannin.wire.disconnect_reason",
}

__all__ = [*_MODULES]


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used: `nannin --help` needs no server."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
