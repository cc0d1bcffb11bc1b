"""When a hook has something to tell: one rule for each, over all pages that it is for.

It is pure: counts come in, happenings come out, and time is an argument. Each page has a level, which is up
while the hook's condition lasts. The level changes when the condition has been otherwise for the whole of
`debounce`; so a flap changes nothing. Whatever is told is told of a change of the level, or of a level that
lasts.
"""

from __future__ import annotations

import dataclasses
import heapq
import itertools
import math
from typing import Final

import msgspec

from nannin.audience.roster import Count
from nannin.hook import Hook
from nannin.hooks.conditions import Told, least_that_matters, make_condition

__all__ = ["MOST_PAGES", "RETURN_S", "Happening", "Rule"]

# Maximum pages that one rule remembers. Further pages are not looked at until one of these is forgotten.
MOST_PAGES: Final = 20_000
_HOURLY_S: Final = 3_600.0
# Seconds after a restart in which clients may be back, so that nothing ends because they are not yet.
RETURN_S: Final = 45.0


class Memory(msgspec.Struct, array_like=True, frozen=True):
    """What is remembered of a page over a restart: its level, when it was told of, and how high it was."""

    is_up: bool
    since_unix_s: float
    began_told_unix_s: float | None
    ended_told_unix_s: float | None
    highest: list[tuple[int, int]]
    is_untold: bool = False


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Memory).decode


@dataclasses.dataclass(frozen=True, slots=True)
class Happening:
    """Something that is to be told.

    Attributes:
        page: where; a page's key or a group's.
        what: `occupied`, `vacated`, `above`, `below`, `spike` or `peak`.
        count: the page's count now.
        since_s: when it began, in monotonic seconds.
        told: its numbers.
    """

    page: str
    what: str
    count: Count
    since_s: float
    told: Told


class _Page:
    """What a rule knows of a page.

    Attributes:
        is_up: the level.
        turned_s: since when the condition has been other than the level; None while it is not.
        since_s: when the level began.
        is_untold: whether the level has changed, and is still to be told.
        told_s: when the beginning and the end were told last.
        due_s: when to look again.
        stays_until_s: until when the level can't end: a page that is remembered from before a restart, whose
            clients are on their way back.
    """

    __slots__ = (
        "condition",
        "count",
        "due_s",
        "is_untold",
        "is_up",
        "since_s",
        "stays_until_s",
        "told_s",
        "turned_s",
    )

    def __init__(self, hook: Hook, started_s: float) -> None:
        self.condition = make_condition(hook, started_s)
        self.count = Count()
        self.is_up = False
        self.turned_s: float | None = None
        self.since_s = -math.inf
        self.is_untold = False
        self.told_s = {True: -math.inf, False: -math.inf}
        self.due_s = math.inf
        self.stays_until_s = -math.inf


