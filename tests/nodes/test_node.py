"""A node sends what changed in one turn with one write, beats, and tells the log when it is alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pytest

from nannin.audience.census import Census
from nannin.audience.census_calls import Answer, Apply, Beat, Call, Emit, Gone, Message, Register, Told, What
from nannin.audience.roster import Count, Roster, VisitorName
from nannin.audience.share import Share
from nannin.nodes.backplane import Backplane, Ears
from nannin.nodes.node import BEAT_EVERY_S, LAST_WORDS_S, PATIENCE_S, Node
from support.fake_clock import FakeClock


class Office:
    """A census behind a backplane that answers at once, unless it is away; and the node's listener."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.census = Census("office")
        self.sent: list[list[Call]] = []
        self.heard: list[tuple[object, ...]] = []
        self.is_away = False
        self.is_closed = False
        self.nodes: set[int] | None = None
        self.ears: Ears
        self.roster: Roster[str] = Roster()
        self.node = Node(Share(self.roster, "one"), self.clock, self.connect)
        self.roster.on_change = self.node.touch

    def open(self) -> None:
        self.node.open(self)
        self.ears.found()
        self.clock.settle()
        self.sent.clear()

    # The backplane

    def connect(self, ears: Ears) -> Backplane:
        self.ears = ears
        return self

    def send(self, calls: Sequence[Call]) -> None:
        self.sent.append(list(calls))
        if not self.is_away:
            answers = [self.census.receive(call).answer for call in calls]
            self.clock.call_soon(lambda: self.ears.heard(answers))

    def close(self) -> None:
        self.is_closed = True

    async def wait_closed(self) -> None:
        pass

    def say(self, *messages: Answer | What) -> None:
        self.ears.heard(messages)

    # The listener

    def change(self, page: str) -> None:
        self.heard.append(("change", page))

    def change_all(self) -> None:
        self.heard.append(("change_all",))

    def entered(self, page: str, visitor: VisitorName) -> None:
        self.heard.append(("entered", page, visitor))

    def exited(self, page: str, visitor: VisitorName) -> None:
        self.heard.append(("exited", page, visitor))

    def returned(self, page: str, visitor: VisitorName) -> None:
        self.heard.append(("returned", page, visitor))

    def message(self, number: int, page: str, message: bytes) -> None:
        self.heard.append((number, page, message))

    def unknown(self, calls: int) -> None:
        self.heard.append(("unknown", calls))

    def refused(self) -> None:
        self.heard.append(("refused",))

    def live(self, nodes: Collection[int]) -> None:
        self.nodes = set(nodes)


def test_it_asks_for_a_number_once_the_census_is_found() -> None:
    office = Office()
    office.node.open(office)
    office.clock.settle()
    assert office.sent == []
    office.ears.found()
    office.clock.settle()
    assert [type(call) for call in office.sent[0]] == [Register]
    assert office.node.share.number == 1


def test_a_second_open_does_nothing() -> None:
    office = Office()
    office.open()
    ears = office.ears
    office.node.open(office)
    assert office.ears is ears
    office.clock.settle()
    assert office.sent == []


def test_what_changes_in_one_turn_is_one_write() -> None:
    office = Office()
    office.open()
    for page in ("/a", "/b"):
        office.roster.join(page, "x", "ann")
        office.roster.join(page, "y")
    office.clock.settle()
    assert [[type(call) for call in calls] for calls in office.sent] == [[Apply, Apply]]


def test_whoever_waits_for_a_count_goes_on_before_others_hear_who_came_and_after_they_hear_who_left() -> None:
    office = Office()
    office.open()
    office.roster.join("/", "x", "ann")
    office.node.share.when_counted("/", lambda: office.heard.append(("counted",)))
    office.clock.settle()
    assert office.heard == [("change", "/"), ("counted",), ("entered", "/", "ann")]
    office.heard.clear()
    office.roster.leave("/", "x", now=0.0)
    office.node.share.when_counted("/", lambda: office.heard.append(("counted",)))
    office.clock.settle()
    assert office.heard == [("exited", "/", "ann"), ("change", "/"), ("counted",)]


def test_it_beats() -> None:
    office = Office()
    office.open()
    office.clock.advance(BEAT_EVERY_S)
    office.clock.advance(BEAT_EVERY_S)
    assert [[type(call) for call in calls] for calls in office.sent] == [[Beat], [Beat]]


def test_it_says_that_it_lives_when_others_are_buried_and_so_hears_of_them_at_once() -> None:
    office = Office()
    office.node.bury(["early"])  # before there is a census
    office.open()
    office.node.bury(["dead"])
    assert [[type(call) for call in calls] for calls in office.sent] == [[Beat]]


def test_a_page_that_somebody_listens_to_is_asked_for() -> None:
    office = Office()
    office.open()
    office.node.share.listen("/", True)
    office.clock.settle()
    [[call]] = office.sent
    assert isinstance(call, Apply)
    assert (call.page, call.stays, call.connections) == ("/", True, 0)


