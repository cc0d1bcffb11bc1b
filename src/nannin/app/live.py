"""Live: the whole server as one ASGI app, and the application's way to its pages and clients."""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nannin.access.refusals import Refusal
from nannin.app.assembly import Assembly
from nannin.app.background import Background, BackgroundT
from nannin.app.counted import CountHandlerT, Happens, Rules, check_change_handler, make_call, read_rule
from nannin.app.defaults import Defaults
from nannin.app.dispatch import App, restore_path
from nannin.app.goodbye import HostWatch
from nannin.app.group import Group
from nannin.app.pages import ChangeHandlerT, Pages
from nannin.app.siblings import Siblings
from nannin.app.workers import warn_of_workers
from nannin.app.wrapping import Wrapped, check_application, own_paths
from nannin.audience.page_key import as_uri, check_page_key, is_pattern
from nannin.audience.roster import Count
from nannin.engine.endpoint import Endpoint, FirstProtocol
from nannin.engine.link import DirectLink
from nannin.errors import SettingsError
from nannin.hub.caller import awaited
from nannin.hub.handled import MiddlewareT
from nannin.hub.handlers import HandlerT
from nannin.hub.hub import Hub
from nannin.hub.sockets import Page
from nannin.sources import load
from nannin.web.dashboard import PATH as DASHBOARD
from nannin.web.dashboard import ToDashboard
from nannin.web.emit import Emit
from nannin.web.health import Probe
from nannin.web.pages import routes

logger = logging.getLogger("nannin.live")

ENGINE_PATH = "/socket.io/"


