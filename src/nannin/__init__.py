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
        SettingsError,
    )
    from nannin.live import Live
    from nannin.sockets import Page, Socket
    from nannin.transport.direct import DirectWebSocket

_MODULES = {
    "Count": "nannin.audience.roster",
    "DirectWebSocket": "nannin.transport.direct",
    "EngineIO": "nannin.engine_io",
    "Live": "nannin.live",
    "Page": "nannin.sockets",
    "Session": "nannin.engine",
    "Socket": "nannin.sockets",
}

__all__ = [
    "ApplicationError",
    "CallTimeout",
    "ConnectionRefused",
    "Count",
    "DirectWebSocket",
    "EngineIO",
    "Live",
    "NanninError",
    "NotConnected",
    "Page",
    "Session",
    "SettingsError",
    "Socket",
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
