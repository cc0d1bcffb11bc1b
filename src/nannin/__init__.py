"""nannin: how many people are on this page right now."""

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

__all__ = [
    "ApplicationError",
    "CallTimeout",
    "ConnectionRefused",
    "Count",
    "EngineIO",
    "Live",
    "NanninError",
    "NotConnected",
    "Page",
    "Session",
    "SettingsError",
    "Socket",
]
