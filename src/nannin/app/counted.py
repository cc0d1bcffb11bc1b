"""`on_count`: functions of the application that are called when something happens to a page's count."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar

from nannin.app.background import Background
from nannin.hub.caller import awaited
from nannin.hub.hub import Hub
from nannin.hub.sockets import Page

if TYPE_CHECKING:
    from nannin.hook import Hook
    from nannin.hooks.notices import Notice

__all__ = ["CountHandler", "CountHandlerT", "Happens", "Rules", "make_call", "read_rule"]

logger = logging.getLogger("nannin.live")

CountHandler = Callable[..., Any]
CountHandlerT = TypeVar("CountHandlerT", bound=CountHandler)
Happens = Literal["occupied", "vacated", "threshold", "spike", "peak"]


class Rules(TypedDict, total=False):
    """When `on_count` calls its function; the page on hooks says what each is for."""

    page: str
    group: str
    of: Literal["visitors", "connections", "visible"]
    above: int
    below: int
    hysteresis: float
    factor: float
    over: float
    least: int
    period: Literal["ever", "day"]
    repeat: Literal["subsided", "hourly", "once"]
    debounce: float


def read_rule(happens: Happens, handler: CountHandler, rules: Rules) -> Hook:
    """The hook of a function.

    Raises:
        ValueError: a value is wrong.
        TypeError: the function can't be called with a page and a notice.
    """
    from nannin.hook import make_hook  # most applications have none

    check_takes_two(handler, "on_count takes a function of a page and a notice")
    where = {} if "group" in rules else {"page": "/"}
    name = getattr(handler, "__qualname__", type(handler).__qualname__)
    return make_hook({"name": name, **where, **rules, "on": happens})


def check_change_handler(handler: object) -> None:
    """Raises TypeError where something can't be called with a page or group and its count."""
    check_takes_two(handler, "on_change takes a function of a page and its count")


def check_takes_two(handler: object, expected: str) -> None:
    """Raises TypeError where something can't be called with two arguments.

    Args:
        handler: what somebody gave.
        expected: the beginning of the error: what is expected of it.
    """
    problem = f"{expected}, not {handler!r}"
    if not callable(handler):
        raise TypeError(problem)
    try:
        inspect.signature(handler).bind(None, None)
    except TypeError as error:
        raise TypeError(f"{problem}: {error}") from None
    except ValueError:  # some callables of C have no signature to look at
        return


def make_call(
    hub: Hub, handler: CountHandler, background: Background, group: object = None
) -> Callable[[Notice], None]:
    """What calls the application's function with a notice, and logs what it raises.

    Args:
        hub: holds the pages.
        handler: the function.
        background: owns its tasks, if it is async.
        group: what it is called with in place of a page.
    """

    def call(notice: Notice) -> None:
        try:
            where = Page(hub, notice.page, is_one=True) if group is None else group
            result = handler(where, notice)
            if inspect.isawaitable(result):
                background.spawn(awaited(result))
        except Exception as error:  # noqa: BLE001 - the edge: the application must hurt nobody else
            hub.mistakes.tell(logger, "the count handler raised for page %s", notice.page, error=error)

    return call
