"""Exact rows of each page's minutes, from every change of its numbers.

It is pure: what happens when is said with each call, in unix milliseconds that never go back.
"""

from __future__ import annotations

from nannin.audience.tally_rows import MINUTE_MS, Period, Row, Span

__all__ = ["Line", "Tally"]

# Looked up once, and not for each row: before Python 3.12 that takes longer than a call.
_MINUTE = Period.MINUTE


class Line:
    """One page's numbers, and what has become of them in the minute that runs."""

    __slots__ = (
        "at_ms",
        "connections",
        "connections_at_ms",
        "connections_greatest",
        "connections_least",
        "connections_total_ms",
        "joins",
        "page",
        "since_ms",
        "until_ms",
        "visitors",
        "visitors_at_ms",
        "visitors_greatest",
        "visitors_least",
        "visitors_total_ms",
    )

    def __init__(self, page: str, connections: int, visitors: int) -> None:
        self.page = page
        self.connections, self.visitors = connections, visitors

    def begin(self, since_ms: int, until_ms: int) -> None:
        """A minute begins with the numbers as they are, or is known from here on."""
        self.at_ms = self.since_ms = self.connections_at_ms = self.visitors_at_ms = since_ms
        self.until_ms = until_ms  # the minute's end
        self.connections_least = self.connections_greatest = self.connections
        self.visitors_least = self.visitors_greatest = self.visitors
        self.connections_total_ms = self.visitors_total_ms = self.joins = 0

    def reach(self, at_ms: int) -> None:
        """The numbers have held until now."""
        if (passed_ms := at_ms - self.at_ms) > 0:
            self.connections_total_ms += self.connections * passed_ms
            self.visitors_total_ms += self.visitors * passed_ms
            self.at_ms = at_ms

    def row(self) -> Row | None:
        """The minute up to here; None if there is nothing to be said of it."""
        if not self.connections_greatest and not self.joins:
            return None
        return Row(
            self.page,
            _MINUTE,
            (self.until_ms - MINUTE_MS) // 1000,
            self.since_ms,
            self.at_ms,
            Span(self.visitors_least, self.visitors_greatest, self.visitors_at_ms, self.visitors_total_ms),
            Span(
                self.connections_least,
                self.connections_greatest,
                self.connections_at_ms,
                self.connections_total_ms,
            ),
            self.joins,
        )


class Tally:
    """Follows the numbers of every page, and gives a row for each page and minute that is over.

    The numbers with which a minute begins are those that the changes before it have left. A page that nobody
    was on in a minute has no row of that minute.

    Args:
        since_ms: from when on the numbers are known. Nobody is on any page but those that `begin` names.

    Attributes:
        since_ms: as above.
        minutes: the rows of each minute that is over, by its beginning in unix seconds, for whoever takes
            them out.
    """

    def __init__(self, since_ms: int) -> None:
        self.since_ms = since_ms
        self.minutes: dict[int, list[Row]] = {}
        self._lines: dict[str, Line] = {}
        self._ending: list[Line] = []  # those whose minute has to be ended, by `end_minutes`
        self._ended_ms = since_ms  # up to when that was done for all

    def begin(self, page: str, connections: int, visitors: int) -> None:
        """So many are on a page from the beginning."""
        if connections:
            line = self._lines[page] = Line(page, connections, visitors)
            line.begin(self.since_ms, _minute_until(self.since_ms))

    def change(self, page: str, connections: int, visitors: int, at_ms: int, joins: int = 0) -> None:
        """A page's numbers are these from now on; so many connections have joined by that."""
        line = self._lines.get(page)
        if line is None:
            line = self._lines[page] = Line(page, 0, 0)
            until_ms = _minute_until(at_ms)
            line.begin(max(self.since_ms, until_ms - MINUTE_MS), until_ms)
        elif at_ms >= line.until_ms:
            self._end_minutes(line, at_ms)
        if (passed_ms := at_ms - line.at_ms) > 0:  # what `reach` does, without its call
            line.connections_total_ms += line.connections * passed_ms
            line.visitors_total_ms += line.visitors * passed_ms
            line.at_ms = at_ms
        line.connections, line.visitors = connections, visitors
        line.joins += joins
        if connections > line.connections_greatest:
            line.connections_greatest, line.connections_at_ms = connections, at_ms
        elif connections < line.connections_least:
            line.connections_least = connections
        if visitors > line.visitors_greatest:
            line.visitors_greatest, line.visitors_at_ms = visitors, at_ms
        elif visitors < line.visitors_least:
            line.visitors_least = visitors

    def numbers(self) -> list[Line]:
        """The numbers of now, of all pages and groups that somebody was on in this minute."""
        return list(self._lines.values())

    def end_minutes(self, until_ms: int, most: int) -> bool:
        """Ends the minutes that are over by now, of so many pages at most.

        Returns:
            Whether that was done for all pages: then all rows of those minutes are there.
        """
        if not self._ending:
            if until_ms < self._ended_ms:
                return True
            self._ended_ms = _minute_until(until_ms)
            self._ending = list(self._lines.values())
        ended = self._ending[-most:]
        del self._ending[-most:]
        for line in ended:
            if until_ms >= line.until_ms:
                self._end_minutes(line, until_ms)
            if not line.connections and line.row() is None:
                self._lines.pop(line.page, None)
        return not self._ending

    def close(self, until_ms: int) -> list[Row]:
        """The numbers are not known any more. Returns the rows of the minute that runs, up to now."""
        rows = []
        for line in self._lines.values():
            self._end_minutes(line, until_ms)
            line.reach(until_ms)
            if line.at_ms > line.since_ms and (row := line.row()) is not None:
                rows.append(row)
        self._lines.clear()
        self._ending.clear()
        return rows

    def _end_minutes(self, line: Line, at_ms: int) -> None:
        """Ends each minute of a page that is over by now."""
        while line.until_ms <= at_ms:
            line.reach(line.until_ms)
            if (row := line.row()) is not None:
                self.minutes.setdefault(row.start_s, []).append(row)
            if line.connections:
                line.begin(line.until_ms, line.until_ms + MINUTE_MS)
            else:  # nothing was there in the minutes between
                until_ms = _minute_until(at_ms)
                line.begin(until_ms - MINUTE_MS, until_ms)


def _minute_until(at_ms: int) -> int:
    """When the minute is over that runs then."""
    return at_ms - at_ms % MINUTE_MS + MINUTE_MS
