"""Reports of several nodes: added up, and held against the merged count."""

from __future__ import annotations

import msgspec
import pytest

from nannin.audience.roster import Count, Roster
from nannin.audience.share import Share
from nannin.hub.reports import Inquired, Report, Reported, Reports, add_up, come_to
from nannin.nodes.node import Node
from support.fake_clock import FakeClock
from support.fakes import made

ONE = Report("one", 5, 3, 2, 4, 1, 3, {"websocket": 3, "polling": 1}, 2, 1, {"page": 1}, 7, 3, agrees=True)
TWO = Report("two", 2, 2, 1, 2, 0, 1, {"websocket": 2, "polling": 0}, 0, 1, {"page": 2, "host": 1}, 1, 0)


def test_reports_add_up_and_agree_only_if_all_do() -> None:
    both = {"websocket": 5, "polling": 1}
    total = Report("", 7, 5, 3, 6, 1, 4, both, 2, 2, {"host": 1, "page": 3}, 8, 3, agrees=True)
    assert add_up([ONE, TWO]) == total
    assert not add_up([ONE, msgspec.structs.replace(TWO, agrees=False)]).agrees
    assert add_up([]) == Report()


@pytest.mark.parametrize(
    ("count", "silent", "comes"),
    [
        (Count(7, 5, 3), 0, True),
        (Count(7, 3, 3), 0, True),  # all of the one's visitors are the other's, too
        (Count(7, 2, 3), 0, False),
        (Count(7, 6, 3), 0, False),
        (Count(8, 5, 3), 0, False),
        (Count(6, 5, 3), 0, False),
        (Count(8, 6, 3), 1, True),
        (Count(6, 6, 3), 1, False),
        (Count(8, 2, 3), 1, False),
    ],
)
def test_parts_come_to_a_count_that_can_be_theirs(count: Count, silent: int, comes: bool) -> None:
    assert come_to([ONE, TWO], count, silent) is comes


def test_messages_stay_what_they_are_on_their_way() -> None:
    decode = msgspec.msgpack.Decoder(Inquired | Reported).decode
    messages: list[Inquired | Reported] = [Inquired(4), Reported(4, ONE)]
    for message in messages:
        assert decode(msgspec.msgpack.encode(message)) == message


def test_an_answer_that_nobody_waits_for_is_dropped_and_a_node_can_report_nothing() -> None:
    roster: Roster[str] = Roster()

    def connect(ears: object) -> object:
        raise AssertionError

    node = Node(Share(roster, "one"), FakeClock(), connect)  # type: ignore[arg-type]
    reports = Reports(node, roster, "one")
    reports.receive(2, Reported(9, TWO))
    assert made(reports.make("/")) == Report("one")
