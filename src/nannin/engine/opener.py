"""Apps that take a WebSocket without an ASGI call: at once, without a task."""

from __future__ import annotations

import functools
from typing import Any, Protocol

from starlette.types import Scope

from nannin.engine.link import DirectLink


class Opener(Protocol):
    """An ASGI app that can also take a WebSocket at once."""

    def open_websocket(self, scope: Scope, link: DirectLink) -> bool:
        """Accepts a WebSocket and attaches a receiver to it.

        Args:
            scope: what the app would be called with.
            link: the WebSocket.

        Returns:
            False if nothing was done, and the app is to be called with the scope.
        """


def open_at_once(app: Any, scope: Scope, link: DirectLink) -> bool:
    """Lets an app take a WebSocket at once if it can.

    Args:
        app: any ASGI app.
        scope: what it would be called with.
        link: the WebSocket.

    Returns:
        False if nothing was done, and the app is to be called.
    """
    if not _opens(type(app)):  # type: ignore[arg-type] # a type is hashable
        return False
    opener: Opener = app
    return opener.open_websocket(scope, link)


@functools.lru_cache(maxsize=16)
def _opens(kind: Any) -> bool:
    """Whether a class is that of an opener; not if a subclass has changed what a call does."""
    for base in kind.__mro__:
        named = vars(base)
        if "open_websocket" in named or "__call__" in named:
            return "open_websocket" in named and "__call__" in named
    return False