class Live:
    """A live audience server: an ASGI app to run by itself, to mount in another, or to put around one.

    Args:
        app: an ASGI app that answers every path that is not nannin's, `/` included.
        defaults: settings, such as `ping_interval=10`; flags, environment and nannin.toml go before them.

    Attributes:
        settings: the settings in force.
        engine: the Engine.IO server, with the table of its sessions.
        assembly: the parts, for `nannin.testing`.
        wrapped: `app`.

    Raises:
        SettingsError: an unknown setting or a wrong value.
        TypeError: `app` is not an ASGI app.
    """

    def __init__(
        self, app: Callable[..., Awaitable[Any]] | None = None, **defaults: Unpack[Defaults]
    ) -> None:
        if app is not None:
            check_application(app)
        self.settings = load(defaults=defaults)
        self.assembly = Assembly(self.settings)
        self.engine = self.assembly.engine
        self._hub = self.assembly.hub
        gate = self.assembly.gate
        endpoint = Endpoint(self.engine, gate)
        max_bytes = self.settings.max_payload_bytes(handles_events=True)
        emit = Emit(
            self._find_page,
            self.settings.emit_token,
            max_bytes,
            self.settings.body_timeout,
            gate,
            self.assembly.tries,
            lambda: self.assembly.refusals.add(Refusal.EMIT),
        )
        beside = [
            *routes(self.assembly.counts.frame_ancestors()),
            Route("/socket.io/1/", FirstProtocol(endpoint)),
            Route("/api/emit", emit),
            Route(DASHBOARD, self.assembly.counts.dashboard),
            Route(f"{DASHBOARD}/", ToDashboard()),
            *self.assembly.counts.routes(),
        ]
        self._host = HostWatch(self._shut_down, self._goodbyes, self.assembly.is_anybody_counted)
        self._siblings = Siblings()
        self._has_looked = not self.assembly.is_alone
        # These answer whatever the Host; the metrics have a judge of their own.
        probes: dict[str, ASGIApp] = {
            "/healthz": Probe(),
            "/readyz": Probe(self.assembly.why_not_ready),
            "/metrics": self.assembly.metrics,
        }
        self._own = App(ENGINE_PATH, endpoint, beside, gate, self._host.shut_down, probes)
        self._app: ASGIApp = self._own
        self.wrapped = app
        if app is not None:
            paths = own_paths(ENGINE_PATH, beside) - {DASHBOARD, f"{DASHBOARD}/"}
            offered = {*probes, DASHBOARD, f"{DASHBOARD}/"}
            self._app = Wrapped(app, self._own, paths, self._host.shut_down, offered)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, WebSocket or lifespan."""
        self._begin()
        if scope["type"] == "lifespan":
            await self.assembly.settle()
            await self._app(scope, receive, partial(self._send_lifespan, send))
            return
        if not self._has_looked:
            self._look_for_siblings(scope)
        scope = restore_path(scope) if self.wrapped is None else scope
        with self._host.request():
            await self._app(scope, receive, send)

    def open_websocket(self, scope: Scope, link: DirectLink) -> bool:
        """Opens a session over a WebSocket of `DirectWebSocket` at once, without a task.

        Args:
            scope: what this Live would be called with.
            link: the WebSocket.

        Returns:
            False if nothing was done: the Live is to be called.
        """
        self._begin()
        if not self._has_looked:
            self._look_for_siblings(scope)
        return self._own.open_websocket(scope, link)

    def page(self, key: str) -> Page:
        """A page, to register handlers on, to count, or to send to.

        Registering a handler on any page but `/` closes the list of pages: from then on only `/` and pages
        with handlers exist, and a client that asks for another gets the `connect_error` "Invalid namespace".
        The setting `pages` names more pages that exist, and handlers of `live.page("/*")` are on all pages.

        Args:
            key: a path that starts with `/`. In it `*` stands for any text, and `{name}` for any text without
                a `/`, which handlers find in `socket.params`. Such a page is many, and takes handlers only:
            `group` counts many pages together.

        Returns:
            The page. Nobody need be on it.

        Raises:
            ValueError: `key` is not a page key.
        """
        key = as_uri(key)
        check_page_key(key)
        self.assembly.end_lost_loop()
        return Page(self._hub, key)

    def group(self, key: str) -> Group:
        """A group of pages, which has a number of its own: a person who is on several of them is one.

        Handlers are another matter: `live.page("/shop/*")` registers those of many pages, and counts nothing.

        Args:
            key: a page's key with one `*`, at its end, such as `/shop/*`; `/*` is every page. A group that
                neither an earlier call nor the setting `groups` has named is a new one, and every process has
                to name it before anybody comes.

        Returns:
            The group.

        Raises:
            ValueError: the key is not a group's, there are too many groups, or the group is a new one and
                somebody is on a page already.
        """
        handlers = self._hub.handlers
        found = handlers.groups.find(key)
        if found is None:
            self.assembly.end_lost_loop()
            if self.assembly.is_anybody_counted():
                raise ValueError(
                    f"{key!r} is a new group, and somebody is on a page already: call live.group(...) before "
                    "the server starts, or name it in the setting groups"
                )
            found = handlers.group(key)
        return Group(self._hub, found, self._watch)

    def on(self, event: str) -> Callable[[HandlerT], HandlerT]:
        """Registers the decorated function for an event on the page `/`; see `Page.on`.

        Args:
            event: its name, `connect` or `disconnect`, or `*` for every event without a function of its own.

        Returns:
            A decorator that returns the function as it is.
        """
        return Page(self._hub, "/").on(event)

    def use(self, middleware: MiddlewareT) -> MiddlewareT:
        """Puts an async function around the handlers of the page `/`; see `Page.use`.

        Args:
            middleware: the function.

        Returns:
            The function, so that `use` can be a decorator.
        """
        return Page(self._hub, "/").use(middleware)

    def include(self, pages: Pages, *, prefix: str = "") -> None:
        """Registers all handlers of a `Pages`, those too that it gets later.

        Args:
            pages: the handlers, as a module of their own has them.
            prefix: what stands before the key of each of its pages, such as `/chat`; `{name}` in it is a
                parameter, as in a page's key. The page `/` of `pages` is then the prefix itself.

        Raises:
            ValueError: the prefix can't begin a page key, or an event has a handler there already.
        """
        if not isinstance(pages, Pages):
            raise TypeError(f"include takes a Pages, such as the `chat` of a module, not {pages!r}")
        pages.add_to(self, prefix=prefix)

    def pages(self) -> list[Page]:
        """The pages that have an audience now."""
        self.assembly.end_lost_loop()
        groups = self._hub.handlers.groups.keys
        return [Page(self._hub, key, is_one=True) for key in self._hub.pages() if key not in groups]

    def on_change(self, handler: ChangeHandlerT) -> ChangeHandlerT:
        """Calls a function whenever the count of a page has changed.

        The function is called as often as the page's clients are told: at once after a quiet time, then at a
        pace. The last count is always told, and that is zeros once nobody is left. Of a group of pages
        `live.group(KEY).on_change` tells.

        Args:
            handler: takes the page and its count; it may be async.

        Returns:
            The function, so that `on_change` can be a decorator.

        Raises:
            TypeError: the function can't be called with a page and a count.
        """
        check_change_handler(handler)
        groups = self._hub.handlers.groups

        def of_pages(key: str) -> Page | None:
            return Page(self._hub, key, is_one=True) if key not in groups.keys else None

        self._watch(None, of_pages, handler)
        return handler

    def on_count(self, happens: Happens, **rules: Unpack[Rules]) -> Callable[[CountHandlerT], CountHandlerT]:
        """Calls the decorated function when something happens to the count of a page.

        Where several nodes serve, one of them calls it. Without a page or group, it is about the page `/`.

        Args:
            happens: `occupied`, `vacated`, `threshold` (with `above`, `below` or both), `spike` or `peak`.
            rules: which pages, and when, as in a `[[hooks]]` table: `page`, a key or a pattern, or `group`;
                `above`, `below`, `hysteresis`, `factor`, `over`, `least`, `period`, `of`, `repeat`,
                `debounce`.

        Returns:
            A decorator that returns the function as it is. The function takes the page, or the group, and the
            notice, and may be async.

        Raises:
            ValueError: a value is wrong, or the group is a new one and somebody is on a page already.
            TypeError: the function can't be called with a page and a notice.
        """

        def register(handler: CountHandlerT) -> CountHandlerT:
            hook = read_rule(happens, handler, rules)
            group = self.group(hook.group) if hook.group else None
            call = make_call(self._hub, handler, self.assembly.background, group)
            self.assembly.add_hook(hook, call)
            return handler

        return register

    def background(self, function: BackgroundT) -> BackgroundT:
        """Runs an async function beside the server: from its start, or the first request, to its end.

        Args:
            function: takes no arguments.

        Returns:
            The function, so that `background` can be a decorator.

        Raises:
            TypeError: it is not an async function, or it needs arguments.
        """
        self.assembly.background.add(function)
        return function

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Runs a coroutine in the background.

        An exception that it raises is logged, and the end of the server cancels it.

        Args:
            coroutine: what an async function returns when it is called.

        Returns:
            Its task.
        """
        return self.assembly.background.spawn(coroutine)

    def token(self, page: str, *, expires: float | None = None) -> str:
        """The token that a client needs to join a page, where the setting `page_secret` is in force.

        Args:
            page: the page's key.
            expires: seconds from now in which the client may join with it; None: until its secret is taken
                out of the settings. A client that has joined by then stays.

        Returns:
            The token, which the client sends as `token` when it connects.

        Raises:
            SettingsError: `page_secret` is not set.
            ValueError: `expires` is not a positive number.
        """
        if expires is not None and not 0 < expires < math.inf:
            raise ValueError(f"expires must be a number of seconds over 0, not {expires!r}")
        if not self.settings.page_secret:
            raise SettingsError("page_secret is not set: pages need no token")
        from nannin.access.tokens import Tokens  # most servers need none, and it takes 16 ms to load

        until_unix_s = None if expires is None else math.ceil(self.assembly.unix_s() + expires)
        return Tokens(self.settings.page_secret).sign(page, until_unix_s)

    if not TYPE_CHECKING:  # type checkers go on to refuse what a Live does not have

        def __getattr__(self, name: str) -> None:
            """Names what has this attribute, where it is one of a page's."""
            owner = type(self).__name__
            hint = (
                f': a page has it, as in live.page("/").{name}'
                if hasattr(Page, name) and name[:1] != "_"
                else ""
            )
            raise AttributeError(f"a {owner} has no attribute {name!r}{hint}", name=name, obj=self)

    async def _send_lifespan(self, send: Send, message: Message) -> None:
        if message["type"] == "lifespan.shutdown.complete":
            await self.assembly.wait_closed()
        await send(message)

    def _begin(self) -> None:
        """A request comes; cheap after the first."""
        if self.assembly.begin():
            self._has_looked = not self.assembly.is_alone
            if self.assembly.is_alone:
                warn_of_workers()
        self._host.begin()

    def _look_for_siblings(self, scope: Scope) -> None:
        """The first request on a loop: are there others who count by themselves?"""
        self._has_looked = True
        self._siblings.notice(scope.get("server"))

    def _goodbyes(self) -> list[Callable[[], None]]:
        self._siblings.release()
        return self.assembly.goodbyes()

    def _shut_down(self) -> None:
        self._siblings.release()
        self.assembly.shut_down()

    def _watch(
        self, key: str | None, find: Callable[[str], Page | Group | None], handler: Callable[..., Any]
    ) -> None:
        self._hub.teller.watch(_Changes(self._hub, handler, self.assembly.background, find), key)

    def _find_page(self, key: str) -> Page | None:
        key = as_uri(key)
        return Page(self._hub, key) if self._hub.handlers.exists(key) and not is_pattern(key) else None


class _Changes:
    """Watches all pages, or a group of them, and calls the application's function.

    Args:
        hub: tells of mistakes.
        handler: the function.
        background: owns the function's tasks, if it is async.
        find: what the function is called with for a key; None: it is not called.
    """

    def __init__(
        self,
        hub: Hub,
        handler: Callable[..., Any],
        background: Background,
        find: Callable[[str], Page | Group | None],
    ) -> None:
        self._hub = hub
        self._find = find
        self._handler = handler
        self._background = background

    def hear(self, page: str, count: Count) -> None:
        """A page's count has changed."""
        found = self._find(page)
        if found is None:
            return
        try:
            result = self._handler(found, count)
            if inspect.isawaitable(result):
                self._background.spawn(awaited(result))
        except Exception as error:  # noqa: BLE001 - the edge: the application must hurt nobody who is told
            self._hub.mistakes.tell(logger, "the change handler raised for page %s", page, error=error)
