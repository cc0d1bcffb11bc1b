"""Pages: handlers that are written in a module of their own, and included in a Live later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, Unpack

from nannin.app.background import Background, BackgroundT
from nannin.app.counted import CountHandlerT, Happens, Rules, check_change_handler, read_rule
from nannin.app.group import GroupHandlerT
from nannin.audience.groups import check_group_key
from nannin.audience.page_key import KeyPattern, check_page_key
from nannin.audience.roster import Count
from nannin.hub.handled import MiddlewareT
from nannin.hub.handlers import Handlers, HandlerT, check_handled
from nannin.hub.sockets import Page

ChangeHandler = Callable[[Page, Count], Any]
ChangeHandlerT = TypeVar("ChangeHandlerT", bound=ChangeHandler)


class Registrar(Protocol):
    """What registers handlers on a page: a `Page`, or a page of a `Pages`."""

    def on(self, event: str) -> Callable[[HandlerT], HandlerT]:
        """Registers the decorated function for an event."""

    def use(self, middleware: MiddlewareT) -> MiddlewareT:
        """Puts an async function around the page's handlers."""


class GroupRegistrar(Protocol):
    """What registers handlers of a group: a `Group`, or a group of a `Pages`."""

    def on_change(self, handler: GroupHandlerT) -> GroupHandlerT:
        """Calls a function whenever the group's count has changed."""


class Includes(Protocol):
    """What a `Pages` can be included in: a `Live`, or another `Pages`."""

    def page(self, key: str) -> Registrar:
        """A page to register handlers on."""

    def group(self, key: str) -> GroupRegistrar:
        """A group of pages, which there is from now on."""

    def on_change(self, handler: ChangeHandlerT) -> ChangeHandlerT:
        """Calls a function whenever the count of a page has changed."""

    def on_count(self, happens: Happens, **rules: Unpack[Rules]) -> Callable[[CountHandlerT], CountHandlerT]:
        """Calls the decorated function when something happens to a page's count."""

    def background(self, function: BackgroundT) -> BackgroundT:
        """Runs an async function beside the server."""


# One decorator that was used: does the same with what the pages are included in, under a prefix.
_Step = Callable[[Includes, str], object]


class PageOfPages:
    """A page of a `Pages`, to register handlers on.

    Attributes:
        key: the page's key, without the prefix under which it is included.
    """

    __slots__ = ("_add", "_handlers", "key")

    def __init__(self, key: str, handlers: Handlers, add: Callable[[_Step], None]) -> None:
        self.key = key
        self._handlers = handlers
        self._add = add

    def __repr__(self) -> str:
        return f"<Page {self.key}>"

    def on(self, event: str) -> Callable[[HandlerT], HandlerT]:
        """Registers the decorated function for an event on this page; see `Page.on`.

        Raises:
            ValueError: the event is reserved, or has a handler already.
            TypeError: the event's name is not a str, or what is decorated can't be a handler.
        """
        check_handled(event)

        def register(handler: HandlerT) -> HandlerT:
            self._handlers.register(self.key, event, handler)
            self._add(lambda target, prefix: target.page(_join(prefix, self.key)).on(event)(handler))
            return handler

        return register

    def use(self, middleware: MiddlewareT) -> MiddlewareT:
        """Puts an async function around the page's handlers; see `Page.use`.

        Raises:
            TypeError: it is not an async function, or does not take what middleware gets.
        """
        self._handlers.use(self.key, middleware)
        self._add(lambda target, prefix: target.page(_join(prefix, self.key)).use(middleware))
        return middleware


class GroupOfPages:
    """A group of a `Pages`.

    Attributes:
        key: the group's key, without the prefix under which it is included.
    """

    __slots__ = ("_add", "key")

    def __init__(self, key: str, add: Callable[[_Step], None]) -> None:
        self.key = key
        self._add = add

    def __repr__(self) -> str:
        return f"<Group {self.key}>"

    def on_change(self, handler: GroupHandlerT) -> GroupHandlerT:
        """Calls a function whenever the group's count has changed; see `Group.on_change`.

        Raises:
            TypeError: the function can't be called with a group and a count.
        """
        check_change_handler(handler)
        self._add(lambda target, prefix: target.group(_join(prefix, self.key)).on_change(handler))
        return handler


