"""What a client that comes back has missed: its rooms and data, and the events since its last one.

Source: Socket.IO, "Connection state recovery"; the client sends the `pid` that it got with CONNECT, and the
offset that stood behind the arguments of the last event it received.
"""

from __future__ import annotations

import math
import re
from collections import OrderedDict, deque
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

# An absent client takes about 1 KiB without its data, so that these take 10 MiB.
MAX_ABSENT = 10_000
# Of a longer text that a client may take for an offset nothing is kept.
MAX_OFFSET = 256


class Aim(NamedTuple):
    """Whom an event is meant for: rooms and ids, all others excepted; no rooms means everyone."""

    rooms: frozenset[str] | None = None
    except_: frozenset[str] = frozenset()

    def takes(self, names: Collection[str]) -> bool:
        """Whether it is meant for one who has these names: its id and its rooms."""
        return (self.rooms is None or not self.rooms.isdisjoint(names)) and self.except_.isdisjoint(names)


class Ticket:
    """With what somebody on a page may come back to it.

    Attributes:
        pid: what it says then; nobody else knows it.
        settled: the last of the page's events that it needs no more, whatever it says.
        sent: the last one that was sent to it.
        called: the text that ended the last call to it, and the last event that was sent to it before.
    """

    __slots__ = ("called", "pid", "sent", "settled")

    def __init__(self, pid: str, joined: int) -> None:
        self.pid = pid
        self.settled = joined
        self.sent = joined
        self.called: tuple[str | None, int] | None = None

    def call(self, last: Any) -> None:
        """It is sent an event that wants an ack, and so carries no offset; `last` is its last argument.

        The official client takes any text in that place for the offset, and says it when it comes back.
        """
        if isinstance(last, str):
            self.called = last if len(last) <= MAX_OFFSET else None, self.sent


class Absent(NamedTuple):
    """A client that lost its link, and may come back as who it was."""

    page: str
    ticket: Ticket
    id: str
    rooms: list[str]
    data: dict[str, Any]


class Return(NamedTuple):
    """One who came back: who it was, and the events that it missed."""

    absent: Absent
    missed: list[Any]


class _Away(NamedTuple):
    """An absent client, until when, and the page's last event when it left."""

    absent: Absent
    end_s: float
    left: int


class _Event(NamedTuple):
    offset: int
    when_s: float
    aim: Aim
    event: Any
    size_bytes: int


class _Log:
    __slots__ = ("events", "last", "lost", "name", "size_bytes", "users")

    def __init__(self, name: str) -> None:
        self.name = name  # so that no text of the application's passes for an offset
        self.events: deque[_Event] = deque()
        self.size_bytes = 0
        self.last = 0
        self.lost = 0  # the last event that was dropped
        self.users = 0  # those who are there and may need it, and those who are absent


