"""The parts of one Live, made from its settings and joined together."""

from __future__ import annotations

import asyncio
import math
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from nannin.access.addresses import Addresses
from nannin.access.admission import Verdict
from nannin.access.crawlers import is_crawler
from nannin.access.gate import Gate
from nannin.access.guesses import Guesses
from nannin.access.refusals import Refusal, Refusals
from nannin.app.background import Background
from nannin.app.goodbye import host_is_stopping
from nannin.app.recording import make_history, make_past
from nannin.app.sharing import in_own_space, make_node, make_outside, name_of_node
from nannin.audience.roster import Counts, Roster
from nannin.clock import SystemClock
from nannin.engine.engine import make_engine, make_limits, make_rate
from nannin.engine.ids import new_id
from nannin.hub.connection import Connection
from nannin.hub.handlers import Handlers
from nannin.hub.hub import Hub
from nannin.hub.neighbours import Neighbours
from nannin.hub.observatory import Observatory
from nannin.hub.outside import OutsideOrders
from nannin.hub.pulse import Pulse
from nannin.nodes.local import this_worker
from nannin.nodes.node import Node
from nannin.settings import Settings
from nannin.web.bearer import Tries
from nannin.web.metric_parts import Parts
from nannin.web.metrics import Metrics, Snapshots
from nannin.web.private import PrivateLists
from nannin.web.routes import CountRoutes

if TYPE_CHECKING:
    from nannin.hook import Hook
    from nannin.hooks.hooks import Hooks
    from nannin.hooks.notices import Notice
    from nannin.nodes.outside import Outside

__all__ = ["Assembly", "make_gate"]

# Seconds for which a process that begins waits until the other nodes know it.
_SETTLE_S: Final = 5.0


