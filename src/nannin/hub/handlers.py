"""Which function of the application answers which event on which page."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from nannin.audience.groups import Groups
from nannin.audience.page_key import (
    KeyPattern,
    as_iri,
    as_uri,
    check_page_key,
    generality,
    is_page_key,
)
from nannin.hub.misspelt import meant_by
from nannin.hub.payloads import Payload, check_taker, name_of
from nannin.wire.socket_packet import RESERVED_EVENTS

logger = logging.getLogger("nannin.handlers")

HandlerT = TypeVar("HandlerT", bound=Callable[..., Any])
# Called with the socket, the event, its arguments, and what calls the rest.
Middleware = Callable[[Any, str, tuple[Any, ...], Callable[[], Awaitable[Any]]], Awaitable[Any]]

CONNECT = "connect"
DISCONNECT = "disconnect"
ANY = "*"
# Of visitors, and not of clients: the first tab came, the last has gone and its grace is over.
ENTER = "enter"
EXIT = "exit"

# Maximum pages whose handlers are remembered where there are fewer than half as many; else twice as many as
# there are. With a fixed number, each event on one page more would have forgotten those of all others.
MAX_RESOLVED = 10_000

# A parameter of a path as Express and others have it.
_COLON = re.compile(r"/:([A-Za-z_]\w*)")


def check_handled(event: str) -> None:
    """Raises where `event` is not a name that a handler can have, such as the function of a bare `@on`."""
    if not isinstance(event, str):
        raise TypeError(f"an event's name is a str, as in @on('say'), not {event!r}")
    if event == "connection":  # the word of Node's server for it
        raise ValueError("the event of a client that arrives is 'connect', not 'connection'")
    if event in RESERVED_EVENTS - {CONNECT, DISCONNECT}:
        raise ValueError(f"{event!r} is reserved for the protocol and never arrives")


class Handler:
    """A function of the application, and what it takes.

    Attributes:
        function: the function itself.
        name: what messages call it.
        payload: its arguments after the socket.
        is_for_visitors: whether it is called with a visitor, and not with a client's socket.
        is_for_any: whether it takes any event, and so the event's name before the arguments.
    """

    __slots__ = ("function", "is_for_any", "is_for_visitors", "name", "payload")

    def __init__(self, function: Callable[..., Any], event: str) -> None:
        self.function = function
        self.is_for_any = event == ANY
        self.name = name_of(function)
        first = "visitor" if event in (ENTER, EXIT) else "socket"
        self.payload = Payload(function, before=int(self.is_for_any), first=first)
        # A function that takes more than a visitor answers a client's event, which may be called the same.
        self.is_for_visitors = event in (ENTER, EXIT) and not self.payload.most
        check_taker(function, event, "Visitor" if self.is_for_visitors else "Socket")
        if self.is_for_any and not self.payload.most:
            raise TypeError(
                f"the handler {self.name} of '*' must take the event's name as its second argument"
            )
        if event in (CONNECT, DISCONNECT) and self.payload.least > 1:
            what = "auth" if event == CONNECT else "reason"
            raise TypeError(f"the handler {self.name} of {event!r} gets the socket and the {what}, no more")
        if event == CONNECT and not self.payload.takes_object():
            raise TypeError(
                f"the handler {self.name} of 'connect' gets the client's auth as an object: "
                "annotate its second argument as a dict, a TypedDict, a dataclass, a Struct or a model"
            )


class PageHandlers:
    """What the application does on one page.

    Attributes:
        params: the values of the `{name}` parts of the page's pattern, in letters.
        middleware: the functions around each handler, the outermost first.
        greets: whether the application is asked before a client joins.
        is_handled: whether there is a handler, so that the application speaks to the page's clients itself.
        follows_visitors: whether there is a handler of `enter` or `exit`.
    """

    __slots__ = (
        "_for_visitors",
        "_handlers",
        "follows_visitors",
        "greets",
        "is_handled",
        "middleware",
        "params",
    )

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        for_visitors: Mapping[str, Handler],
        middleware: tuple[Middleware, ...],
        params: dict[str, str],
    ) -> None:
        self._handlers = handlers
        self._for_visitors = for_visitors
        self.middleware = middleware
        self.params = params
        self.is_handled = bool(handlers or for_visitors)
        self.greets = bool(middleware) or CONNECT in handlers
        self.follows_visitors = bool(for_visitors)

    def find(self, event: str) -> Handler | None:
        """The handler of an event, or of any: `*` stands for all but connect and disconnect."""
        handler = self._handlers.get(event)
        if handler is None and event not in (CONNECT, DISCONNECT):
            handler = self._handlers.get(ANY)
        return handler

    def find_for_visitor(self, event: str) -> Handler | None:
        """The handler of `enter` or `exit`. No client can call it, whatever its events are called."""
        return self._for_visitors.get(event)

    def events(self) -> list[str]:
        """The names of the client's events that have a handler."""
        return [event for event in self._handlers if event not in (CONNECT, DISCONNECT, ANY)]


_NONE = PageHandlers({}, {}, (), {})


class _Row:
    __slots__ = ("for_visitors", "handlers", "keys")

    def __init__(self, pattern: str) -> None:
        self.keys = KeyPattern(pattern)
        self.handlers: dict[str, Handler] = {}
        self.for_visitors: dict[str, Handler] = {}