class Recovery:
    """Keeps the events of pages where somebody may come back, for a time and up to a size.

    Args:
        window_s: how long after its leave a client may come back; 0 for never.
        max_bytes: how much is kept for one page.
        new_pid: makes an id that nobody can guess.
        max_absent: how many may be absent; of more, the one that has been so for the longest is given up.
    """

    def __init__(
        self,
        *,
        window_s: float,
        max_bytes: int,
        new_pid: Callable[[], str],
        max_absent: int = MAX_ABSENT,
    ) -> None:
        self._window_s = window_s
        self._max_bytes = max_bytes
        self._new_pid = new_pid
        self._max_absent = max_absent
        self._logs: dict[str, _Log] = {}
        # By pid, in the order of their ends, which is that of their leaves: the window is the same for all.
        self._absent: OrderedDict[str, _Away] = OrderedDict()

    def __len__(self) -> int:
        """How many are absent and may come back."""
        return len(self._absent)

    @property
    def is_on(self) -> bool:
        """Whether anybody may come back at all."""
        return self._window_s > 0

    def join(self, page: str) -> Ticket:
        """Somebody joins a page who may come back."""
        log = self._logs.get(page)
        if log is None:
            log = self._logs[page] = _Log(self._new_pid()[:8])
        log.users += 1
        return Ticket(self._new_pid(), log.last)

    def leave(self, page: str) -> None:
        """Such a one leaves, and does not come back."""
        log = self._logs[page]
        log.users -= 1
        if not log.users:
            del self._logs[page]

    def is_used(self, page: str) -> bool:
        """Whether anybody on the page may come back, or may need what is sent now when they do."""
        return page in self._logs

    def next_offset(self, page: str) -> str:
        """The offset of an event that is being sent and will be kept: clients get it as the last argument."""
        self._logs[page].last += 1
        return self.last_offset(page)

    def last_offset(self, page: str) -> str:
        """The offset of the page's last event that is kept: what is not kept carries it."""
        log = self._logs[page]
        return f"{log.name}.{log.last:x}"

    def last(self, page: str) -> int:
        """The number of that event, for `Ticket.sent`."""
        return self._logs[page].last

    def keep(self, page: str, aim: Aim, event: Any, size_bytes: int, now: float) -> None:
        """Keeps the event of the last `next_offset`.

        Args:
            page: its page.
            aim: whom it is meant for.
            event: the event, in whatever form it is to be sent later.
            size_bytes: about how large it is.
            now: the time, in monotonic seconds.
        """
        log = self._logs[page]
        log.events.append(_Event(log.last, now, aim, event, size_bytes))
        log.size_bytes += size_bytes
        while log.events and (
            log.size_bytes > self._max_bytes or log.events[0].when_s < now - self._window_s
        ):
            dropped = log.events.popleft()
            log.size_bytes -= dropped.size_bytes
            log.lost = dropped.offset

    def remember(self, absent: Absent, now: float) -> None:
        """Somebody who may come back lost its link."""
        left = self._logs[absent.page].last
        self._absent[absent.ticket.pid] = _Away(absent, now + self._window_s, left)
        if len(self._absent) > self._max_absent:
            self._give_up()

    def come_back(self, page: str, pid: object, offset: object, now: float) -> Return | None:
        """Somebody is back, and joins with the ticket it had.

        Args:
            page: the page it joins.
            pid: what it says who it was.
            offset: what it says was its last event; None where it got none.
            now: the time, in monotonic seconds.

        Returns:
            Who it was and what it missed. None where it is too late, or not known, or more was missed than is
            kept or can be told: then it is one like any other.
        """
        self.expire(now)
        away = self._absent.get(pid) if isinstance(pid, str) else None
        if away is None or away.absent.page != page:
            return None
        log, absent, ticket = self._logs[page], away.absent, away.absent.ticket
        got = _read_offset(log.name, ticket, offset)
        if got is None:
            return None
        last = max(ticket.settled, got)
        # One that has all that was sent to it lacks nothing from before its leave: what its rooms heard
        # before it joined them was not meant for it, and may be dropped already.
        since = last if last < ticket.sent else max(last, away.left)
        if not log.lost <= since <= log.last:
            return None
        del self._absent[ticket.pid]
        names = {absent.id, *absent.rooms}
        missed = [kept for kept in log.events if kept.offset > since and kept.aim.takes(names)]
        ticket.settled = since
        ticket.sent = missed[-1].offset if missed else since
        return Return(absent, [kept.event for kept in missed])

    def next_deadline(self) -> float:
        """When the next absent client is given up; infinite where nobody is absent."""
        return next(iter(self._absent.values())).end_s if self._absent else math.inf

    def expire(self, now: float) -> None:
        """Gives up those who did not come back in time."""
        while self.next_deadline() <= now:
            self._give_up()

    def _give_up(self) -> None:
        _, away = self._absent.popitem(last=False)
        self.leave(away.absent.page)


def _read_offset(name: str, ticket: Ticket, offset: object) -> int | None:
    """The last event of the log of this name that a client has got, by what it says; None: it can't be told.

    The official client keeps the offset that it had as somebody else, until it gets another; whoever comes
    with none of this log has got none since it joined, or a call behind the last.
    """
    if not isinstance(offset, str):
        return 0
    match = re.fullmatch(r"(.{8})\.([0-9a-f]{1,15})", offset)
    if match is not None and match[1] == name:
        return int(match[2], 16)
    if ticket.called is None:
        return 0
    text, sent_before = ticket.called
    return sent_before if offset == text else None
