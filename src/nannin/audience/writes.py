"""The writes of one node: those that wait for an answer, and those that the census might still lose.

Each write names the one before, so the census notices where one is missing, and says the last that it has.
What later ones named is then said again. Their numbers are never used again, so that one of them that is late
can't be taken for its successor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from nannin.audience.roster import Count, VisitorName

Then = Callable[[], None]
# What a visitor is named for: to say again what was said before; since something has changed; since the
# visitor has come, who was not here before.
AGAIN, CHANGED, CAME = 0, 1, 2


class Write:
    """An `Apply` that was sent.

    Args:
        call: its number.
        page: the page's key.
        visitors: those that it names, each with AGAIN, CHANGED or CAME. Of the last two, their node has to
            hear whether they entered or exited.
        sent_at: when, in monotonic seconds.

    Attributes:
        part: what the node had on the page.
        version: that of the page, as it was known; 0 where it was not.
        joined: those who have one connection more, which took no place in grace here, each as often as that
            happened. Whoever is named with CAME has joined once without it.
        is_last: whether it names all that there was to name.
        thens: wait for its answer.
    """

    __slots__ = ("call", "is_last", "joined", "page", "part", "sent_at", "thens", "version", "visitors")

    def __init__(self, call: int, page: str, visitors: dict[VisitorName, int], sent_at: float) -> None:
        self.call = call
        self.page = page
        self.visitors = visitors
        self.sent_at = sent_at
        self.part = Count()
        self.joined: Sequence[VisitorName] = ()
        self.version = 0
        self.is_last = True
        self.thens: list[Then] = []


class Writes:
    """A node's writes, in their order.

    Args:
        remember_s: the seconds for which a write is remembered, in case that the census loses it.
        remember_most: how many writes are remembered at most.

    Attributes:
        last: the last write, or the registration.
        answered: the last write that was answered.
    """

    def __init__(self, remember_s: float, remember_most: int) -> None:
        self.last = 0
        self.answered = 0
        self._remember_s = remember_s
        self._remember_most = remember_most
        self._under_way: dict[int, Write] = {}
        self._written: deque[Write] = deque()  # those under way, and those that are remembered
        self._forgotten = 0  # the last one that is not

    def __len__(self) -> int:
        """How many wait for an answer."""
        return len(self._under_way)

    def __contains__(self, call: int) -> bool:
        """Whether it waits for an answer."""
        return call in self._under_way

    def begin(self, call: int) -> None:
        """The node has registered by this call. Nothing of before may be under way."""
        self.last = self.answered = self._forgotten = call
        self._written.clear()

    def add(self, write: Write) -> int:
        """A write is sent. Returns the one before."""
        previous, self.last = self.last, write.call
        self._under_way[write.call] = write
        self._written.append(write)
        return previous

    def answer(self, call: int) -> Write | None:
        """The census has done a write; None where nobody waits for that."""
        write = self._under_way.pop(call, None)
        if write is not None:
            self.answered = max(self.answered, call)
        return write

    def give_up(self) -> list[Write]:
        """No write is answered any more. Returns those that were under way."""
        writes = list(self._under_way.values())
        self._under_way.clear()
        return writes

    def go_back(self, last: int, call: int) -> list[tuple[Write, bool]] | None:
        """The census refuses a call, since it has no write after `last`.

        Returns:
            The writes that must be made again, each with whether it was under way; None where the census has
            lost some that are not remembered.
        """
        if last < self._forgotten:
            return None
        missing: list[tuple[Write, bool]] = []
        while self._written and self._written[-1].call > last:
            write = self._written.pop()
            missing.append((write, self._under_way.pop(write.call, None) is not None))
        if (passed := self._under_way.pop(call, None)) is not None:
            missing.append((passed, True))
        self.last = last
        self.answered = min(self.answered, last)
        return missing

    def forget(self, now: float) -> None:
        """Forgets what is old enough, or too much."""
        while self._written and self._written[0].call not in self._under_way:
            is_young = self._written[0].sent_at + self._remember_s > now
            if is_young and len(self._written) <= self._remember_most:
                return
            self._forgotten = self._written.popleft().call
