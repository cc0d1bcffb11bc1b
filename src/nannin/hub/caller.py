"""Calls the application's handlers: through its middleware, with checked arguments, sync or async."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, NamedTuple

from nannin.clock import Clock
from nannin.errors import ConnectionRefused, HandlerCancelled
from nannin.hub.client import client_of
from nannin.hub.connection import Connection
from nannin.hub.handlers import CONNECT, DISCONNECT, Handler, PageHandlers
from nannin.hub.lag import SLOW_S, Lag
from nannin.hub.lane import Lane, LaneFull, Waiting
from nannin.hub.reasons import SocketState
from nannin.hub.sockets import Socket, socket_of
from nannin.mistakes import Mistakes

logger = logging.getLogger("nannin.handlers")

OnResult = Callable[[Any], None]
OnError = Callable[[Exception], None]


class _Call(NamedTuple):
    """A call that takes a task.

    Attributes:
        handler: whose it is; None where only middleware is called.
        connection, event, on_result, on_error, size_bytes: as in `Caller.call`.
        make: makes the coroutine.
        called: what the handler returned, if it was called already; most often a coroutine, not begun.
    """

    handler: Handler | None
    connection: Connection
    event: str
    make: Callable[[], Coroutine[Any, Any, Any]]
    on_result: OnResult
    on_error: OnError
    size_bytes: int
    called: object = None

    def close(self) -> None:
        """It never begins."""
        if inspect.iscoroutine(self.called):
            self.called.close()


class Caller:
    """Calls handlers and owns the tasks of the async ones.

    Args:
        clock: time.
        max_handlers: how many async handlers of one client may run at once; 0 for any number.
        mistakes: tells the log what the handlers of visitors raise; None for its own.

    Attributes:
        tasks: the tasks of async handlers that run.
    """

    def __init__(self, clock: Clock, max_handlers: int = 0, mistakes: Mistakes | None = None) -> None:
        self.tasks: set[asyncio.Task[Any]] = set()
        self._max_handlers = max_handlers
        self._mistakes = mistakes or Mistakes(clock.now)
        self._lag = Lag(logger, clock.now)

    def call(
        self,
        handlers: PageHandlers,
        connection: Connection,
        event: str,
        args: tuple[Any, ...],
        on_result: OnResult,
        on_error: OnError,
        size_bytes: int = 0,
    ) -> None:
        """Calls the handler of an event: at once, or in a task where it or the middleware is async.

        A task has to wait while too many of the client run already; it never begins if the client goes first.

        Args:
            handlers: the handlers of the connection's page.
            connection: whose event it is.
            event: its name.
            args: what came with it.
            on_result: called with what the handler returned. Without a handler it is not called, except for
                `connect`, where it is called with None.
            on_error: called with what it raised, or with LaneFull where it may not even wait.
            size_bytes: about how many bytes came with it.
        """
        handler = handlers.find(event)
        if handler is None and event != CONNECT:
            return
        if handlers.middleware:
            through = partial(
                self._through, handlers, handler, connection, socket_of(connection), event, args
            )
            self._admit(_Call(handler, connection, event, through, on_result, on_error, size_bytes))
            return
        try:
            result = None
            if handler is not None:
                result = self._invoke(handler, connection, socket_of(connection), event, args)
            _judge(event, result)
        except asyncio.CancelledError as error:  # such as from the result of a task that was cancelled
            on_error(_cancelled(error, itself=False))
            return
        except Exception as error:  # noqa: BLE001 - the edge: a handler must hurt no other connection
            on_error(error)
            return
        if result is not None and inspect.isawaitable(result):
            judged = partial(_judged, event, result)
            self._admit(_Call(handler, connection, event, judged, on_result, on_error, size_bytes, result))
        else:
            self._give(result, on_result)

    def announce(self, handler: Handler, visitor: object, event: str, page: str) -> None:
        """Calls the handler of `enter` or `exit`, without middleware, which stands around what clients do."""

        def report(error: Exception) -> None:
            words = "the handler of %r on page %s raised"
            self._mistakes.tell(logger, words, event, page, error=error, by=handler.name)

        try:
            result = self._time(handler, event, page, visitor)
        except Exception as error:  # noqa: BLE001 - the edge: a handler must hurt no connection
            report(error)
            return
        if inspect.isawaitable(result):
            self._spawn(self._finish(awaited(result), lambda _: None, report), handler, event, page)

    def _admit(self, call: _Call) -> None:
        """Runs a call in a task: at once, or when others of its client have ended."""
        client = client_of(call.connection.session)
        lane = client.lane
        if lane is None:
            lane = client.lane = Lane(call.connection.session, self._max_handlers, client.awaits_ack)
        # A connection that ends had begun, and the application hears of it, whatever else runs.
        if lane.is_open or call.event == DISCONNECT:
            self._begin(call, lane)
            return
        try:
            lane.wait(Waiting(lambda: self._begin(call, lane), lambda: self._drop(call), call.size_bytes))
        except LaneFull as error:
            call.close()
            call.on_error(error)

    def _begin(self, call: _Call, lane: Lane) -> None:
        """A call's turn has come."""
        if call.event != DISCONNECT and call.connection.state is SocketState.LEFT:
            self._drop(call)
            return
        finish = self._finish(call.make(), call.on_result, call.on_error)
        task = self._spawn(finish, call.handler, call.event, call.connection.key)
        lane.begin()
        task.add_done_callback(lambda _: _end(call, lane))

    def _spawn(
        self, coroutine: Coroutine[Any, Any, Any], handler: Handler | None, event: str, page: str
    ) -> asyncio.Task[Any]:
        """Runs a coroutine in a task of its own."""
        words = _words(handler, event, page)
        watched = self._lag.watch(coroutine, handler.name if handler is not None else words, words)
        task = asyncio.get_running_loop().create_task(watched)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def _invoke(
        self,
        handler: Handler,
        connection: Connection,
        socket: Socket,
        event: str,
        args: tuple[Any, ...],
    ) -> Any:
        payload = handler.payload
        if event == CONNECT:
            args = (connection.auth_once,)[: payload.most]
            connection.greeted = True
        elif event == DISCONNECT:
            args = args[: payload.most]
        elif handler.is_for_any:
            args = (event, *args)
        return self._time(handler, event, connection.key, socket, *payload.convert(args))

    def _time(self, handler: Handler, event: str, page: str, *args: Any) -> Any:
        started = self._lag.now()
        try:
            return handler.function(*args)
        finally:
            took_s = self._lag.now() - started
            if took_s >= SLOW_S:
                self._lag.warn(took_s, handler.name, _words(handler, event, page))

    async def _through(
        self,
        handlers: PageHandlers,
        handler: Handler | None,
        connection: Connection,
        socket: Socket,
        event: str,
        args: tuple[Any, ...],
        depth: int = 0,
    ) -> Any:
        """Calls the middleware from so deep on, and in the end the handler."""
        if depth < len(handlers.middleware):
            # Not a function within this one, which would hold itself: a circle for each event.
            call_next = partial(self._through, handlers, handler, connection, socket, event, args, depth + 1)
            return await handlers.middleware[depth](socket, event, args, call_next)
        # Nor is the disconnect handler called for a client that left meanwhile.
        gone = event == CONNECT and connection.state is SocketState.LEFT
        if handler is None or gone:
            return _judge(event, None)
        result = self._invoke(handler, connection, socket, event, args)
        return _judge(event, await result if inspect.isawaitable(result) else result)

    async def _finish(
        self, coroutine: Coroutine[Any, Any, Any], on_result: OnResult, on_error: OnError
    ) -> None:
        try:
            result = await coroutine
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            itself = task is not None and task.cancelling() > 0
            on_error(_cancelled(error, itself=itself))
            if itself:
                raise
        except Exception as error:  # noqa: BLE001 - as above
            on_error(error)
        else:
            self._give(result, on_result)

    def _drop(self, call: _Call) -> None:
        """The client of a call that waited has gone."""
        call.close()
        if call.event == CONNECT:
            call.connection.greeted = False
            self._give(None, call.on_result)

    def _give(self, result: Any, on_result: OnResult) -> None:
        """Hands a result on. What that raises, the handler did not, and it must not refuse its client."""
        try:
            on_result(result)
        except Exception as error:  # noqa: BLE001 - as above
            self._mistakes.tell(logger, "the server failed after a handler had returned", error=error)


def _end(call: _Call, lane: Lane) -> None:
    """The task of a call is done."""
    lane.end()
    client = client_of(call.connection.session)
    if not lane and client.lane is lane:
        client.lane = None


def _words(handler: Handler | None, event: str, page: str) -> str:
    who = "the middleware" if handler is None else f"the handler {handler.name}"
    return f"{who} of {event!r:.80} on page {page}"


async def awaited(result: Any) -> Any:
    """Anything that can be awaited, as a coroutine: a task takes nothing else."""
    return await result


def _cancelled(error: asyncio.CancelledError, *, itself: bool) -> HandlerCancelled:
    cancelled = HandlerCancelled(itself=itself)
    cancelled.__cause__ = error
    return cancelled


def _judge(event: str, result: Any) -> Any:
    """What a handler returned. A connect handler may say no by False, as python-socketio's do."""
    if event == CONNECT and result is False:
        raise ConnectionRefused
    return result


async def _judged(event: str, result: Any) -> Any:
    return _judge(event, await result)
