"""nannin: how many people are on this page right now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nannin.app.engine_io import EngineIO
    from nannin.app.live import Live
    from nannin.audience.roster import Count
    from nannin.engine.direct import DirectWebSocket
    from nannin.engine.engine import Session
    from nannin.errors import (
        ApplicationError,
        CallTimeout,
        ConnectionRefused,
        NanninError,
        NotConnected,
        PayloadError,
        SettingsError,
    )
    from nannin.hub.sockets import DisconnectReason, Page, Socket
    from nannin.hub.targets import Answers, Target

_MODULES = {
    "Answers": "nannin.hub.targets",
    "Count": "nannin.audience.roster",
    "DirectWebSocket": "nannin.engine.direct",
    "DisconnectReason": "nannin.hub.sockets",
    "EngineIO": "nannin.app.engine_io",
    "Live": "nannin.app.live",
    "Page": "nannin.hub.sockets",
    "Session": "nannin.engine.engine",
    "Socket": "nannin.hub.sockets",
    "Target": "nannin.hub.targets",
}

__all__ = [
    "Answers",
    "ApplicationError",
    "CallTimeout",
    "ConnectionRefused",
    "Count",
    "DirectWebSocket",
    "DisconnectReason",
    "EngineIO",
    "Live",
    "NanninError",
    "NotConnected",
    "Page",
    "PayloadError",
    "Session",
    "SettingsError",
    "Socket",
    "Target",
]


def __getattr__(name: str) -> Any:
    """Imports a public name at its first use: `nannin --help` needs no server."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_MODULES.get(name, "nannin.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