def test_a_page_whose_events_are_wanted_here_has_a_part_of_this_node() -> None:
    office = Office()
    office.open()
    office.node.hear("/", True)
    office.clock.settle()
    [[call]] = office.sent
    assert isinstance(call, Apply)
    assert (call.page, call.stays, call.connections) == ("/", True, 0)


def test_messages_go_to_the_others_and_theirs_to_the_listener() -> None:
    office = Office()
    office.node.emit("/", b"before there is a number")
    office.open()
    office.node.emit("/", b"hello", [2])
    office.node.emit("/", b"again")
    office.clock.settle()
    [[call, again]] = office.sent
    assert isinstance(call, Emit)
    assert (call.number, call.page, call.message, call.nodes) == (1, "/", b"hello", [2])
    assert isinstance(again, Emit)
    assert (again.message, again.nodes) == (b"again", None)
    office.say(Message(2, "/", b"hi"))
    assert office.heard == [(2, "/", b"hi")]


def test_the_log_hears_nothing_of_a_census_that_is_away_for_a_moment(
    caplog: pytest.LogCaptureFixture,
) -> None:
    office = Office()
    office.open()
    office.ears.lost()
    office.clock.advance(PATIENCE_S / 2)
    office.ears.found()
    office.clock.advance(10 * PATIENCE_S)
    assert caplog.messages == []


def test_the_log_hears_once_that_the_census_is_away_and_once_that_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    office = Office()
    office.open()
    for _ in range(2):
        office.ears.lost()
        office.clock.advance(60)
        office.ears.found()
        office.clock.advance(60)
    away, back = caplog.messages[:2]
    assert "can't be reached" in away
    assert "back after 60.0 s" in back
    assert caplog.messages == [away, back] * 2


def test_a_census_that_has_lost_its_data_makes_counts_stale_for_a_while_and_the_log_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    office = Office()
    office.open()
    office.roster.join("/", "x")
    office.census.receive(Register(1, "two"))
    office.clock.advance(BEAT_EVERY_S)
    office.census = Census("empty")
    office.clock.advance(BEAT_EVERY_S)
    share = office.node.share
    assert (share.count("/"), share.is_stale("/"), share.count("/").stale) == (Count(1, 1, 1), True, False)
    office.clock.advance(PATIENCE_S)
    assert (share.count("/").stale, share.is_cut_off) == (True, False)
    office.clock.advance(6.9)
    assert share.count("/").stale
    office.clock.advance(0.2)
    assert (share.count("/"), share.count("/").stale) == (Count(1, 1, 1), False)
    lost, back = caplog.messages
    assert "what the nodes share was lost" in lost
    assert "counts are exact again" in back


def test_it_says_that_counts_are_stale_in_time_whatever_is_rounded() -> None:
    office = Office()
    office.open()
    began_s = office.clock.now()
    lost_s = next(at for n in range(1, 9_999) if (at := began_s + n * 0.0137) + PATIENCE_S - at < PATIENCE_S)
    office.clock.advance(lost_s - began_s)
    office.ears.lost()
    office.clock.advance(2 * PATIENCE_S)
    assert office.node.share.shows_stale


def test_whoever_waits_until_the_node_is_known_is_told() -> None:
    office = Office()
    told: list[str] = []
    office.node.open(office)
    office.node.when_settled(lambda: told.append("first"))
    assert told == []
    office.ears.found()
    office.clock.settle()
    assert told == ["first"]
    office.node.when_settled(lambda: told.append("late"))
    assert told == ["first", "late"]


def test_a_node_that_closes_leaves_the_census() -> None:
    office = Office()
    office.open()
    office.roster.join("/", "x")
    office.clock.settle()
    office.node.close()
    office.clock.advance(60)
    assert (office.is_closed, office.census.total("/").connections, office.clock.pending) == (True, 0, 0)
    office.node.close()


def test_whoever_sends_can_learn_to_which_nodes_it_went() -> None:
    office, told = Office(), list[Sequence[int] | None]()
    office.node.emit("/", b"", None, told.append)
    office.open()
    other = Share(Roster[str](), "two")
    other.found()
    other.listen("/", True)
    while calls := other.take(0.0):
        for call in calls:
            other.answer(office.census.receive(call).answer, 0.0)
    office.node.emit("/", b"", None, told.append)
    office.clock.settle()
    office.is_away = True
    office.node.emit("/", b"", None, told.append)
    office.clock.settle()
    office.ears.lost()
    assert told == [None, [other.number], None]


def test_what_was_to_be_sent_when_the_census_went_away_is_not_sent_when_it_is_back() -> None:
    office = Office()
    office.open()
    office.node.emit("/", b"old")
    office.ears.lost()
    office.ears.found()
    office.clock.settle()
    assert not [call for calls in office.sent for call in calls if isinstance(call, Emit)]


