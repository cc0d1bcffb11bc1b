"""What serves: accepts connections, looks after them in ticks, and ends on a signal in good order."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
import math
import os
import signal
import socket
import sys
import time
import types
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import ClassVar, Final, NoReturn

import uvicorn

from nannin.app.goodbye import goodbyes, is_anybody_counted, shut_down_all
from nannin.engine.arrival import Arrival, make_arrival
from nannin.engine.direct import DirectWebSocket
from nannin.engine.engine import sessions_here
from nannin.engine.handover import take_up
from nannin.engine.ids import mark_ids
from nannin.engine.neighbours import Ends
from nannin.engine.relay import Relay
from nannin.engine.turned_away import Door as EveryDoor
from nannin.nodes.local import Worker
from nannin.server.accepting import HANDSHAKE_S, Accepting
from nannin.server.crew import LINGER_S, RELIEVED
from nannin.server.door import MARGIN, Door
from nannin.server.draining import drain, drain_window_s
from nannin.server.garbage import Garbage
from nannin.server.handshakes import Handshakes
from nannin.server.listening import adopt
from nannin.server.mesh import Mesh
from nannin.server.systemd import notify
from nannin.settings import Settings

__all__ = ["Server"]

# Ctrl-C ends within 2 s: these three, CANCELLED_S once more, and some 0.2 s to notice the signal and to exit.
GOODBYE_S: Final = 0.6  # how long clients have to take their goodbye
CANCELLED_S: Final = 0.2  # how long tasks have to end once they are cancelled
LIFESPAN_S: Final = 0.5  # how long the application has to close, besides what the others did not use
# How long a client that has connected has to send its request, where other workers serve on.
ASKING_S: Final = 2.0
STEP_S: Final = 0.02
# Seconds between two ticks while many connections arrive or some wait, from a connection to the next tick,
# and while there is nothing to look after. uvicorn's ten ticks a second take half a percent of a core of a
# process that does nothing else: each wakes it, and finds nothing in the caches.
TICK_S: Final = 0.1
SOON_S: Final = 0.3
REST_S: Final = 1.0
# So many connections since the last tick are many: half of what the door keeps free between two looks.
MANY: Final = MARGIN // 2
_COME_BACK: Final = 1012  # WebSocket's close code for a service that restarts
END_S: Final = 5.0  # what systemd is asked for, besides the time for the goodbyes

logger = logging.getLogger("nannin.server")


class Server(uvicorn.Server):
    """uvicorn's server, which admits no more clients than it can serve, and ends within a bounded time.

    Args:
        config: uvicorn's.
        settings: limits, and how long the goodbyes may take.
        on_listening: called once it accepts connections.
        worker: this process, where it is one of several.

    Attributes:
        tells_apps: that apps need not look whether this server stops (see `host_is_stopping`).
    """

    tells_apps: ClassVar[bool] = True

    def __init__(
        self,
        config: uvicorn.Config,
        settings: Settings,
        on_listening: Callable[[], None],
        worker: Worker | None = None,
    ) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._come = 0  # how many connections have come since the last tick
        super().__init__(config)
        self._worker = worker
        self._listeners = [adopt(descriptors) for descriptors in worker.listeners] if worker else []
        self._vacant: list[socket.socket] | None = None  # what is to be covered from the next tick on
        self._settings = settings
        self._mesh = Mesh.inherited()
        if self._mesh is not None:
            mark_ids(self._mesh.mark)
        self._arrival = make_arrival(settings, self._mesh)
        self._on_listening = on_listening
        self._began_s = time.monotonic()
        self._signal: signal.Signals | None = None
        self._door: Door
        self._handshakes: Handshakes
        self._accepting: Accepting

    @property
    def should_exit(self) -> bool:
        """Whether the server is to end. It may be set from any thread, and in a signal's handler."""
        return self._should_exit

    @should_exit.setter
    def should_exit(self, value: bool) -> None:
        self._should_exit = value
        if value and self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake.set)

    async def main_loop(self) -> None:
        """Ticks until the server is to end: often while there is something to look after."""
        loop = self._loop = asyncio.get_running_loop()
        noted_s = -math.inf
        while True:
            is_new_second = loop.time() - noted_s > REST_S - TICK_S / 2
            if is_new_second:
                noted_s = loop.time()
            if await self.on_tick(0 if is_new_second else 1):  # what uvicorn does once a second, it does at 0
                return
            are_many, self._come = self._come >= MANY, 0
            if are_many or self._mesh is not None or not self._accepting.is_open:
                await asyncio.sleep(TICK_S)
            else:
                timer = loop.call_later(REST_S, self._wake.set)
                await self._wake.wait()
                timer.cancel()
                self._wake.clear()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts the application, then accepts connections from these sockets."""
        if self._worker is not None:
            await self._worker.connect(on_lost=self._lost_supervisor)
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            sys.exit(1)
        config = self.config
        self._accepting = Accepting(
            sockets or [], self._make_protocol, context=config.ssl, backlog=config.backlog
        )
        self._door = Door(
            self.server_state.connections,
            asyncio.get_running_loop().time,
            most=self._settings.max_connections,
            spare=self._settings.spare_descriptors,
            on_crowded=self._accepting.pause,
        )
        self._handshakes = Handshakes(self._door, time.monotonic, HANDSHAKE_S)
        await self._accepting.open()
        if self._mesh is not None:
            self._mesh.open(asyncio.get_running_loop(), self._take_up, sessions_here)
        if self._worker is not None:
            self._worker.on_cover = self._note_vacant
        self.started = True
        Garbage().relax()
        if not self.should_exit:
            self._on_listening()

    def _note_vacant(self, slots: Sequence[int]) -> None:
        """Called with the workers that don't serve, and whose connections this one takes meanwhile."""
        self._vacant = [listener for slot in slots for listener in self._listeners[slot]]

    async def on_tick(self, counter: int) -> bool:
        """Called now and then; True ends the server.

        Args:
            counter: 0 about once a second.
        """
        if self._vacant is not None:
            await self._accepting.cover(self._vacant)
            self._vacant = None
        self._door.look(self._accepting.closed)
        self._handshakes.look()
        if self._door.is_crowded:
            self._accepting.pause()
        else:
            await self._accepting.resume()
        if self._mesh is not None:
            self._mesh.show(is_open=self._accepting.is_open)
        return await super().on_tick(counter)

    def _make_protocol(self) -> asyncio.Protocol:
        """Called for each connection, before TLS and before its transport is made."""
        self._come += 1
        if self._come == 1:
            asyncio.get_running_loop().call_later(SOON_S, self._wake.set)
        elif self._come == MANY:
            self._wake.set()
        if not self.config.is_ssl:
            return self._make_arrival()
        if not self._door.admits_handshake():
            asyncio.get_running_loop().call_soon(self._accepting.pause)  # this one is accepted already
        return self._make_arrival(self._handshakes.begin())

    def _make_arrival(self, door: EveryDoor | None = None) -> Arrival:
        return self._arrival(self.config, self.server_state, self.lifespan.state, door=door or self._door)

    def _take_up(self, descriptor: int, data: bytes, ends: Ends | None, hops: int) -> None:
        """Called for each connection that another worker hands over."""
        task = asyncio.get_running_loop().create_task(
            take_up(descriptor, data, ends, self._make_arrival, hops)
        )
        self.server_state.tasks.add(task)
        task.add_done_callback(self.server_state.tasks.discard)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tells every client to come back later, waits a moment, and cuts off the clients that are left.

        The application's own shutdown comes last, and its time is bounded as well.
        """
        loop = asyncio.get_running_loop()
        self._accepting.close()
        if self._mesh is not None:
            self._mesh.show(is_open=False)
        notify("STOPPING=1")
        if self._signal is signal.SIGTERM or self._is_relieved:
            await self._drain()
        if self._is_relieved:
            await self._linger()
        until = loop.time() + GOODBYE_S + CANCELLED_S + LIFESPAN_S
        shut_down_all()
        for connection in list(self.server_state.connections):
            # A WebSocket first gets time to answer our close frame: closing at once could lose the frame.
            if not isinstance(connection, (DirectWebSocket, Relay)):
                connection.shutdown()
        await self._quiet(ASKING_S if self._is_relieved else GOODBYE_S / 2)
        for connection in list(self.server_state.connections):
            if isinstance(connection, (DirectWebSocket, Relay)):
                connection.shutdown()
        if self._mesh is not None:
            self._mesh.close()
        await self._quiet(GOODBYE_S / 2)
        for connection in list(self.server_state.connections):
            if (transport := getattr(connection, "transport", None)) is not None:
                transport.abort()
        await self._quiet(CANCELLED_S / 2)
        for task in list(self.server_state.tasks):
            task.cancel()
        await self._quiet(CANCELLED_S / 2)
        await self._end_application(max(until - loop.time(), LIFESPAN_S))
        self._say_stopped()

    async def _drain(self) -> None:
        """Tells the clients one after another, so that they don't all come to the next server at once."""
        relays = [relay.close for relay in self.server_state.connections if isinstance(relay, Relay)]
        clients = [*goodbyes(), *self._goodbyes_to_others(), *relays]
        window_s = drain_window_s(len(clients), self._settings.drain)
        if window_s:
            notify(f"EXTEND_TIMEOUT_USEC={round((window_s + END_S) * 1e6)}")
            logger.info("telling %d clients to come back, over %.1f s", len(clients), window_s)
            await drain(clients, window_s)
        elif self._is_relieved:  # they have to go before those are waited for who are on their way
            for goodbye in clients:
                goodbye()

    @property
    def _is_relieved(self) -> bool:
        """Whether the other workers serve on, and one more takes this one's place."""
        return self._signal is RELIEVED

    async def _linger(self) -> None:
        """Goes on counting who is on the way to another worker, until they are there or grace is over."""
        loop = asyncio.get_running_loop()
        until = loop.time() + LINGER_S
        while self._is_relieved and is_anybody_counted() and loop.time() < until:  # noqa: ASYNC110 - no event
            await asyncio.sleep(STEP_S)

    def _goodbyes_to_others(self) -> list[Callable[[], None]]:
        """What ends each WebSocket that the application has accepted for itself."""
        return [
            partial(connection.close, _COME_BACK)
            for connection in self.server_state.connections
            if isinstance(connection, DirectWebSocket) and connection.is_applications
        ]

    async def _end_application(self, at_most_s: float) -> None:
        """Lets the application close what it holds, and cancels what is not done in time."""
        try:
            async with asyncio.timeout(at_most_s):
                await self.lifespan.shutdown()
                return
        except TimeoutError:
            logger.warning("the application took over %.1f s to shut down, and was cut off", at_most_s)
        loop = asyncio.get_running_loop()
        until = loop.time() + CANCELLED_S
        # More than once: the next step of a cleanup may hang like the one that was cancelled.
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            if loop.time() >= until:
                self._say_stopped()
                self._leave(0)  # asyncio would wait for them without end
            for task in others:
                task.cancel()
            await asyncio.wait(others, timeout=STEP_S)

    async def _quiet(self, at_most_s: float) -> None:
        """Returns when no connection and no task is left, or when the time is over."""
        loop = asyncio.get_running_loop()
        until = loop.time() + at_most_s
        state = self.server_state
        while (state.connections or state.tasks) and loop.time() < until:  # noqa: ASYNC110 - they have no event
            await asyncio.sleep(STEP_S)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn's hook, unused: its handlers come too late and end too early (see `signals`)."""
        yield

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Handles signals from before the port answers to the end of the process's threads."""
        handled = [signal.SIGINT, signal.SIGTERM]
        if self._worker is not None and RELIEVED is not None:
            handled.append(RELIEVED)
        before = {number: signal.signal(number, self.handle_exit) for number in handled}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: types.FrameType | None) -> None:
        """The first signal ends the server in good order, and the second at once."""
        if self.should_exit and not self._is_relieved:
            self._leave(128 + sig)
        self.should_exit = True
        self._signal = signal.Signals(sig)

    def _lost_supervisor(self) -> None:
        """Without it nobody would start this worker again, and its count would be its own."""
        if not self.should_exit:
            logger.warning("the process that started this one has gone: ending")
            self.should_exit, self._signal = True, signal.SIGTERM

    def _say_stopped(self) -> None:
        cause = f" by {self._signal.name}" if self._signal else ""
        took = datetime.timedelta(seconds=round(time.monotonic() - self._began_s))
        # One line for the whole server is enough, and its supervisor writes it.
        level = logging.INFO if self._worker is None else logging.DEBUG
        logger.log(level, "stopped%s after %s", cause, took)

    def _leave(self, code: int) -> NoReturn:
        """Ends the process at once."""
        if self.config.uds:
            with contextlib.suppress(OSError):
                os.unlink(self.config.uds)
        os._exit(code)
