"""All hooks of one Live: they hear counts, and have notices delivered, or functions called.

Where several nodes serve, each follows all counts, and one of them tells: the eldest. What the others would
tell they hold back until they hear that it is alive, so that the next one can go on from there.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from nannin.audience.page_key import as_iri, as_uri, is_pattern
from nannin.audience.roster import Count
from nannin.clock import Alarm, Clock
from nannin.hook import Hook, free_name
from nannin.hooks.addresses import Addresses
from nannin.hooks.delivery import Clerk, Delivery
from nannin.hooks.destinations import make_destination
from nannin.hooks.followed import Call, Followed
from nannin.hooks.kept import Kept
from nannin.hooks.notices import Notice, make_notice
from nannin.hooks.rules import RETURN_S, Happening, Rule

__all__ = ["Hooks", "Turn"]

# Maximum notices that are held back until it is known who tells them.
_MOST_HELD: Final = 1_000
# Seconds between two looks at who tells, while something is held back.
_LOOK_S: Final = 1.0
# Seconds after which a page's highest number is put away. What was told, and since when a page is what it is,
# is put away at once.
_PUT_AWAY_S: Final = 5.0
# How many pages' rules are found without a search.
_PAGES_AT_HAND: Final = 10_000

logger = logging.getLogger("nannin.hooks")


class Turn(NamedTuple):
    """Whether this node tells.

    Attributes:
        is_mine: whether it does.
        others_until_s: until when another one did, as far as is known, in monotonic seconds.
    """

    is_mine: bool
    others_until_s: float = -math.inf


class _Held(NamedTuple):
    """A notice that was held back, since another node tells."""

    at_s: float
    notice: Notice
    call: Call | None


class Hooks:
    """Follows counts for all hooks of a Live. It is told of them as a watcher of the hub's teller is.

    Args:
        hooks: those of the settings.
        networks: to which of them hooks may connect, besides public addresses.
        clock: time.
        unix_s: the time on the wall.
        turn: whether this node tells.
        new_id: makes an id that no other notice has.
        path: the file of what outlasts a restart; None for nothing.
        environ: where variables are that hold secrets, and what commands get.

    Attributes:
        delivers: whether it tells anybody but functions, and keeps anything; not in a test on a stage.

    Raises:
        SettingsError: a hook can't work: a file, a variable, a program or an address is wrong.
    """

    def __init__(
        self,
        hooks: Iterable[Hook],
        networks: Iterable[str],
        clock: Clock,
        unix_s: Callable[[], float],
        turn: Callable[[], Turn],
        new_id: Callable[[], str],
        path: Path | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.delivers = True
        self._clock, self._unix_s, self._turn, self._new_id = clock, unix_s, turn, new_id
        self._followed: list[Followed] = []
        self._find = lru_cache(_PAGES_AT_HAND)(self._search)
        self._alarm = Alarm(clock, self._tick)
        self._put_away_s = math.inf
        self._held: deque[_Held] = deque(maxlen=_MOST_HELD)
        # The newest counts, until it is known what rules remembered; None once it is, or if nothing is kept.
        self._early: dict[str, Count] | None = None
        # Of which pages each hook has told until it is known what was remembered; None once it is.
        self._told_early: set[tuple[str, str]] | None = None
        self._is_mine = False
        self._has_adopted = False
        self._delivery: Delivery | None = None
        self._ended: Delivery | None = None
        self._path = path
        self._is_open = False
        addresses = Addresses(networks)
        self._destinations = {}
        for hook in hooks:
            self._destinations[hook.name] = make_destination(hook, addresses, environ)
            self._add(hook, None)

    def add(self, hook: Hook, call: Call) -> None:
        """Calls a function of the application for one more hook."""
        name = free_name(hook.name, [one.rule.hook for one in self._followed])
        self._add(dataclasses.replace(hook, name=name), call)

    def _add(self, hook: Hook, call: Call | None) -> None:
        self._followed.append(Followed(Rule(hook, self._clock.now()), call))
        self._find.cache_clear()

    @property
    def watched(self) -> set[str | None]:
        """The pages and groups of which counts are to be heard; None is every page."""
        hooks = [one.rule.hook for one in self._followed]
        if any(hook.page and is_pattern(hook.page) for hook in hooks):
            return {None}
        return {spell(hook.key) for hook in hooks for spell in (str, as_uri, as_iri)}

    @property
    def groups(self) -> list[str]:
        """The groups that hooks are for."""
        return list(dict.fromkeys(one.rule.hook.group for one in self._followed if one.rule.hook.group))

    @property
    def seeds(self) -> set[str]:
        """Of which numbers it is good to know how high they ever were: `visitors`, `connections`."""
        return {one.rule.hook.of for one in self._followed if one.is_of_peaks} - {"visible"}

    def seed(self, of: str, peaks: Iterable[tuple[str, int]]) -> None:
        """Tells how high numbers were at their highest, as history knows it.

        Args:
            of: `visitors` or `connections`.
            peaks: keys of pages, each with its highest number.
        """
        now = self._clock.now()
        followed = [one for one in self._followed if one.is_of_peaks and one.rule.hook.of == of]
        for page, highest in peaks:
            key = as_uri(page)
            for one in followed:
                if highest >= one.rule.hook.least and one.is_for(key):
                    one.rule.seed(page, highest, now)
        self._set_alarm()

    @property
    def waiting(self) -> int:
        """How many notices wait to be delivered."""
        return len(self._delivery.clerk) if self._delivery is not None else 0

    @property
    def delivered(self) -> int:
        """How many notices were delivered since the start."""
        return self._delivery.clerk.delivered if self._delivery is not None else 0

    @property
    def failed(self) -> int:
        """How many attempts to deliver one have failed since the start."""
        return self._delivery.clerk.failed if self._delivery is not None else 0

    @property
    def dropped(self) -> int:
        """How many notices were given up since the start."""
        delivery = self._delivery
        return delivery.clerk.dropped + delivery.unheard if delivery is not None else 0

    @property
    def is_open(self) -> bool:
        """Whether the server has started."""
        return self._is_open

    def open(self) -> None:
        """The server has started. A second call does nothing."""
        if not self._is_open:
            self._is_open = True
            self._has_adopted = False
            now = self._clock.now()
            for one in self._followed:
                one.rule = Rule(one.rule.hook, now)
            self._early = {} if self.delivers and self._path is not None else None
            self._look_whose_turn()
            self._set_alarm()

    def close(self) -> None:
        """The server ends: puts away what is known, and delivers no more."""
        self._is_open = False
        self._alarm.cancel()
        self._held.clear()
        self._early = self._told_early = None
        if self._delivery is not None:
            self._put_away()
            self._delivery.stop()
            self._ended, self._delivery = self._delivery, None
        self._is_mine = False

    def stay(self, for_s: float) -> None:
        """Takes nothing to have ended for a time: clients are sent away, here or by another node.

        Args:
            for_s: how many seconds that lasts. For another 45 after it they may be on their way back.
        """
        now = self._clock.now()
        for one in self._followed:
            one.rule.stay(now + for_s + RETURN_S, now)
        self._set_alarm()

    def join(self) -> None:
        """After `close`: returns once all is put away, or after some seconds. It blocks."""
        if self._ended is not None:
            self._ended.join()
            self._ended = None

    def hear(self, page: str, count: Count) -> None:
        """A page's audience, or a group's, is being told this count."""
        if count.stale or not self._is_open:
            return  # a stale count may be wrong, and is told again when it is sure
        if self._early is not None:
            self._early[page] = count
            return
        now = self._clock.now()
        found = self._find(page)
        for one in found:
            rule = one.rule
            left_out = rule.left_out
            self._tell_all(one, rule.hear(page, count, now), now)
            if rule.left_out and not left_out:
                logger.warning(
                    "the hook %s follows %d pages and no more: others are not told of", rule.hook, len(rule)
                )
        self._set_alarm(found)

    def _search(self, page: str) -> list[Followed]:
        """The rules that a page is for."""
        key = as_uri(page)
        return [one for one in self._followed if one.is_for(key)]

    def _tell_all(self, one: Followed, happenings: list[Happening], now: float) -> None:
        for happening in happenings:
            notice = make_notice(self._new_id(), one.rule.hook, happening, now, self._unix_s())
            self._held.append(_Held(now, notice, one.call))
        if happenings:
            self._look_whose_turn()

    def _look_whose_turn(self) -> None:
        """Tells what was held back, if it is this node's turn, and forgets what another has told."""
        turn = self._turn()
        if turn.others_until_s > -math.inf and not self._has_adopted:
            self._adopt()
        while self._held and self._held[0].at_s <= turn.others_until_s:
            self._held.popleft()
        if not turn.is_mine:
            self._is_mine = False
            return
        if not self._is_mine:
            self._is_mine = True
            self._begin_to_deliver()
        notices = []
        while self._held:
            _, notice, call = self._held.popleft()
            logger.info("the hook %s: %s on %s, %d", notice.hook, notice.what, notice.page, notice.value)
            if self._told_early is not None:
                self._told_early.add((notice.hook, notice.page))
            if call is not None:
                call(notice)
            else:
                notices.append((notice.hook, notice))
        if notices or any(one.rule.has_turned for one in self._followed):
            self._put_away(notices)

    def _adopt(self) -> None:
        """There was another node before this one, so what this one has found so far is no news.

        Else a node that has just come, and takes over soon, would tell of every page anew.
        """
        self._has_adopted = True
        now = self._clock.now()
        early, self._early = self._early or {}, None
        for page, count in early.items():
            for one in self._find(page):
                one.rule.hear(page, count, now)
        self._held.clear()
        for one in self._followed:
            one.rule.adopt(now)

    def _begin_to_deliver(self) -> None:
        path = self._path
        if self._delivery is None and self.delivers and (self._destinations or path is not None):
            clerk = Clerk(
                self._destinations,
                partial(Kept, path) if path is not None else None,
                unix_s=self._unix_s,
                on_memory=self._soon(self._restore),
            )
            self._delivery = Delivery(clerk, self._unix_s)
            self._delivery.start()
            self._told_early = None if path is None else set()
        for one in self._followed:
            one.rule.change_all()
        self._put_away_s = min(self._put_away_s, self._clock.now() + _PUT_AWAY_S)

    def _soon(self, function: Callable[[Any], None]) -> Callable[[Any], None]:
        """Has another thread call a function on this loop."""
        loop = asyncio.get_running_loop()

        def call(value: Any) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(function, value)

        return call

    def _restore(self, memory: Mapping[tuple[str, str], bytes]) -> None:
        """Goes on from before a restart."""
        now = self._clock.now()
        followed = {one.rule.hook.name: one for one in self._followed}
        gone: dict[tuple[str, str], bytes | None] = {}
        told = self._told_early or ()
        for (name, page), state in memory.items():
            one = followed.get(name)
            if one is not None and one.is_for(as_uri(page)):
                one.rule.restore(page, state, now, self._wall_s(), is_known=(name, page) in told)
            else:
                gone[name, page] = None
        if gone and self._delivery is not None:
            self._delivery.tell((), gone)
        self._told_early = None
        self._hear_early()
        self._set_alarm()

    def _hear_early(self) -> None:
        """Hears what came while it was not known what rules remembered."""
        early, self._early = self._early, None
        for page, count in (early or {}).items():
            self.hear(page, count)

    def _wall_s(self) -> float:
        """What monotonic seconds are to be added to for the time on the wall."""
        return self._unix_s() - self._clock.now()

    def _put_away(self, notices: Sequence[tuple[str, Notice]] = ()) -> None:
        """Has these notices delivered, and keeps with them what rules remember.

        Args:
            notices: each with the name of its hook.
        """
        self._put_away_s = math.inf
        states: dict[tuple[str, str], bytes | None] = {}
        if self._delivery is None or self._path is None or not self._is_mine:
            for one in self._followed:
                one.rule.forget_changes()  # whoever takes over looks at every page
        else:
            for one in self._followed:
                for page, state in one.rule.changed(self._wall_s()).items():
                    states[one.rule.hook.name, page] = state
        if self._delivery is not None and (notices or states):
            self._delivery.tell(notices, states)

    def _tick(self) -> None:
        now = self._clock.now()
        for one in self._followed:
            if one.rule.next_deadline() <= now:
                self._tell_all(one, one.rule.tick(now), now)
        if self._held or not self._is_mine:
            self._look_whose_turn()
        if self._put_away_s <= now:
            self._put_away()
        self._set_alarm()

    def _set_alarm(self, followed: Iterable[Followed] | None = None) -> None:
        """Sees to it that what is due is done: of all rules, or of these if no other has changed."""
        if not self._is_open:
            return
        now = self._clock.now()
        when_s = now + _LOOK_S if self._held or not self._is_mine else math.inf
        for one in self._followed if followed is None else followed:
            when_s = min(when_s, one.rule.next_deadline())
            if one.rule.has_turned:
                self._put_away_s = now
            elif self._put_away_s == math.inf and one.rule.has_changed:
                self._put_away_s = now + _PUT_AWAY_S
        self._alarm.set(min(when_s, self._put_away_s))
