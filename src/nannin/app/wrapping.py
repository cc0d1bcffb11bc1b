"""A Live around another ASGI app: who answers which path, and how both get the lifespan."""

from __future__ import annotations

import contextlib
import inspect
import logging
from collections.abc import Callable, Collection, Sequence

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nannin.app.dispatch import route_path

__all__ = ["Wrapped", "check_application", "own_paths"]

logger = logging.getLogger("nannin.wrapping")

# How many messages of a request's body are kept, and how many bytes of each: more than a form of ours has.
_MAX_HEARD_AGAIN, _MAX_HEARD_BYTES = 4, 16_384


def check_application(app: object) -> None:
    """Raises where `app` can't be an ASGI application.

    Raises:
        TypeError: it can't be called, is a class, or does not take scope, receive and send.
    """
    if not callable(app) or isinstance(app, type):
        raise TypeError(f"Live(app) wraps an ASGI application, not {app!r}")
    with contextlib.suppress(ValueError):  # some callables of C have no signature to look at
        try:
            inspect.signature(app).bind(None, None, None)
        except TypeError:
            raise TypeError(
                f"Live(app) wraps an ASGI application, which takes scope, receive and send; not {app!r}. "
                "Put a WSGI application into asgiref.wsgi.WsgiToAsgi first"
            ) from None


def own_paths(engine_path: str, beside: Sequence[BaseRoute]) -> frozenset[str]:
    """The paths that a Live around another app answers itself.

    They are spelled out, file by file, so that the Live takes no more from the app than it serves:
    `/api/count` is ours, and `/api/users` is the app's. So are `/` and the files that only our page needs.

    Args:
        engine_path: the Engine.IO path, such as `/socket.io/`.
        beside: our other routes.
    """
    paths = {engine_path, engine_path.rstrip("/")}
    for route in beside:
        if isinstance(route, Route) and "{" not in route.path and not route.path.startswith("/static/index."):
            paths.add(route.path)
    return frozenset(paths - {"/"})


class Wrapped:
    """An ASGI app with a Live in front of it, which answers its own paths and leaves the others to the app.

    Args:
        app: any ASGI app; it need not know lifespans or WebSockets.
        ours: answers our own paths.
        paths: our own paths.
        on_shutdown: called when the server's lifespan ends, before the app hears of it.
        offered: paths that we answer as well, if the app has nothing there.
    """

    def __init__(
        self,
        app: ASGIApp,
        ours: ASGIApp,
        paths: Collection[str],
        on_shutdown: Callable[[], None],
        offered: Collection[str] = (),
    ) -> None:
        self._offered = offered
        self._app = app
        self._ours = ours
        self._paths = paths
        self._on_shutdown = on_shutdown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, WebSocket or lifespan."""
        if scope["type"] == "lifespan":
            await self._serve_lifespan(scope, receive, send)
        elif route_path(scope) in self._paths:
            await self._ours(scope, receive, send)
        elif scope["type"] == "http" and route_path(scope) in self._offered:
            await self._ask_app_first(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _ask_app_first(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers what the app has not found; what the app has read of a short body is there again."""
        is_missing = False
        heard: list[Message] = []

        async def hear() -> Message:
            message = await receive()
            if len(heard) < _MAX_HEARD_AGAIN and len(message.get("body", b"")) <= _MAX_HEARD_BYTES:
                heard.append(message)
            return message

        async def hear_again() -> Message:
            return heard.pop(0) if heard else await receive()

        async def say(message: Message) -> None:
            nonlocal is_missing
            if message["type"] == "http.response.start" and message["status"] == 404:
                is_missing = True
            if not is_missing:
                await send(message)

        await self._app(scope, hear, say)
        if is_missing:
            await self._ours(scope, hear_again, send)

    async def _serve_lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Gives the app the lifespan, and completes it alone if the app has none.

        Source: the ASGI specification, "Lifespan": an app that raises at it is served without.
        """
        heard, said = [""], [""]

        async def hear() -> Message:
            message = await receive()
            heard.append(message["type"])
            if message["type"] == "lifespan.shutdown":
                self._on_shutdown()
            return message

        async def say(message: Message) -> None:
            said.append(message["type"])
            await send(message)

        try:
            await self._app(scope, hear, say)
        except Exception as error:
            if said[-1]:
                raise
            logger.debug("the wrapped application has no lifespan: %r", error)
        if heard[-1] == "":
            await hear()
        if said[-1] == "":
            await say({"type": "lifespan.startup.complete"})
        if said[-1] == "lifespan.startup.complete":
            if heard[-1] != "lifespan.shutdown":
                await hear()
            await say({"type": "lifespan.shutdown.complete"})
