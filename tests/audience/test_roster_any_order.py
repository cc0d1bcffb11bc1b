"""Who is on which page, whatever happens in whatever order: a list that is counted anew comes to the same."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from nannin.audience.roster import Change, Count, Roster
from support.roster_changes import join, leave

PAGES = ["/", "/何人"]
SOME_PAGE = st.sampled_from(PAGES)
SOME_CONNECTION = st.integers(0, 7)
SOME_VISITOR = st.sampled_from([None, "ann", "ann", "bob", ""])
# None, a reload's, that of a lost link; the same ones again and again, so that some end at the same time.
SOME_GRACE_S = st.sampled_from([0.0, 2.0, 2.0, 10.0])


@dataclass
class Row:
    """One connection; in grace it has an end, and is nobody's any more."""

    page: str
    connection: int | None
    visitor: str | None
    visible: bool
    until_s: float = math.inf


class AnyOrder(RuleBasedStateMachine):
    """Joins, leaves, lost links, returns, looks and ends of graces, against a list of rows.

    Rows stand in the order of their joins, those in grace behind them in the order in which they left.
    """

    def __init__(self) -> None:
        super().__init__()
        self.roster: Roster[int] = Roster()
        self.live: list[Row] = []
        self.in_grace: list[Row] = []
        self.now = 1_000.0

    def count(self, page: str) -> Count:
        """The page's count: a connection without a visitor's id is a visitor of its own."""
        here = [row for row in self.live + self.in_grace if row.page == page]

        def visitors(rows: list[Row]) -> int:
            known = {row.visitor for row in rows if row.visitor is not None}
            return len(known) + sum(row.visitor is None for row in rows)

        return Count(len(here), visitors(here), visitors([row for row in here if row.visible]))

    def find(self, page: str, connection: int) -> Row | None:
        rows = [row for row in self.live if (row.page, row.connection) == (page, connection)]
        return rows[0] if rows else None

    @rule(page=SOME_PAGE, connection=SOME_CONNECTION, visitor=SOME_VISITOR, visible=st.booleans())
    def join(self, page: str, connection: int, visitor: str | None, visible: bool) -> None:
        before = self.count(page)
        promised = self.roster.count_with(page, visitor, visible=visible)
        assert self.roster.count(page) == before, "a promise changes nothing"
        if self.find(page, connection) is not None:
            with pytest.raises(ValueError, match="already"):
                self.roster.join(page, connection, visitor, visible=visible)
            return
        change = join(self.roster, page, connection, visitor, visible=visible)
        theirs = [row for row in self.in_grace if row.page == page and row.visitor == visitor]
        theirs.sort(key=lambda row: row.visible is not visible)  # stable: of those as visible the eldest
        for place in theirs[:1]:
            self.in_grace.remove(place)
        self.live.append(Row(page, connection, visitor, visible))
        assert change == Change(page, before, self.count(page))
        assert promised == change.after

    @rule(page=SOME_PAGE, connection=SOME_CONNECTION, grace_s=SOME_GRACE_S)
    def leave(self, page: str, connection: int, grace_s: float) -> None:
        before, row = self.count(page), self.find(page, connection)
        change = leave(self.roster, page, connection, grace_s=grace_s, now=self.now)
        if row is None:
            assert change is None
            return
        self.live.remove(row)
        if grace_s and row.visitor is not None:
            row.connection, row.until_s = None, self.now + grace_s
            self.in_grace.append(row)
        assert change == Change(page, before, self.count(page))

    @rule(page=SOME_PAGE, connection=SOME_CONNECTION, visible=st.booleans())
    def look(self, page: str, connection: int, visible: bool) -> None:
        before, row = self.count(page), self.find(page, connection)
        change = self.roster.show(page, connection, visible)
        if row is None or row.visible is visible:
            assert change is None
            return
        row.visible = visible
        assert change == Change(page, before, self.count(page))

    @rule(seconds=st.sampled_from([0.0, 0.5, 2.0, 8.0, 30.0]))
    def pass_time(self, seconds: float) -> None:
        """Nothing ends by itself: whoever is late with it finds the graces still there."""
        self.now += seconds

    @rule()
    def expire(self) -> None:
        changes = [change for _, change in self.roster.end_graces(self.now)]
        due = sorted((row for row in self.in_grace if row.until_s <= self.now), key=lambda row: row.until_s)
        expected = []
        for row in due:
            before = self.count(row.page)
            self.in_grace.remove(row)
            expected.append(Change(row.page, before, self.count(row.page)))
        assert changes == expected
        assert self.roster.end_graces(self.now) == []

    @invariant()
    def it_is_as_the_list_says(self) -> None:
        for page in PAGES:
            here = [row for row in self.live if row.page == page]
            count = self.roster.count(page)
            assert count == self.count(page)
            assert 0 <= count.visible <= count.visitors <= count.connections
            assert list(self.roster.audience(page)) == [row.connection for row in here]
            assert self.roster.in_grace(page) == sum(row.page == page for row in self.in_grace)
        assert set(self.roster.pages()) == {row.page for row in self.live + self.in_grace}

    @invariant()
    def the_next_deadline_is_the_end_of_the_next_grace(self) -> None:
        assert self.roster.next_deadline() == min((row.until_s for row in self.in_grace), default=math.inf)

    def teardown(self) -> None:
        """Everybody leaves; in time nothing is left."""
        for row in list(self.live):
            assert row.connection is not None
            self.leave(row.page, row.connection, 2.0)
        self.now += 60
        self.expire()
        assert not self.roster.pages()
        assert self.roster.next_deadline() == math.inf


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(deadline=None, max_examples=100, stateful_step_count=50, database=None)
