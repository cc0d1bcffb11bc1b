"""What a client that comes back gets: its rooms and data, and the events that it missed.

Source: Socket.IO, "Connection state recovery". The client sends the `pid` that it got with CONNECT, and the
offset that followed the arguments of the last event it received.
"""

from __future__ import annotations

import math
import re
from collections import OrderedDict, deque
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

# 10,000 absent clients take about 10 MiB: 1 KiB each, and their `data` besides.
MAX_ABSENT = 10_000
# Bytes that an event takes in a log besides its text: 370, as tracemalloc counts them.
EVENT_BYTES = 370
# Characters of a text that a client may take for an offset; longer ones are not remembered.
MAX_OFFSET = 256


class Aim(NamedTuple):
    """Whom an event is meant for: those in any of the rooms (None for everyone), but for those excepted.

    An id is a room with one socket in it.
    """

    rooms: frozenset[str] | None = None
    except_: frozenset[str] = frozenset()

    def takes(self, names: Collection[str]) -> bool:
        """Whether it is meant for a client with these names: its id and its rooms."""
        return (self.rooms is None or not self.rooms.isdisjoint(names)) and self.except_.isdisjoint(names)


class Ticket:
    """What lets one client of a page come back to it.

    Attributes:
        pid: the secret that the client shows when it comes back.
        settled: the number of the last event that the client needs no more, whatever it says.
        sent: the number of the last event that was sent to the client.
        called: the text that ended the last call to the client, and the number of the last event before it.
    """

    __slots__ = ("called", "pid", "sent", "settled")

    def __init__(self, pid: str, joined: int) -> None:
        self.pid = pid
        self.settled = joined
        self.sent = joined
        self.called: tuple[str | None, int] | None = None

    def call(self, last: Any) -> None:
        """The client is sent an event that wants an ack, and so carries no offset.

        The official client takes any text that ends an event's arguments for the offset, and shows it when it
        comes back.

        Args:
            last: the last argument of that event.
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
    """A client that came back: who it was, and the events that it missed."""

    absent: Absent
    missed: list[Any]


class _Away(NamedTuple):
    """An absent client, the time until which it may come back, and the page's last event when it left."""

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
        self.name = name  # begins each offset, so that no text of the application passes for one
        self.events: deque[_Event] = deque()
        self.size_bytes = 0
        self.last = 0
        self.lost = 0  # the last event that was dropped
        self.users = 0  # clients with a ticket, present or absent