class Rule:
    """Follows the pages of one hook.

    Args:
        hook: what is told, and how often.
        started_s: since when counts come in, in monotonic seconds.
        most_pages: maximum pages to remember.

    Attributes:
        hook: as above.
        left_out: how often a page was not looked at, since there were too many.
        has_turned: whether a level has changed or was told of since `changed` was asked last.
    """

    def __init__(self, hook: Hook, started_s: float, most_pages: int = MOST_PAGES) -> None:
        self.hook = hook
        self.left_out = 0
        self._started_s = started_s
        self._most_pages = most_pages
        self._least = least_that_matters(hook)
        self._pages: dict[str, _Page] = {}
        self._due: list[tuple[float, int, str]] = []
        self._order = itertools.count()
        self._changed: set[str] = set()
        self._stays_until_s = -math.inf
        self.has_turned = False

    def __len__(self) -> int:
        """How many pages are remembered."""
        return len(self._pages)

    def hear(self, page: str, count: Count, now: float) -> list[Happening]:
        """A page's count is this from now on.

        Returns:
            What is to be told now.
        """
        value: int = getattr(count, self.hook.of)
        state = self._pages.get(page)
        if state is None:
            if value <= self._least:
                return []
            if len(self._pages) >= self._most_pages:
                self.left_out += 1
                return []
            state = self._pages[page] = _Page(self.hook, self._started_s)
            happenings = []
        else:
            # What was due before is judged by what held until now, however late the loop is.
            happenings = self._look(page, state, now) if state.due_s <= now else []
        if state.condition.note(value, now):
            self._changed.add(page)
        state.count = count
        happenings += self._look(page, state, now)
        self._schedule(page, state, now)
        return happenings

    def tick(self, now: float) -> list[Happening]:
        """Time has passed. Returns what is to be told now."""
        happenings: list[Happening] = []
        while self._due and self._due[0][0] <= now:
            due_s, _, page = heapq.heappop(self._due)
            state = self._pages.get(page)
            if state is not None and state.due_s == due_s:
                happenings += self._look(page, state, now)
                self._schedule(page, state, now)
        return happenings

    def next_deadline(self) -> float:
        """When `tick` has something to do; infinity: never."""
        while self._due:
            due_s, _, page = self._due[0]
            state = self._pages.get(page)
            if state is not None and state.due_s == due_s:
                return due_s
            heapq.heappop(self._due)
        return math.inf

    def _look(self, page: str, state: _Page, now: float) -> list[Happening]:
        """Changes the level if it is time, and returns what is to be told."""
        condition = state.condition
        turns = condition.subsides(now) if state.is_up else condition.begins(now)
        if not turns:
            state.turned_s = None
        elif state.turned_s is None:
            state.turned_s = now
        if state.turned_s is not None and now >= self._turns_s(state):
            state.is_up = not state.is_up
            state.since_s, state.turned_s = state.turned_s, None
            state.is_untold = self.has_turned = True
            self._changed.add(page)
            if not state.is_up:
                condition.subsided()
        return self._tell(page, state, now)

    def _turns_s(self, state: _Page) -> float:
        """When a level that has begun to turn has turned; infinity where it does not begin to."""
        if state.turned_s is None:
            return math.inf
        from_s = (
            max(state.turned_s, state.stays_until_s, self._stays_until_s) if state.is_up else state.turned_s
        )
        return from_s + self.hook.debounce

    def stay(self, until_s: float, now: float) -> None:
        """No level ends until then: clients are sent away, and are on their way back."""
        self._stays_until_s = max(self._stays_until_s, until_s)
        for page, state in [*self._pages.items()]:
            if state.is_up and state.turned_s is not None:
                self._schedule(page, state, now)

    def _tell(self, page: str, state: _Page, now: float) -> list[Happening]:
        condition = state.condition
        what = condition.began if state.is_up else condition.ended
        if not what or now < self._tells_s(state, now):
            return []
        state.is_untold = False
        state.told_s[state.is_up] = now
        self.has_turned = True
        self._changed.add(page)
        told = condition.told(now, began=state.is_up)
        return [Happening(page, what, state.count, state.since_s, told)]

    def _tells_s(self, state: _Page, now: float) -> float:
        """When the level is to be told; infinity: not before it has changed."""
        told_s = state.told_s[state.is_up]
        if self.hook.repeat == "hourly":
            lasts = not state.condition.cannot_be_undone and told_s > -math.inf
            return told_s + _HOURLY_S if state.is_untold or lasts else math.inf
        if not state.is_untold or (self.hook.repeat == "once" and told_s > -math.inf):
            return math.inf
        return now

    def _schedule(self, page: str, state: _Page, now: float) -> None:
        """Sets when to look again; forgets the page if there is nothing to remember."""
        due_s = self._due_s(page, state, now)
        if due_s == -math.inf:
            del self._pages[page]
            return
        if due_s != state.due_s:
            state.due_s = due_s
            if due_s < math.inf:
                heapq.heappush(self._due, (due_s, next(self._order), page))
                if len(self._due) > 2 * len(self._pages) + 64:  # most of it is out of date
                    self._due = [entry for entry in self._due if self._is_valid(entry)]
                    heapq.heapify(self._due)

    def _is_valid(self, entry: tuple[float, int, str]) -> bool:
        state = self._pages.get(entry[2])
        return state is not None and state.due_s == entry[0]

    def _due_s(self, page: str, state: _Page, now: float) -> float:
        """When to look again; minus infinity: the page can be forgotten."""
        condition = state.condition
        times = [math.inf]
        if state.turned_s is not None:
            times.append(self._turns_s(state))
        elif state.is_up:
            times.append(condition.look_again_s(now))
        if condition.began if state.is_up else condition.ended:
            times.append(self._tells_s(state, now))
        if not state.is_up and state.turned_s is None and min(times) == math.inf:
            forget_s = max(condition.forget_s(now), self._remembers_told_s(state))
            if forget_s <= now:
                return -math.inf
            times.append(forget_s)
        return min(times)

    def _remembers_told_s(self, state: _Page) -> float:
        """Until when it has to be remembered that the page was told of."""
        told_s = max(state.told_s.values())
        if told_s == -math.inf or self.hook.repeat == "subsided":
            return -math.inf
        return math.inf if self.hook.repeat == "once" else told_s + _HOURLY_S

    def changed(self, wall_s: float) -> dict[str, bytes | None]:
        """What is to be remembered over a restart, of the pages that have changed since this was asked last.

        Args:
            wall_s: what monotonic seconds are to be added to for the time on the wall.

        Returns:
            A state by page; None for a page of which nothing need be remembered.
        """
        pages, self._changed, self.has_turned = self._changed, set(), False
        return {page: self._memory(self._pages.get(page), wall_s) for page in pages}

    def forget_changes(self) -> None:
        """Nothing has changed, as far as `changed` goes."""
        self._changed.clear()
        self.has_turned = False

    @property
    def has_changed(self) -> bool:
        """Whether `changed` has something to say."""
        return bool(self._changed)

    def change_all(self) -> None:
        """All pages have changed, as far as `changed` goes."""
        self._changed.update(self._pages)

    def _memory(self, state: _Page | None, wall_s: float) -> bytes | None:
        if state is None:
            return None
        began, ended = (
            None if at_s == -math.inf else at_s + wall_s for at_s in (state.told_s[True], state.told_s[False])
        )
        highest = state.condition.memory(wall_s)
        if not (state.is_up or state.is_untold or highest) and began is None and ended is None:
            return None
        since_unix_s = state.since_s + wall_s if state.is_up else 0.0
        return _encode(Memory(state.is_up, since_unix_s, began, ended, highest, state.is_untold))

    def adopt(self, now: float) -> None:
        """Another node has told of all that is so already: the levels are what the numbers say now."""
        for page, state in [*self._pages.items()]:
            state.is_up = state.is_up or state.condition.begins(now)
            state.turned_s, state.is_untold = None, False
            if state.is_up:
                state.since_s = max(state.since_s, self._started_s)
                state.told_s[True] = now
            self._schedule(page, state, now)

    def seed(self, page: str, highest: int, now: float) -> None:
        """A page is known to have been as high as this at some time; for a rule of peaks."""
        state = self._remembered(page)
        if state is not None:
            state.condition.restore([(0, highest)], now, 0.0)
            self._schedule(page, state, now)

    def _remembered(self, page: str) -> _Page | None:
        """What is known of a page, or a place for it; None if there is none."""
        state = self._pages.get(page)
        if state is None and len(self._pages) < self._most_pages:
            state = self._pages[page] = _Page(self.hook, self._started_s)
        return state

    def restore(self, page: str, data: bytes, now: float, wall_s: float, *, is_known: bool = False) -> None:
        """A page was in this state before a restart, or before the node ended that told until now.

        What can't be read is left out, and a page that exceeds the limit as well.

        Args:
            page: its key.
            data: what `changed` returned.
            now: the time, in monotonic seconds.
            wall_s: as above.
            is_known: whether this node knows better whether the level is up.
        """
        try:
            memory = _decode(data)
        except msgspec.MsgspecError:
            return
        state = self._remembered(page)
        if state is None:
            return
        for side, at_s in ((True, memory.began_told_unix_s), (False, memory.ended_told_unix_s)):
            if at_s is not None:
                state.told_s[side] = max(state.told_s[side], min(now, at_s - wall_s))
        state.condition.restore(memory.highest, now, wall_s)
        if memory.is_up and not state.is_up and not is_known:
            state.is_up, state.turned_s = True, None
            state.since_s = min(now, memory.since_unix_s - wall_s)
            state.is_untold = memory.is_untold
            state.stays_until_s = now + RETURN_S
            if state.condition.subsides(now):
                state.turned_s = now
        self._schedule(page, state, now)