class Handlers:
    """The handlers of one application, by page pattern and event.

    A pattern is a page's key, in which `*` stands for any text and `{name}` for any text without a `/`. Where
    several have a handler for an event, a key without such parts comes first, then the most specific pattern:
    the one with the longest plain text, and of two such the one with fewer `*`. A handler of the event by its
    name, on whichever pattern, comes before every handler of the event `*`.

    Args:
        max_resolved: how many pages' handlers are remembered at least.
        warns: whether the log is told of what is probably a mistake.

    Attributes:
        groups: groups of pages. Their keys exist, for those who observe, and have no handlers.
        count_pages: how many pages there are; twice as many are remembered.
    """

    def __init__(self, *, max_resolved: int = MAX_RESOLVED, warns: bool = True) -> None:
        self._warns = warns
        self._max_resolved = max_resolved
        self.groups = Groups()
        self.count_pages: Callable[[], int] = lambda: 0
        self._rows: dict[str, _Row] = {}
        self._middleware: list[tuple[KeyPattern, Middleware]] = []
        self._resolved: dict[str, PageHandlers] = {}
        # Pages without parameters share what they have: clients may name very many pages.
        self._shared: dict[tuple[int, ...], PageHandlers] = {}
        self._is_closed = False
        self.is_used = False

    def declare(self, pattern: str) -> None:
        """Says that the pages of a pattern exist. After the first call only `/` and declared pages exist.

        Raises:
            ValueError: the pattern is not a page key.
        """
        check_page_key(as_uri(pattern))
        self._is_closed = True
        self._add(pattern)

    def group(self, key: str) -> str:
        """Makes a group of pages, whose key exists from now on; returns its one spelling.

        Raises:
            ValueError: the key is not a group's.
        """
        self._resolved.clear()
        return self.groups.add(key)

    def register(self, pattern: str, event: str, function: Callable[..., Any]) -> None:
        """Lets a function answer an event on the pages of a pattern, and declares them unless it is `/`.

        Raises:
            ValueError: the event is reserved for the protocol, or has a handler there already.
            TypeError: the function can't be called as a handler is, or the event is not a str.
        """
        check_handled(event)
        if not callable(function):
            raise TypeError(f"the handler of {event!r} must be a function, not {function!r}")
        handler = Handler(function, event)
        row = self._add(pattern)
        handlers = row.for_visitors if handler.is_for_visitors else row.handlers
        if event in handlers:
            raise ValueError(f"{event!r} has a handler on page {pattern} already")
        handlers[event] = handler
        self.is_used = True
        self._warn_of_slip(pattern, event, handler)

    def _warn_of_slip(self, pattern: str, event: str, handler: Handler) -> None:
        """Tells of a name that is probably a built-in one, if the handler could take that event."""
        meant = meant_by(event)
        takes = 0 if meant in (ENTER, EXIT) else 1
        if meant is None or not self._warns or handler.payload.least > takes:
            return
        logger.warning(
            "the handler %s on page %s answers a client's event %r: did you mean the built-in event %r?",
            handler.name,
            pattern,
            event,
            meant,
        )

    def _warn_of_colon(self, pattern: str) -> None:
        """Tells of a parameter that is written as other routers write it, which here is plain text."""
        meant = _COLON.sub(r"/{\1}", pattern)
        if meant != pattern and self._warns:
            logger.warning(
                "the page %s has a colon in its key, which is plain text: did you mean %s?", pattern, meant
            )

    def use(self, pattern: str, middleware: Middleware) -> None:
        """Puts a function around every handler of the pages of a pattern, and declares them unless it is `/`.

        Raises:
            TypeError: `middleware` is not an async function, or does not take what middleware gets.
        """
        if not inspect.iscoroutinefunction(middleware):
            raise TypeError(f"middleware is an async function, not {middleware!r}")
        try:
            inspect.signature(middleware).bind(None, None, None, None)
        except TypeError:
            name = name_of(middleware)
            raise TypeError(f"the middleware {name} must take socket, event, args and call_next") from None
        self._add(pattern)
        self._middleware.append((KeyPattern(as_uri(pattern)), middleware))
        self.is_used = True

    def exists(self, page: str) -> bool:
        """Whether a client may join this page."""
        page = as_uri(page)
        if not is_page_key(page):
            return False
        if not self._is_closed or page == "/" or page in self.groups:
            return True
        return any(row.keys.match(page) is not None for row in self._rows.values())

    def resolve(self, page: str) -> PageHandlers:
        """What the application does on a page."""
        if not self._rows and not self._middleware:
            return _NONE
        handlers = self._resolved.get(page)
        if handlers is None:
            known = len(self._resolved)
            if known >= self._max_resolved and known >= 2 * self.count_pages():
                self._resolved.clear()
            handlers = self._resolved[page] = self._resolve(page)
        return handlers

    def _resolve(self, page: str) -> PageHandlers:
        if page in self.groups:
            return _NONE
        page = as_uri(page)
        matches = [(row, row.keys.match(page)) for row in self._rows.values()]
        around = [one for keys, one in self._middleware if keys.match(page) is not None]
        handlers: dict[str, Handler] = {}
        for_visitors: dict[str, Handler] = {}
        params: dict[str, str] = {}
        for row, match in reversed(matches):  # the most specific comes last, and overrides the others
            if match is not None:
                handlers |= row.handlers
                for_visitors |= row.for_visitors
                params |= {name: as_iri(value) for name, value in match.items()}
        resolved = PageHandlers(handlers, for_visitors, tuple(around), params)
        if params:
            return resolved
        key = (
            *(index for index, (_, match) in enumerate(matches) if match is not None),
            -1,
            *map(id, around),
        )
        return self._shared.setdefault(key, resolved)

    def _add(self, pattern: str) -> _Row:
        self._resolved.clear()
        self._shared.clear()
        pattern = as_uri(pattern)
        if pattern not in self._rows:
            self._warn_of_colon(pattern)
            self._rows[pattern] = _Row(pattern)
            self._rows = dict(sorted(self._rows.items(), key=lambda row: generality(row[0])))
        self._is_closed = self._is_closed or pattern != "/"
        return self._rows[pattern]