class Recovery:
    """Keeps the events of pages where somebody may come back, for a time and up to a size.

    Args:
        window_s: how many seconds after its leave a client may come back; 0 for never.
        max_bytes: how many bytes of events are kept for one page.
        max_total_bytes: how many for all pages; beyond that, the page without news for longest loses its
            eldest ones.
        new_pid: makes an id that nobody can guess.
        max_absent: how many clients may be absent; beyond that the one that left first is given up.

    Attributes:
        on_use: called with a page, and whether somebody may come back to it from now on, or nobody any more.
    """

    def __init__(
        self,
        *,
        window_s: float,
        max_bytes: int,
        new_pid: Callable[[], str],
        max_absent: int = MAX_ABSENT,
        max_total_bytes: float = math.inf,
    ) -> None:
        self._window_s = window_s
        self._max_bytes = max_bytes
        self._new_pid = new_pid
        self._max_absent = max_absent
        self._max_total_bytes = max_total_bytes
        self._logs: dict[str, _Log] = {}
        # Those that have events, the one whose last event is the oldest first.
        self._filled: OrderedDict[str, _Log] = OrderedDict()
        self._total_bytes = 0
        # By pid, in the order of their ends, which is that of their leaves: the window is the same for all.
        self._absent: OrderedDict[str, _Away] = OrderedDict()
        self.on_use: Callable[[str, bool], None] | None = None

    def __len__(self) -> int:
        """How many are absent and may come back."""
        return len(self._absent)

    @property
    def is_on(self) -> bool:
        """Whether anybody may come back at all."""
        return self._window_s > 0

    def join(self, page: str) -> Ticket:
        """A client that may come back joins a page."""
        log = self._logs.get(page)
        if log is None:
            log = self._logs[page] = _Log(self._new_pid()[:8])
            if self.on_use is not None:
                self.on_use(page, True)
        log.users += 1
        return Ticket(self._new_pid(), log.last)

    def leave(self, page: str) -> None:
        """A client with a ticket leaves the page and will not come back."""
        log = self._logs[page]
        log.users -= 1
        if not log.users:
            del self._logs[page]
            self._filled.pop(page, None)
            self._total_bytes -= log.size_bytes
            if self.on_use is not None:
                self.on_use(page, False)

    def is_used(self, page: str) -> bool:
        """Whether any client of the page has a ticket, so that events for it carry offsets and are kept."""
        return page in self._logs

    def next_offset(self, page: str) -> str:
        """The offset of an event that will be sent and kept; clients get it as the last argument."""
        self._logs[page].last += 1
        return self.last_offset(page)

    def last_offset(self, page: str) -> str:
        """The offset of the page's last kept event; events that are not kept carry it too."""
        log = self._logs[page]
        return f"{log.name}.{log.last:x}"

    def last(self, page: str) -> int:
        """The number of the page's last kept event, for `Ticket.sent`."""
        return self._logs[page].last

    def keep(self, page: str, aim: Aim, event: Any, size_bytes: int, now: float) -> None:
        """Keeps the event of the last `next_offset`.

        Args:
            page: its page.
            aim: whom it is meant for.
            event: the event, in the form in which it will be sent later.
            size_bytes: about how many bytes it takes, with EVENT_BYTES.
            now: the time, in monotonic seconds.
        """
        log = self._logs[page]
        log.events.append(_Event(log.last, now, aim, event, size_bytes))
        log.size_bytes += size_bytes
        self._total_bytes += size_bytes
        self._filled[page] = log
        self._filled.move_to_end(page)
        while log.events and log.size_bytes > self._max_bytes:
            self._drop_eldest(page, log)
        for other in (page, next(iter(self._filled), page)):  # its own, and that with nothing new for longest
            kept = self._logs[other]
            while kept.events and kept.events[0].when_s < now - self._window_s:
                self._drop_eldest(other, kept)
        while self._total_bytes > self._max_total_bytes:
            self._drop_eldest(*next(iter(self._filled.items())))

    def remember(self, absent: Absent, now: float) -> None:
        """A client with a ticket lost its link."""
        left = self._logs[absent.page].last
        self._absent[absent.ticket.pid] = _Away(absent, now + self._window_s, left)
        if len(self._absent) > self._max_absent:
            self._give_up()

    def come_back(self, page: str, pid: object, offset: object, now: float) -> Return | None:
        """A client joins a page and says that it has been there before.

        Args:
            page: the page it joins.
            pid: the secret of its ticket, as the client says.
            offset: the offset of the last event it got, as the client says; None where it got none.
            now: the time, in monotonic seconds.

        Returns:
            Who it was and what it missed. None where the client is not known or came too late, or where more
            was missed than is kept or can be told apart: then it is a new client.
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
        # A client that has got all that was sent to it lacks nothing from before its leave. What its rooms
        # heard before it joined them was not meant for it, and may be dropped already.
        since = last if last < ticket.sent else max(last, away.left)
        if not log.lost <= since <= log.last:
            return None
        del self._absent[ticket.pid]
        names = {absent.id, *absent.rooms}
        missed = [kept for kept in log.events if kept.offset > since and kept.aim.takes(names)]
        ticket.settled = since
        ticket.sent = missed[-1].offset if missed else since
        return Return(absent, [kept.event for kept in missed])

    def forget(self, page: str, pid: str) -> None:
        """A client of this page, if it is absent, will not come back."""
        away = self._absent.get(pid)
        if away is not None and away.absent.page == page:
            del self._absent[pid]
            self.leave(page)

    def next_deadline(self) -> float:
        """When the next absent client is given up, in monotonic seconds; infinite where nobody is absent."""
        return next(iter(self._absent.values())).end_s if self._absent else math.inf

    def expire(self, now: float) -> None:
        """Gives up the absent clients whose time is over."""
        while self.next_deadline() <= now:
            self._give_up()

    def _drop_eldest(self, page: str, log: _Log) -> None:
        dropped = log.events.popleft()
        log.size_bytes -= dropped.size_bytes
        self._total_bytes -= dropped.size_bytes
        log.lost = dropped.offset
        if not log.events:
            del self._filled[page]

    def _give_up(self) -> None:
        _, away = self._absent.popitem(last=False)
        self.leave(away.absent.page)


def _read_offset(name: str, ticket: Ticket, offset: object) -> int | None:
    """The number of the last event of this log that a client has got, by what it says; None if unclear.

    The official client keeps an offset from an earlier connection until it gets another. So a client whose
    offset is not from this log has received nothing since it joined, or only a call after the last event.
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