class Pages:
    """Handlers of some pages, to be included in a `Live`: in a module of their own, without a global `live`.

    It has the decorators of a `Live`. What is registered after it was included counts as well.
    """

    def __init__(self) -> None:
        # These raise where a mistake is made, and not where the pages are included, which warns of others.
        self._handlers = Handlers(warns=False)
        self._steps: list[_Step] = []
        self._included: list[tuple[Includes, str]] = []

    def page(self, key: str) -> PageOfPages:
        """A page, to register handlers on; see `Live.page`.

        Args:
            key: a path that starts with `/`. The prefix under which the pages are included stands before it;
                the page `/` is then the prefix itself.

        Raises:
            ValueError: `key` is not a page key.
        """
        check_page_key(key)
        return PageOfPages(key, self._handlers, self._add)

    def group(self, key: str) -> GroupOfPages:
        """A group of pages, which there is once these pages are included; see `Live.group`.

        Args:
            key: a page's key with one `*`, at its end. The prefix under which the pages are included stands
                before it.

        Raises:
            ValueError: the key is not a group's.
        """
        key = check_group_key(key)
        self._add(lambda target, prefix: target.group(_join(prefix, key)))
        return GroupOfPages(key, self._add)

    def on(self, event: str) -> Callable[[HandlerT], HandlerT]:
        """Registers the decorated function for an event on the page `/`; see `Page.on`."""
        return self.page("/").on(event)

    def use(self, middleware: MiddlewareT) -> MiddlewareT:
        """Puts an async function around the handlers of the page `/`; see `Page.use`."""
        return self.page("/").use(middleware)

    def on_change(self, handler: ChangeHandlerT) -> ChangeHandlerT:
        """Calls a function whenever the count of a page has changed; see `Live.on_change`.

        Under a prefix it is called for the pages under that prefix only.

        Raises:
            TypeError: the function can't be called with a page and a count.
        """
        check_change_handler(handler)
        self._add(lambda target, prefix: target.on_change(_only_under(prefix, handler)))
        return handler

    def on_count(self, happens: Happens, **rules: Unpack[Rules]) -> Callable[[CountHandlerT], CountHandlerT]:
        """Calls the decorated function when something happens to a page's count; see `Live.on_count`.

        The prefix under which the pages are included stands before its page or group.

        Raises:
            ValueError: a value is wrong.
            TypeError: the function can't be called with a page and a notice.
        """

        def register(handler: CountHandlerT) -> CountHandlerT:
            read_rule(happens, handler, rules)

            def step(target: Includes, prefix: str) -> object:
                moved = rules.copy()
                if "group" in moved:
                    moved["group"] = _join(prefix, moved["group"])
                else:
                    moved["page"] = _join(prefix, moved.get("page", "/"))
                return target.on_count(happens, **moved)(handler)

            self._add(step)
            return handler

        return register

    def background(self, function: BackgroundT) -> BackgroundT:
        """Runs an async function beside the server; see `Live.background`.

        Raises:
            TypeError: it is not an async function, or it needs arguments.
        """
        Background().add(function)  # tells a mistake here
        self._add(lambda target, prefix: target.background(function))
        return function

    def include(self, pages: Pages, *, prefix: str = "") -> None:
        """Includes other pages in these; see `Live.include`."""
        pages.add_to(self, prefix=prefix)

    def add_to(self, target: Includes, *, prefix: str = "") -> None:
        """Registers everything with a `Live` or another `Pages`, now and from now on; `include` calls it.

        Raises:
            ValueError: the prefix can't begin a page key, an event has a handler there already, or the pages
                would include themselves.
        """
        if prefix and (prefix.endswith("/") or not prefix.startswith("/")):
            raise ValueError(f"expected a prefix that starts with / and does not end with it, not {prefix!r}")
        if prefix:
            check_page_key(prefix)
        if target is self or (isinstance(target, Pages) and target.is_in(self)):
            raise ValueError("pages can't include themselves")
        for step in self._steps:
            step(target, prefix)
        self._included.append((target, prefix))

    def is_in(self, pages: Pages) -> bool:
        """Whether these pages were included in others, directly or not."""
        return any(
            target is pages or (isinstance(target, Pages) and target.is_in(pages))
            for target, _ in self._included
        )

    def _add(self, step: _Step) -> None:
        self._steps.append(step)
        for target, prefix in self._included:
            step(target, prefix)


def _join(prefix: str, key: str) -> str:
    return prefix or key if key == "/" else prefix + key


def _only_under(prefix: str, handler: ChangeHandler) -> ChangeHandler:
    if not prefix:
        return handler
    itself, below = KeyPattern(prefix), KeyPattern(prefix + "/*")

    def hear(page: Page, count: Count) -> Any:
        if itself.match(page.key) is not None or below.match(page.key) is not None:
            return handler(page, count)
        return None

    return hear
