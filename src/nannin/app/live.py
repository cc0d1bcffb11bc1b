"""Live: the whole server as one ASGI app, and the application's way to its pages and clients."""

from __future__ import annotations

import asyncio
import inspect
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from nannin.access.admission import Refusal
from nannin.app.background import Background, BackgroundT
from nannin.app.dispatch import App
from nannin.app.engine_io import SID_BYTES, make_engine
from nannin.app.goodbye import HostWatch
from nannin.app.wrapping import Wrapped, check_application, own_paths, restore_path
from nannin.audience.page_key import check_page_key, is_pattern
from nannin.audience.roster import Count
from nannin.clock import SystemClock
from nannin.engine.endpoint import Endpoint
from nannin.errors import SettingsError
from nannin.hub.handlers import Handlers, HandlerT
from nannin.hub.hub import Hub
from nannin.hub.observatory import Observatory
from nannin.hub.sockets import MiddlewareT, Page
from nannin.settings import Settings, load
from nannin.web.emit import Emit
from nannin.web.pages import routes
from nannin.web.routes import CountRoutes

if TYPE_CHECKING:
    from nannin.access.tokens import Tokens

ChangeHandler = Callable[[Page, Count], Any]
ChangeHandlerT = TypeVar("ChangeHandlerT", bound=ChangeHandler)

logger = logging.getLogger("nannin.live")

# Of so many foreign origins the log tells; the tally counts them all.
MAX_ORIGINS_LOGGED = 16


