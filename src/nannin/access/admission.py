"""Who may join which page: what is asked of a CONNECT before the application is."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from nannin.access.connect import Format
from nannin.hub.handlers import Handlers
from nannin.hub.sockets import Socket
from nannin.settings import Settings

MAX_VISITOR_BYTES = 64

_FORMATS = frozenset(form.value for form in Format)


class Refusal(enum.StrEnum):
    """Why somebody was turned away; the tally's words."""

    ORIGIN = "origin"
    PAGE = "page"
    TOKEN = "token"  # noqa: S105
    PAYLOAD = "payload"
    LIMIT = "limit"
    APPLICATION = "application"
    EVENT = "event"


class Admission:
    """Judges CONNECTs, and tallies whom it or anybody else turns away.

    Args:
        handlers: they know which pages there are.
        settings: the limits.
        verify: whether a token opens a page; None where pages need none.

    Attributes:
        tally: how many were turned away since the start, by `Refusal`.
    """

    def __init__(
        self, handlers: Handlers, settings: Settings, verify: Callable[[str, str], bool] | None
    ) -> None:
        self.tally: Counter[Refusal] = Counter()
        self._handlers = handlers
        self._settings = settings
        self._verify = verify

    def find_problem(
        self, sockets: Mapping[str, Socket], key: str, auth: Mapping[str, Any], *, observes: bool
    ) -> str | None:
        """Why a CONNECT can't be taken, in the words of its `connect_error`; it is tallied.

        Args:
            sockets: those that its session has already, by page.
            key: the page's.
            auth: what came with it.
            observes: whether it will only observe.
        """
        refusal, problem = (
            self._judge_page(sockets, key, auth)
            or self._judge_payload(auth)
            or self._judge_limits(sockets, observes)
            or (None, None)
        )
        if refusal is not None:
            self.tally[refusal] += 1
        return problem

    def _judge_page(
        self, sockets: Mapping[str, Socket], key: str, auth: Mapping[str, Any]
    ) -> tuple[Refusal, str] | None:
        if not self._handlers.exists(key):
            return Refusal.PAGE, "Invalid namespace"
        if key in sockets:
            return Refusal.PAGE, "Already connected"
        if self._verify is not None:
            token = auth.get("token")
            if not isinstance(token, str) or not self._verify(key, token):
                return Refusal.TOKEN, "Invalid token: this page needs a signed token"
        return None

    def _judge_payload(self, auth: Mapping[str, Any]) -> tuple[Refusal, str] | None:
        visitor = auth.get("visitor")
        if visitor is not None and not (
            isinstance(visitor, str) and 0 < len(visitor.encode(errors="replace")) <= MAX_VISITOR_BYTES
        ):
            return Refusal.PAYLOAD, f"Invalid visitor: a text of 1 to {MAX_VISITOR_BYTES} bytes"
        updates = auth.get("updates", Format.CLASSIC.value)
        if not isinstance(updates, str) or updates not in _FORMATS:
            return Refusal.PAYLOAD, 'Invalid updates: "classic", "audience" or "none"'
        for name in ("visible", "observe", "recover"):
            if not isinstance(auth.get(name, False), bool):
                return Refusal.PAYLOAD, f"Invalid {name}: true or false"
        return None

    def _judge_limits(self, sockets: Mapping[str, Socket], observes: bool) -> tuple[Refusal, str] | None:
        observed = sum(socket.observes for socket in sockets.values())
        if observes and observed >= self._settings.max_observed:
            return (
                Refusal.LIMIT,
                f"Too many namespaces: one session may observe {self._settings.max_observed}",
            )
        if not observes and len(sockets) - observed >= self._settings.max_namespaces:
            return (
                Refusal.LIMIT,
                f"Too many namespaces: one session may be on {self._settings.max_namespaces}",
            )
        return None