class Assembly:
    """What a Live consists of behind its ASGI side.

    Args:
        settings: the Live's.

    Attributes:
        clock: the time that all parts go by.
        refusals: who was turned away by any of them, and why.
        gate: which requests are for this server, and whose pages may make them.
        addresses: how many connections each address has.
        hub: who is on which page, and the application's handlers.
        engine: the table of sessions.
        tries: compares the tokens of requests with our secrets.
        counts: shows them over HTTP.
        metrics: shows what all this does.
        background: the application's own tasks.
        hooks: tell others of what happens on pages; None while there is none.
        history: keeps the numbers of every page; None where there is no history.
    """

    def __init__(self, settings: Settings) -> None:
        self.clock = SystemClock()
        self._settings = settings = in_own_space(settings)
        self._node: Node | None = None  # where this process is one of several
        self.refusals = Refusals()
        self.gate = make_gate(settings, self.refusals)
        self.hub = Hub(
            Handlers(),
            settings,
            self.refusals,
            new_id=new_id,
            clock=self.clock,
            is_crawler=is_crawler,
            judge_token=_token_judge(settings, self.unix_s),
            make_counts=self._make_counts,
        )
        self._neighbours = (
            Neighbours(self.hub, self._node, name_of_node(settings)) if self._node is not None else None
        )
        self.history = make_history(
            settings, self.clock, self.unix_s, self.hub.roster, self.hub.counts, self._node
        )
        orders = OutsideOrders(self.hub)
        self._hear_outside = make_outside(settings, orders.carry_out, orders.refuse)
        self._outside: Outside | None = None  # hears other programs, from the first request on
        for pattern in settings.pages:
            self.hub.handlers.declare(pattern)
        for key in settings.groups:
            self.hub.handlers.group(key)
        self.tries = Tries(Guesses(settings, self.refusals), self.clock.now)
        self.addresses = Addresses(settings, self.refusals)
        self.engine = make_engine(
            self.hub,
            settings,
            self.clock,
            self.hub.descriptors,
            self.addresses,
            self.refusals,
            self.hub.mistakes,
            handles_events=False,
        )
        self._is_sized_for_events = False
        self.counts = CountRoutes(
            Observatory(
                self.hub,
                self.engine,
                settings,
                self._neighbours.reports if self._neighbours is not None else None,
            ),
            self.clock,
            public=settings.public,
            gate=self.gate,
            read_token=settings.read_token,
            on_private=self._refuse_list,
            tries=self.tries,
            addresses=self.addresses,
            unix_s=self.unix_s,
            readings=lambda: self.metrics.of_all(),
            past=make_past(settings, self.clock, self.unix_s, self.history),
        )
        self.counts.streams.on_stuck = lambda: self.refusals.add(Refusal.SLOW)
        self._snapshots = Snapshots(self._parts(), self.engine.sessions)
        self.metrics = Metrics(
            self._snapshots,
            PrivateLists(settings.read_token, self.gate, self._refuse_metrics, self.tries, what="metrics"),
            this_worker(),
        )
        self.background = Background(mistakes=self.hub.mistakes)
        self.hooks = self._make_hooks() if settings.hooks else None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_leaving = False
        self._has_ended = False  # since the last begin
        if self._neighbours is not None:
            self._neighbours.on_leaving = self._hear_leaving

    @property
    def handles_events(self) -> bool:
        """Whether the application handles clients' events, and does not only count them."""
        return self.hub.handlers.is_used

    def unix_s(self) -> float:
        """The time of day; where a test moves the clock, it moves with it."""
        return time.time() - time.monotonic() + self.clock.now()

    def begin(self) -> bool:
        """The running loop serves; to be called with each request, and cheap after the first.

        Returns:
            Whether this is the loop's first request, or the first after an end.
        """
        loop = asyncio.get_running_loop()
        is_first = loop is not self._loop
        if self._has_ended:
            is_first = is_first or not host_is_stopping()  # a late request begins nothing anew
        if is_first:
            self.end_lost_loop()
            self._has_ended = False
            self.clock.move()
            self._loop = loop
            self.hub.home.run_on(loop)
            if self.history is not None:
                self.history.open()
            if self._neighbours is not None:
                self._neighbours.open()
            if self._hear_outside is not None:
                self._outside = self._hear_outside()
        if self.hooks is not None and not self._is_leaving and not self._has_ended:
            self._open_hooks(self.hooks)
        self.background.start()
        if self.hub.handlers.is_used is not self._is_sized_for_events:  # a handler was registered meanwhile
            self._is_sized_for_events = self.handles_events
            self.engine.limits = make_limits(self._settings, handles_events=self.handles_events)
            self.engine.rate = make_rate(self._settings, handles_events=self.handles_events)
        return is_first

    def _make_hooks(self) -> Hooks:
        """The hooks, and at first those of the settings.

        Raises:
            SettingsError: a hook of the settings can't work.
        """
        from nannin.app.hooking import make_hooks  # most servers have none

        hooks = make_hooks(self._settings, self.clock, self.unix_s, self._node, self.hub)
        self._watch_for(hooks)
        return hooks

    def _open_hooks(self, hooks: Hooks) -> None:
        if not hooks.is_open:
            hooks.open()
            if self.history is not None and hooks.seeds:
                from nannin.app.hooking import seed

                self.background.spawn(seed(hooks, self.history))

    def _hear_leaving(self, for_s: float) -> None:
        """Another node sends its clients away, or is gone."""
        if self.hooks is not None:
            self.hooks.stay(for_s)

    def _watch_for(self, hooks: Hooks) -> None:
        for page in hooks.watched:
            self.hub.teller.watch(hooks, page)

    def add_hook(self, hook: Hook, call: Callable[[Notice], None]) -> None:
        """Has the application called when a hook has something to tell."""
        if self.hooks is None:
            self.hooks = self._make_hooks()
        self.hooks.add(hook, call)
        self._watch_for(self.hooks)

    @property
    def is_alone(self) -> bool:
        """Whether it counts by itself, and shares its count with no other process."""
        return self._node is None

    @property
    def is_settled(self) -> bool:
        """Whether it has found the other nodes, as far as there are others."""
        return self._node is None or not self._node.share.is_cut_off

    async def settle(self) -> None:
        """Returns once the other nodes know this one and other programs reach it, or after a few seconds."""
        node = self._node
        if node is not None:
            settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            node.when_settled(lambda: None if settled.done() else settled.set_result(None))
            waiting: list[asyncio.Future[Any]] = [settled]
            if self._outside is not None:
                waiting.append(asyncio.ensure_future(self._outside.is_listening.wait()))
            _, late = await asyncio.wait(waiting, timeout=_SETTLE_S)
            for future in late:
                future.cancel()

    def _make_counts(self, roster: Roster[Connection]) -> Counts:
        """What knows how many are on each page: the roster, or where several nodes serve, their share."""
        self._node = make_node(self._settings, roster, self.clock, new_id)
        return roster if self._node is None else self._node.share

    async def wait_closed(self) -> None:
        """After `shut_down`: returns once the other nodes know that it has left, or after some seconds."""
        if self._outside is not None:
            await self._outside.wait_closed()
            self._outside = None
        if self._node is not None:
            await self._node.wait_closed()
        if self.hooks is not None:
            await asyncio.to_thread(self.hooks.join)
        if self.history is not None:
            await self.history.wait_closed()

    def end_lost_loop(self) -> None:
        """Ends what a loop has left that ended without a word, as those of test clients do.

        Nobody who was on that loop will be back, and none of its tasks will go on.
        """
        if self._loop is not None and not self._loop.is_running():
            self._loop = None
            self.background.forget()
            self.shut_down()

    def why_not_ready(self) -> str:
        """Why new clients should go to another server, in a few words; "" where they are welcome."""
        if self._is_leaving:
            return "stopping"
        return "" if self.is_settled else "the other nodes can't be reached"

    def is_anybody_counted(self) -> bool:
        """Whether somebody is counted here, in grace or not."""
        return bool(self.hub.roster.pages())

    def goodbyes(self) -> list[Callable[[], None]]:
        """Lets nobody in any more, until `shut_down`; returns what ends each session and each stream."""
        self._is_leaving = True
        if self._neighbours is not None:
            self._neighbours.leave_soon(self._settings.drain)
        if self.hooks is not None:  # that everybody leaves now is no news
            if self.is_alone:
                self.hooks.close()
            else:
                self.hooks.stay(math.inf)  # it follows the others, and may be the one that tells
        if self.history is not None and self.is_alone:
            self.history.close()  # nor are they seen as leaves
        engines = [partial(self._say, goodbye) for goodbye in self.engine.goodbyes()]
        return [*engines, *self.counts.goodbyes()]

    def _say(self, goodbye: Callable[[], None]) -> None:
        """Ends a session, once it has got what was sent to it with many others."""
        self.hub.emitter.broadcasts.finish()
        goodbye()

    def shut_down(self) -> None:
        """Ends every task, every session, every stream and every grace."""
        self._is_leaving = False
        self._has_ended = True
        if self.hooks is not None:
            self.hooks.close()
        if self.history is not None:
            self.history.close()
        self.background.shut_down()
        self._snapshots.stop()
        self.hub.emitter.broadcasts.finish()
        self.engine.shut_down()
        self.counts.shut_down()
        self.hub.grace.end_all()
        if self._outside is not None:
            self._outside.close()
        if self._node is not None:
            self._node.close()

    def _parts(self) -> Parts:
        """What the metrics are read from."""
        return Parts(
            self.hub,
            self.clock.now,
            self.why_not_ready,
            lambda: len(self.counts.streams),
            Pulse(self.clock),
            lambda: self.engine.unsent.number,
            self._node,
            self.history,
            lambda: self.hub.handlers.groups.keys,
            lambda: self.hooks,
        )

    def _refuse_metrics(self, path: str) -> None:
        """Tallies a request for the metrics that was refused; the log says once what opens them."""
        self.refusals.add_and_tell(
            Refusal.METRICS,
            "refused the metrics: %s answers this machine and whoever sends the read_token",
            path,
        )

    def _refuse_list(self, path: str) -> None:
        """Tallies a request for a list of pages that was refused; the log says once what opens it."""
        self.refusals.add_and_tell(
            Refusal.LIST,
            "refused %.80s: lists of pages answer this machine and whoever sends the read_token; "
            "the count of a known page is public",
            path,
        )


def make_gate(settings: Settings, refusals: Refusals) -> Gate:
    """The gate of one app, from its settings."""
    return Gate(settings.allow_origins, settings.hosts, refusals, socket.gethostname())


def _token_judge(settings: Settings, unix_s: Callable[[], float]) -> Callable[[str, str], Verdict] | None:
    if not settings.page_secret:
        return None
    from nannin.access.tokens import Tokens  # most servers need none, and it takes 16 ms to load

    tokens = Tokens(settings.page_secret)
    return lambda page, token: tokens.judge(page, token, unix_s())