class Live:
    """A live audience server: an ASGI app to run by itself, to mount in another, or to put around one.

    Args:
        app: an ASGI app that answers every path that is not ours, `/` included; None for none.
        defaults: settings, such as `ping_interval=10`; flags, environment and nannin.toml go before them.

    Raises:
        SettingsError: an unknown setting or a wrong value.
        TypeError: `app` is no ASGI app.
    """

    def __init__(self, app: Callable[..., Awaitable[Any]] | None = None, **defaults: Any) -> None:
        if app is not None:
            check_application(app)
        self.settings = load(defaults=defaults)
        self._clock = SystemClock()
        self._turned_away: set[str] = set()
        self._background = Background()
        self._hub = Hub(
            Handlers(),
            self.settings,
            new_id=lambda: secrets.token_urlsafe(SID_BYTES),
            clock=self._clock,
            is_crawler=_is_crawler,
            verify=_verifier(self.settings),
        )
        for pattern in self.settings.pages:
            self._hub.handlers.declare(pattern)
        self.engine = make_engine(self._hub, self.settings, self._clock)
        endpoint = Endpoint(self.engine, self.settings.allow_origins, self._turn_away)
        self._observers = CountRoutes(
            Observatory(self._hub, self.engine, self.settings),
            self._clock,
            public=self.settings.public,
            allow_origins=self.settings.allow_origins,
        )
        emit = Emit(self._find_page, self.settings.emit_token, self.settings.max_payload)
        beside = [*routes(), Route("/api/emit", emit), *self._observers.routes()]
        self._host = HostWatch(self._shut_down)
        self._app: ASGIApp = App("/socket.io/", endpoint, beside, self._host.shut_down)
        self.wrapped = app
        if app is not None:
            self._app = Wrapped(app, self._app, own_paths("/socket.io/", beside), self._host.shut_down)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, WebSocket or lifespan."""
        self._hub.emitter.run_on(asyncio.get_running_loop())
        self._background.start()
        self._host.begin()
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        scope = restore_path(scope) if self.wrapped is None else scope
        with self._host.request():
            await self._app(scope, receive, send)

    def page(self, key: str) -> Page:
        """A page, to register handlers on, to count, or to send to.

        Handlers close the list of pages: once a page other than `/` has one, only `/` and pages with handlers
        exist, and a client that asks for another gets the `connect_error` "Invalid namespace". The setting
        `pages` names more of them; `live.page("/*")` stands for all.

        Args:
            key: a path that starts with `/`; `*` in it stands for any text, `{name}` for any text without a
                `/`, which handlers find in `socket.params`.

        Raises:
            ValueError: it is no page key.
        """
        check_page_key(key)
        return Page(self._hub, key)

    def on(self, event: str) -> Callable[[HandlerT], HandlerT]:
        """Registers the decorated function for an event on the page `/`; see `Page.on`."""
        return Page(self._hub, "/").on(event)

    def use(self, middleware: MiddlewareT) -> MiddlewareT:
        """Puts an async function around the handlers of the page `/`; see `Page.use`."""
        return Page(self._hub, "/").use(middleware)

    def pages(self) -> list[Page]:
        """The pages that somebody is on."""
        return [Page(self._hub, key, is_one=True) for key in self._hub.pages()]

    def on_change(self, handler: ChangeHandlerT) -> ChangeHandlerT:
        """Calls a function whenever the count of a page has changed: with the page, and its count.

        It is called as often as the page's clients are told: at once after a quiet time, then at a pace, and
        always with the last count; also with zeros when the last one has left. It may be async.
        """
        self._hub.watch(_Changes(self._hub, handler, self._background), None)
        return handler

    def background(self, function: BackgroundT) -> BackgroundT:
        """Runs an async function beside the server: from its start, or the first request, to its end.

        Raises:
            TypeError: it is no async function.
        """
        self._background.add(function)
        return function

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Runs a coroutine in the background. What it raises is logged; the end of the server cancels it."""
        return self._background.spawn(coroutine)

    def token(self, page: str) -> str:
        """The token that a client needs to join a page, where the setting `page_secret` is in force.

        Raises:
            SettingsError: there is no `page_secret`.
        """
        if not self.settings.page_secret:
            raise SettingsError("page_secret is not set: pages need no token")
        return _tokens(self.settings.page_secret).sign(page)

    def _find_page(self, key: str) -> Page | None:
        return Page(self._hub, key) if self._hub.handlers.exists(key) and not is_pattern(key) else None

    def _shut_down(self) -> None:
        """Ends every session, every stream and every task."""
        self._background.shut_down()
        self.engine.shut_down()
        self._observers.shut_down()

    def _turn_away(self, origin: str) -> None:
        """A page of a foreign origin was turned away; the log says once of each how to let it in."""
        self._hub.admission.tally[Refusal.ORIGIN] += 1
        if origin not in self._turned_away and len(self._turned_away) < MAX_ORIGINS_LOGGED:
            self._turned_away.add(origin)
            logger.warning("pages of %.80r may not connect; --allow-origins lets those of a site in", origin)


def _is_crawler(user_agent: str) -> bool:
    from nannin.access.crawlers import is_crawler  # its patterns are not loaded before the first client

    return is_crawler(user_agent)


def _verifier(settings: Settings) -> Callable[[str, str], bool] | None:
    if not settings.page_secret:
        return None
    return _tokens(settings.page_secret).verify


def _tokens(secrets: Sequence[str]) -> Tokens:
    from nannin.access.tokens import Tokens  # most servers need none, and it takes 16 ms to load

    return Tokens(secrets)


class _Changes:
    """A watcher that calls the application's function.

    Args:
        hub: whose pages they are.
        handler: the function.
        background: owner of its tasks, if it is async.
    """

    def __init__(self, hub: Hub, handler: ChangeHandler, background: Background) -> None:
        self._hub = hub
        self._handler = handler
        self._background = background

    def told(self, page: str, count: Count) -> None:
        """A page's count has changed."""
        try:
            result = self._handler(Page(self._hub, page, is_one=True), count)
            if inspect.isawaitable(result):
                self._background.spawn(_awaited(result))
        except Exception:
            logger.exception("the change handler raised for page %s", page)


async def _awaited(result: Any) -> Any:
    """Anything that can be awaited, as a coroutine: a task takes nothing else."""
    return await result
