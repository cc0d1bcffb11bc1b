"""What one engine's sessions have in common, and the OPEN packet that tells their clients of it."""

from __future__ import annotations

import functools

import msgspec

from nannin.wire.engine_packet import EnginePacketType

_SID = "<sid>"


class Limits(msgspec.Struct, frozen=True):
    """The intervals and sizes of an engine's sessions, in seconds and bytes.

    It is a Struct since each session looks up its OPEN packet by it, and a dataclass hashes in Python.
    """

    ping_interval_s: float = 25.0
    ping_timeout_s: float = 20.0
    upgrade_timeout_s: float = 10.0
    drain_timeout_s: float = 10.0
    body_timeout_s: float = 15.0
    max_payload_bytes: int = 16_384
    max_outbox_bytes: int = 65_536


def open_packet(limits: Limits, sid: str, *, upgradable: bool) -> str:
    """The OPEN packet of a session, with which the server answers its first request.

    Args:
        limits: those of its engine.
        sid: its id.
        upgradable: whether it may upgrade to a WebSocket, as it opened with a poll.
    """
    return _open_packet(limits, upgradable).replace(_SID, sid, 1)


@functools.lru_cache(maxsize=64)
def _open_packet(limits: Limits, upgradable: bool) -> str:
    """That of all sessions of an engine, with a placeholder for the sid."""
    data = {
        "sid": _SID,
        "upgrades": ["websocket"] if upgradable else [],
        "pingInterval": round(limits.ping_interval_s * 1000),
        "pingTimeout": round(limits.ping_timeout_s * 1000),
        "maxPayload": limits.max_payload_bytes,
    }
    return EnginePacketType.OPEN.value + msgspec.json.encode(data).decode()
