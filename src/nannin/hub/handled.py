"""The application's handlers for a page, or for the pages of a pattern."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from nannin.hub.connection import HubPort
from nannin.hub.handlers import HandlerT, Middleware, check_handled

MiddlewareT = TypeVar("MiddlewareT", bound=Middleware)


class Handled:
    """What a page's handlers are registered with. `Page` adds who is on it.

    Attributes:
        key: the page's key, or a pattern.
    """

    __slots__ = ("_hub", "key")

    def __init__(self, hub: HubPort, key: str) -> None:
        self._hub = hub
        self.key = key

    def on(self, event: str) -> Callable[[HandlerT], HandlerT]:
        """Registers the decorated function for an event on this page.

        `connect` is called with the socket, and with what the client sent to connect if it takes a second
        argument; `disconnect` with the socket and the reason; any other event with the socket and what the
        client sent, and what it returns is the ack. `*` is any other event without a handler of its own, and
        is called with the socket, the event's name and what the client sent.

        `enter` and `exit` are called with a `Visitor`: when the first tab of a person came to the page, and
        when the last one has gone and its grace is over. They are called once for each person, so that a
        reload is none of their business. A function that takes more than one argument answers a client's
        event of that name instead.

        A parameter with an annotation, such as a dataclass, a TypedDict or a msgspec Struct, gets what fits
        it; what does not fit is refused, and never reaches the handler.

        Raises:
            ValueError: the event is reserved, or has a handler already.
            TypeError: the event's name is not a str, or what is decorated can't be a handler.
        """
        check_handled(event)

        def register(handler: HandlerT) -> HandlerT:
            self._hub.handlers.register(self.key, event, handler)
            return handler

        return register

    def use(self, middleware: MiddlewareT) -> MiddlewareT:
        """Puts an async function around the page's handlers; `await call_next()` goes on to the next one.

        It is called as `middleware(socket, event, args, call_next)` for `connect` and for every event with a
        handler, and returns what the ack is to be. What it raises has the effect of a handler's exception.

        Raises:
            TypeError: it is not an async function.
        """
        self._hub.handlers.use(self.key, middleware)
        return middleware
