"""nannin: how many people are on this page right now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nannin.audience.roster import Count
    from nannin.engine import Session
    from nannin.engine_io import EngineIO
    from nannin.errors import (
        ApplicationError,
        CallTimeout,
        ConnectionRefused,
        NanninError,
        NotConnected,
        PayloadError,
        SettingsError,
    )
    from nannin.live import Live
    from nannin.sockets import DisconnectReason, Page, Socket
    from nannin.targets import Answers, Target
    from nannin.transport.direct import DirectWebSocket

_MODULES = {
    "Answers": "nannin.targets",
    "Count": "nannin.audience.roster",
    "DirectWebSocket": "nannin.transport.direct",
    "DisconnectReason": "nannin.sockets",
    "EngineIO": "nannin.engine_io",
    "Live": "nannin.live",
    "Page": "nannin.sockets",
    "Session": "nannin.engine",
    "Socket": "nannin.sockets",
    "Target": "nannin.targets",
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
