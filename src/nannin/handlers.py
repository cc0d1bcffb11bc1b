"""Which function of the application answers which event on which page."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from nannin.wire.socket_packet import RESERVED_EVENTS

Handler = Callable[..., Any]
HandlerT = TypeVar("HandlerT", bound=Handler)

CONNECT = "connect"
DISCONNECT = "disconnect"

MAX_PAGE_BYTES = 255


def is_page_key(key: str) -> bool:
    """Whether a text can be a page's key: `/` first, 255 bytes at most, nothing unprintable, no comma."""
    return (
        key.startswith("/") and key.isprintable() and "," not in key and len(key.encode()) <= MAX_PAGE_BYTES
    )


class Handlers:
    """The handlers of one application, by page pattern and event.

    A pattern is a page's key, in which `*` stands for any text. Where several match, a key that is named in
    full comes first, then the longest pattern.
    """

    def __init__(self) -> None:
        self._patterns: dict[str, tuple[re.Pattern[str], dict[str, Handler]]] = {}
        self._named = False
        self.is_used = False

    def name(self, pattern: str) -> None:
        """Names pages. From the first time on, only named pages and `/` exist.

        Raises:
            ValueError: the pattern is no page key.
        """
        if not is_page_key(pattern):
            raise ValueError(
                f"a page's key starts with /, has up to {MAX_PAGE_BYTES} bytes and no comma, not {pattern!r}"
            )
        self._named = True
        self._add(pattern)

    def register(self, pattern: str, event: str, handler: Handler) -> None:
        """Lets `handler` answer `event` on the pages of `pattern`.

        Raises:
            ValueError: the event is reserved for the protocol, or has a handler there already.
            TypeError: the handler can't be called, or the event is no text.
        """
        if not isinstance(event, str):
            raise TypeError(f"an event's name is a str, not {event!r}")
        if event in RESERVED_EVENTS - {CONNECT, DISCONNECT}:
            raise ValueError(f"{event!r} is reserved for the protocol and never arrives")
        if not callable(handler):
            raise TypeError(f"the handler of {event!r} must be a function, not {handler!r}")
        handlers = self._add(pattern)
        if event in handlers:
            raise ValueError(f"{event!r} has a handler on page {pattern} already")
        handlers[event] = handler
        self.is_used = True

    def _add(self, pattern: str) -> dict[str, Handler]:
        if pattern not in self._patterns:
            expression = re.compile(".*".join(map(re.escape, pattern.split("*"))))
            self._patterns[pattern] = (expression, {})
            # The most specific first: plain keys, then longer patterns.
            self._patterns = dict(
                sorted(self._patterns.items(), key=lambda row: ("*" in row[0], -len(row[0])))
            )
        return self._patterns[pattern][1]

    def exists(self, page: str) -> bool:
        """Whether there is such a page to join."""
        if not is_page_key(page):
            return False
        return (
            not self._named or page == "/" or any(row[0].fullmatch(page) for row in self._patterns.values())
        )

    def find(self, page: str, event: str) -> Handler | None:
        """The handler of an event on a page, if there is one."""
        for expression, handlers in self._patterns.values():
            if event in handlers and expression.fullmatch(page):
                return handlers[event]
        return None

    def handles(self, page: str) -> bool:
        """Whether the application handles anything on that page, and so speaks to its clients itself."""
        return any(
            handlers and expression.fullmatch(page) for expression, handlers in self._patterns.values()
        )
