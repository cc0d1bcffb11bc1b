"""Groups of pages, whatever happens in whatever order: a group has the different visitors of its pages."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from nannin.audience.count import Count, Given, VisitorName
from nannin.audience.groups import Groups
from nannin.audience.roster import Roster

SOME_PAGE = st.sampled_from(["/shop/a", "/shop/a/1", "/shop/b", "/news"])
GROUPS = {"/*": "/", "/shop/*": "/shop/", "/shop/a*": "/shop/a", "/nobody/*": "/nobody/"}
SOME_VISITOR = st.sampled_from([None, "ann", "ann", "bob", Given("ann")])
SOME_GRACE_S = st.sampled_from([0.0, 2.0, 2.0, 10.0])


@dataclass
class Row:
    """One connection on a page; in grace it has an end."""

    page: str
    visitor: VisitorName | None
    visible: bool
    until_s: float = math.inf


class AnyOrder(RuleBasedStateMachine):
    """Joins, leaves, returns, looks and ends of graces, against a list that is counted anew."""

    def __init__(self) -> None:
        super().__init__()
        self.roster: Roster[int] = Roster(Groups(*GROUPS))
        self.told = dict.fromkeys(GROUPS, Count())
        self.roster.on_group_change = self.tell
        self.live: dict[int, Row] = {}
        self.in_grace: list[Row] = []
        self.now = 1_000.0
        self.joins = 0

    def tell(self, group: str) -> None:
        self.told[group] = self.roster.count(group)

    @rule(page=SOME_PAGE, visitor=SOME_VISITOR, visible=st.booleans())
    def join(self, page: str, visitor: VisitorName | None, visible: bool) -> None:
        before = {group: self.roster.count(group) for group in GROUPS}
        theirs = [row for row in self.in_grace if row.visitor == visitor]
        self.joins += 1
        self.roster.join(page, self.joins, visitor, visible=visible)
        back = [row for row in theirs if row.page == page]
        back.sort(key=lambda row: row.visible is not visible)
        for row in back[:1]:
            self.in_grace.remove(row)
        self.live[self.joins] = Row(page, visitor, visible)
        for group, prefix in GROUPS.items():
            more = self.roster.count(group).connections - before[group].connections
            if not page.startswith(prefix):
                assert more == 0
            elif not any(row.page.startswith(prefix) for row in theirs):
                assert more == 1, "there is no place to take"

    @rule(data=st.data(), grace_s=SOME_GRACE_S)
    def leave(self, data: st.DataObject, grace_s: float) -> None:
        if not self.live:
            return
        number = data.draw(st.sampled_from(sorted(self.live)))
        row = self.live.pop(number)
        before = {group: self.roster.count(group) for group in GROUPS}
        self.roster.leave(row.page, number, now=self.now, grace_s=grace_s)
        if row.visitor is not None and grace_s:
            row.until_s = self.now + grace_s
            self.in_grace.append(row)
            assert before == {group: self.roster.count(group) for group in GROUPS}

    @rule(data=st.data(), visible=st.booleans())
    def look(self, data: st.DataObject, visible: bool) -> None:
        if self.live:
            number = data.draw(st.sampled_from(sorted(self.live)))
            self.roster.show(self.live[number].page, number, visible)
            self.live[number].visible = visible

    @rule(seconds=st.sampled_from([0.5, 2.0, 8.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.roster.end_graces(self.now)
        self.in_grace = [row for row in self.in_grace if row.until_s > self.now]

    @invariant()
    def a_group_has_the_different_visitors_of_its_pages(self) -> None:
        rows = [*self.live.values(), *self.in_grace]
        assert set(self.roster.pages()) == {row.page for row in rows} | {
            group for group, prefix in GROUPS.items() if any(row.page.startswith(prefix) for row in rows)
        }
        for group, prefix in GROUPS.items():
            here = [row for row in rows if row.page.startswith(prefix)]
            live = sum(row.page.startswith(prefix) for row in self.live.values())
            count = self.roster.count(group)
            assert count.visitors == visitors(here)
            assert count.visible == visitors([row for row in here if row.visible])
            assert live + self.roster.in_grace(group) == count.connections
            assert max(live, count.visitors) <= count.connections <= len(here)
            assert set(self.roster.visitors(group)) == {row.visitor for row in here} - {None}
            assert self.told[group] == count, "each change is told"

    def teardown(self) -> None:
        """Everybody leaves; in time nothing is left."""
        for number, row in self.live.items():
            self.roster.leave(row.page, number, now=self.now, grace_s=2.0)
        self.roster.end_graces(self.now + 60)
        assert not self.roster.pages()


def visitors(rows: list[Row]) -> int:
    """How many visitors these are: without an id each is one of its own."""
    return len({row.visitor for row in rows} - {None}) + sum(row.visitor is None for row in rows)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(deadline=None, max_examples=60, stateful_step_count=40, database=None)
