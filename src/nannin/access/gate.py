"""The gate: whether a request is meant for this server, and whether the page that makes it may.

Every path goes through it, polling, WebSocket, events, API and files alike, so that there is one rule.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from nannin.access.hosts import ForeignHost, Hosts
from nannin.access.origin import advise, find_header, is_allowed
from nannin.access.refusals import Refusal, Refusals
from nannin.once import Once

__all__ = ["Gate"]

logger = logging.getLogger("nannin.access")

# How many foreign origins the log tells of. The tally counts them all.
MAX_ORIGINS_LOGGED: Final = 16
# How many pairs of Origin and Host to remember. To compare one takes 15 us, and most pages send the same.
_MAX_ADMITTED: Final = 64


class Gate:
    """Judges requests by their Host and their Origin.

    Args:
        allow_origins: the origins that may connect besides the server's own.
        hosts: the names that this server goes by; none: any, as far as no foreign page can use it.
        refusals: tallies who was turned away.
        own_name: what this machine calls itself.

    Attributes:
        allow_origins: as given.
    """

    def __init__(
        self,
        allow_origins: Collection[str] = (),
        hosts: Collection[str] = (),
        refusals: Refusals | None = None,
        own_name: str = "",
    ) -> None:
        self.allow_origins = allow_origins
        self._hosts = Hosts(hosts, allow_origins, own_name)
        self._refusals = refusals or Refusals()
        self._origins = Once(MAX_ORIGINS_LOGGED)
        self._admitted: set[tuple[bytes, str]] = set()

    def admits(self, scope: Mapping[str, Any]) -> bool:
        """Whether a request is meant for this server, and its page may make it. Nothing is tallied."""
        headers = scope["headers"]
        foreign = self._hosts.judge(headers, scope.get("server"), scope.get("client"))
        return foreign is None and self.admits_page(headers)

    def admits_page(self, headers: Sequence[tuple[bytes, bytes]]) -> bool:
        """Whether the page that makes a request may. A program names no origin, and always may.

        Args:
            headers: the request's, with names in lower case.
        """
        origins = [value for name, value in headers if name == b"origin"]
        if not origins:
            return True
        pair = (origins[0], find_header(headers, b"host"))
        if len(origins) > 1 or pair in self._admitted:
            return len(origins) == 1
        is_admitted = is_allowed(origins[0].decode("latin-1"), pair[1], self.allow_origins)
        if is_admitted and len(self._admitted) < _MAX_ADMITTED:
            self._admitted.add(pair)
        return is_admitted

    def turn_away_host(self, scope: Mapping[str, Any]) -> ForeignHost | None:
        """Why a request is not meant for this server, or None. Who is turned away is tallied.

        Args:
            scope: the ASGI scope of an HTTP request or a WebSocket.
        """
        foreign = self._hosts.judge(scope["headers"], scope.get("server"), scope.get("client"))
        if foreign is not None:
            self._refusals.add_and_tell(
                Refusal.HOST,
                "a client was refused that calls this server %.80s: if that is its name, the setting hosts "
                "(--hosts) accepts it; this keeps foreign pages out (DNS rebinding)",
                ascii(find_header(scope["headers"], b"host")),
            )
        return foreign

    def turn_away_page(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Tallies a page that may not make its request; the log says once of each origin how to let it in."""
        self._refusals.add(Refusal.ORIGIN)
        origin = find_header(headers, b"origin")
        if self._origins.is_first(origin):
            logger.warning("%s", advise(origin))