def test_each_beat_tells_the_listener_which_nodes_there_are() -> None:
    office = Office()
    office.open()
    assert office.nodes is None or office.nodes == {1}
    values: list[Mapping[int, str]] = []
    office.node.on_nodes = values.append
    office.clock.advance(BEAT_EVERY_S)
    assert office.nodes == {1}
    assert [list(nodes) for nodes in values] == [[1]]


async def test_whoever_ends_can_wait_until_the_census_knows_it() -> None:
    office = Office()
    await office.node.wait_closed()
    office.open()
    office.node.close()
    await office.node.wait_closed()
    assert office.census.end(1) == []


def test_the_listener_hears_of_what_is_not_nannins() -> None:
    office = Office()
    office.node.refused()
    office.open()
    office.node.refused()
    assert office.heard == [("refused",)]


def test_a_told_that_nobody_waits_for_is_ignored() -> None:
    office = Office()
    office.open()
    office.say(Told(99, [1]))
    assert office.heard == []


def test_whoever_keeps_history_hears_each_count_and_whether_all_are_known() -> None:
    office = Office()
    said: list[object] = []
    office.node.on_count = lambda page: said.append((page, office.node.share.count(page).visitors))
    office.node.on_known = said.append
    office.node.share.watch_all()
    office.open()
    assert said[-1] is True
    said.clear()
    office.roster.join("/", "x", "ann")
    office.clock.settle()
    assert said[:2] == [("/", 1), True]
    said.clear()
    office.ears.lost()
    office.clock.advance(PATIENCE_S / 2)
    assert False not in said
    office.clock.advance(60)
    assert said[-1] is False
    office.ears.found()
    office.clock.advance(60)
    assert said[-1] is True


def register(office: Office, epoch: str) -> int:
    """One more node of the census; returns its number."""
    answer = office.census.receive(Register(1, epoch, False)).answer
    return int(answer.number)  # type: ignore[union-attr]


def test_the_eldest_node_is_the_one_with_the_least_number() -> None:
    office = Office()
    elder = register(office, "elder")
    office.open()
    register(office, "younger")
    assert not office.node.is_eldest, "it has not heard of the others yet"
    office.clock.advance(BEAT_EVERY_S)
    assert (office.node.is_eldest, office.node.elder_s) == (False, office.clock.now())
    heard_s = office.clock.now()
    office.census.end(elder)
    office.clock.advance(BEAT_EVERY_S)
    assert (office.node.is_eldest, office.node.elder_s) == (True, heard_s)


def test_a_node_that_is_said_to_have_gone_is_missed_at_once() -> None:
    office = Office()
    elder = register(office, "elder")
    office.open()
    younger = register(office, "younger")
    office.clock.advance(2 * BEAT_EVERY_S - 1)
    own = office.node.share.number
    assert own is not None
    assert elder < own < younger
    office.node.heard([Gone(younger)])
    assert office.nodes == {elder, own}
    assert not office.node.is_eldest
    office.node.heard([Gone(elder), Gone(elder)])
    assert office.nodes == {own}
    assert office.node.is_eldest
    assert office.node.elder_s == office.clock.now() - LAST_WORDS_S


def test_the_eldest_node_tells_how_many_calls_of_unknown_nodes_were_refused_since_it_last_looked() -> None:
    office = Office()
    elder = register(office, "elder")
    office.census.receive(Beat(1, 77, "nobody"))
    office.open()

    def told() -> list[tuple[object, ...]]:
        return [heard for heard in office.heard if heard[0] == "unknown"]

    office.clock.advance(BEAT_EVERY_S)
    office.census.receive(Beat(1, 77, "nobody"))
    office.clock.advance(BEAT_EVERY_S)
    assert told() == [], "the elder one tells"
    office.census.end(elder)
    office.census.receive(Beat(1, 77, "nobody"))
    office.census.receive(Beat(1, 1, "forged"))
    office.clock.advance(2 * BEAT_EVERY_S)
    assert told() == [("unknown", 2)]


def test_calls_that_are_refused_after_a_loss_are_no_news() -> None:
    office = Office()
    office.open()
    office.clock.advance(BEAT_EVERY_S)
    office.census = Census("empty")
    register(office, "other")
    office.clock.advance(BEAT_EVERY_S)
    assert office.node.share.settles_at is not None
    office.census.receive(Beat(1, 77, "nobody"))
    office.clock.advance(BEAT_EVERY_S)
    assert ("unknown", 1) not in office.heard


def test_a_node_that_hears_nothing_does_not_take_itself_for_the_eldest() -> None:
    office = Office()
    office.open()
    office.clock.advance(BEAT_EVERY_S)
    assert office.node.is_eldest
    office.is_away = True
    office.clock.advance(3 * BEAT_EVERY_S)
    assert not office.node.is_eldest
