"""The census: parts of pages come in, and one count of each page goes out."""

from __future__ import annotations

from nannin.audience.census import Census, Reply, Tell
from nannin.audience.census_calls import (
    Answer,
    Applied,
    Apply,
    Beat,
    Beaten,
    Call,
    Emit,
    Exited,
    Former,
    Gap,
    Leave,
    Message,
    Read,
    Reap,
    Reaped,
    Register,
    Registered,
    Returned,
    Told,
    Top,
    Total,
    Totals,
    Unknown,
    Watch,
    Watching,
)
from nannin.audience.roster import Count


class Node:
    """A node by hand: it numbers its calls, and remembers its last write."""

    def __init__(self, census: Census, epoch: str, *, everything: bool = False) -> None:
        self.census = census
        self.epoch = epoch
        self.call = 0
        registered = census.receive(Register(self.next(), epoch, everything)).answer
        assert isinstance(registered, Registered)
        self.registered = registered
        self.number = registered.number
        self.previous = self.call

    def next(self) -> int:
        self.call += 1
        return self.call

    def apply(
        self,
        page: str,
        connections: int,
        anonymous: int = 0,
        anonymous_visible: int = 0,
        *,
        visible: str = "",
        hidden: str = "",
        absent: str = "",
        joined: str = "",
        stays: bool = False,
    ) -> Reply:
        self.last = Apply(
            self.next(),
            self.number,
            self.epoch,
            self.previous,
            page,
            connections,
            anonymous,
            anonymous_visible,
            stays,
            visible.split(),
            hidden.split(),
            absent.split(),
            joined.split(),
        )
        reply = self.census.receive(self.last)
        if isinstance(reply.answer, Applied):
            self.previous = self.call
        return reply

    def total(self, page: str) -> Count:
        """What the census says of a page, without its version."""
        [total] = self.read(page)
        return total.count

    def read(self, *pages: str) -> list[Total]:
        answer = self.census.receive(Read(self.next(), list(pages))).answer
        assert isinstance(answer, Totals)
        return answer.totals

    def value(self) -> str:
        answer = self.census.receive(Beat(self.next(), self.number, self.epoch)).answer
        assert isinstance(answer, Beaten)
        return answer.nodes[self.number]

    def reap(self, number: int, seen: str, most: int = 1_000) -> Reply:
        return self.census.receive(Reap(self.next(), number, seen, most))


def two_nodes() -> tuple[Node, Node]:
    census = Census("name")
    return Node(census, "one"), Node(census, "two")


def applied(answer: Answer) -> Applied:
    assert isinstance(answer, Applied)
    return answer


# Parts


def test_a_nodes_part_is_the_count_where_it_is_alone() -> None:
    one, _ = two_nodes()
    answer, tells = one.apply("/", 3, 2, 1, visible="cann")
    assert answer == Applied(one.call, Total("/", 1, 3, 3, 2), ["cann"])
    assert tells == []


def test_parts_of_two_nodes_add_up_and_each_hears_of_the_others_change() -> None:
    one, two = two_nodes()
    one.apply("/", 3, 3, 1)
    answer, tells = two.apply("/", 2, 2, 2)
    assert applied(answer).total == Total("/", 2, 5, 5, 3)
    assert tells == [Tell([one.number], Total("/", 2, 5, 5, 3))]


def test_a_part_takes_the_place_of_the_one_before() -> None:
    one, _ = two_nodes()
    one.apply("/", 3, 3, 3)
    one.apply("/", 1, 1, 0)
    assert one.total("/") == Count(1, 1, 0)


def test_a_part_of_nothing_is_none() -> None:
    one, two = two_nodes()
    one.apply("/", 1, 1, 1)
    two.apply("/", 1, 1, 1)
    answer, tells = one.apply("/", 0)
    assert applied(answer).total.count == Count(1, 1, 1)
    assert [tell.nodes for tell in tells] == [[two.number]]
    _, tells = two.apply("/", 2, 2, 2)
    assert tells == []  # the first is not there any more


def test_a_change_that_changes_no_total_has_no_version_and_is_told_to_nobody() -> None:
    one, two = two_nodes()
    one.apply("/", 1, visible="cann")
    two.apply("/", 0, stays=True)
    before = applied(one.apply("/", 1, visible="cann").answer).total
    answer, tells = one.apply("/", 1, visible="cann")
    assert (applied(answer).total, tells) == (before, [])


def test_a_page_that_nobody_is_on_is_forgotten_and_its_next_version_is_greater() -> None:
    one, _ = two_nodes()
    for _ in range(3):
        one.apply("/", 1, 1)
        one.apply("/", 0)
    [nobody] = one.read("/")
    assert nobody.count == Count()
    assert applied(one.apply("/", 1, 1).answer).total.version > nobody.version
    assert one.census.receive(Top(one.next(), 10)).answer == Totals(one.call, one.read("/"))


def test_a_node_that_stays_is_told_and_adds_nothing() -> None:
    one, two = two_nodes()
    assert applied(two.apply("/", 0, stays=True).answer).total.count == Count()
    _, tells = one.apply("/", 1, 1, 1)
    assert tells == [Tell([two.number], one.read("/")[0])]
    two.apply("/", 0)
    assert one.apply("/", 2, 2, 2).tells == []


# Visitors


def test_a_visitor_with_two_nodes_is_one_and_stays_until_both_are_left() -> None:
    one, two = two_nodes()
    assert applied(one.apply("/", 2, visible="cann").answer).entered == ["cann"]
    assert applied(two.apply("/", 1, visible="cann").answer).entered == []
    assert one.total("/") == Count(3, 1, 1)
    assert applied(one.apply("/", 0, absent="cann").answer).exited == []
    assert one.total("/") == Count(1, 1, 1)
    assert applied(two.apply("/", 0, absent="cann").answer).exited == ["cann"]
    assert one.total("/") == Count()


def test_a_visitor_is_visible_while_it_sees_the_page_through_any_node() -> None:
    one, two = two_nodes()
    assert applied(one.apply("/", 1, hidden="cann").answer).entered == ["cann"]
    assert one.total("/") == Count(1, 1, 0)
    two.apply("/", 1, visible="cann")
    assert one.total("/") == Count(2, 1, 1)
    one.apply("/", 1, visible="cann")
    assert one.total("/") == Count(2, 1, 1)
    two.apply("/", 1, hidden="cann")
    assert one.total("/") == Count(2, 1, 1)
    one.apply("/", 1, hidden="cann")
    assert one.total("/") == Count(2, 1, 0)


def test_a_node_hears_which_of_its_visitors_have_come_to_another() -> None:
    one, two = two_nodes()
    three = Node(one.census, "three")
    one.apply("/", 2, visible="cann", hidden="cbob")
    _, tells = two.apply("/", 2, visible="cbob ceve")
    assert tells[1:] == [Tell([one.number], Returned("/", ["cbob"]))]
    _, tells = two.apply("/", 2, hidden="cbob")
    assert [type(tell.what) for tell in tells] == [Total]
    _, tells = three.apply("/", 3, hidden="cann cbob")
    assert tells[1:] == [
        Tell([one.number], Returned("/", ["cann", "cbob"])),
        Tell([two.number], Returned("/", ["cbob"])),
    ]
    assert len(two.apply("/", 0, absent="cbob ceve").tells) == 1


def test_a_node_hears_which_of_its_visitors_have_joined_another_once_more() -> None:
    one, two = two_nodes()
    one.apply("/", 1, visible="cann")
    two.apply("/", 1, visible="cann")
    _, tells = two.apply("/", 3, visible="cann", joined="cann cann ceve")
    assert tells[1:] == [Tell([one.number], Returned("/", ["cann", "cann"]))]
    _, tells = one.apply("/", 2, hidden="cann cbob", joined="cbob")
    assert [type(tell.what) for tell in tells] == [Total], "nobody else knows bob"
    _, tells = two.apply("/", 4, visible="cbob", joined="cann cbob")
    assert tells[1:] == [Tell([one.number], Returned("/", ["cbob", "cann", "cbob"]))]


def test_to_say_twice_who_is_there_does_no_harm() -> None:
    one, two = two_nodes()
    for _ in range(2):
        one.apply("/", 1, visible="cann")
        two.apply("/", 1, hidden="cann")
    assert one.total("/") == Count(2, 1, 1)
    for _ in range(2):
        one.apply("/", 0, absent="cann cbob")
    assert one.total("/") == Count(1, 1, 0)


# Writes that are late, lost or repeated


def test_a_write_that_comes_again_is_answered_and_not_done_again() -> None:
    one, two = two_nodes()
    first = one.apply("/", 1, 1, 1).answer
    two.apply("/", 1, 1, 1)
    again, tells = one.census.receive(one.last)
    assert (applied(again).call, applied(again).total.count) == (applied(first).call, Count(2, 2, 2))
    assert tells == []


def test_a_write_whose_predecessor_is_missing_is_refused() -> None:
    one, _ = two_nodes()
    one.apply("/", 1, 1, 1)
    has = one.previous
    one.previous = 77
    assert one.apply("/", 2, 2, 2) == Reply(Gap(one.call, has), [])
    assert one.total("/") == Count(1, 1, 1)


def test_a_write_that_comes_late_is_refused() -> None:
    one, _ = two_nodes()
    one.apply("/", 1, 1, 1)
    late = one.last
    one.apply("/", 2, 2, 2)
    assert one.census.receive(late).answer == Gap(late.call, one.previous)
    assert one.total("/") == Count(2, 2, 2)


def test_nobody_writes_under_a_number_that_is_anothers() -> None:
    one, two = two_nodes()
    one.epoch = "three"
    assert one.apply("/", 1).answer == Unknown(one.call)
    two.number = 77
    assert two.apply("/", 1).answer == Unknown(two.call)
    assert two.census.receive(Beat(9, 77, "two")).answer == Unknown(9)
    assert two.census.receive(Leave(9, 77, "two", 1)).answer == Unknown(9)


# Nodes


def test_a_process_gets_a_new_number_only_once_its_former_is_reaped() -> None:
    one, two = two_nodes()
    one.apply("/", 1, 1, 1)
    value = f"one:{one.previous}:0"
    assert one.census.receive(Register(90, "one")).answer == Former(90, {one.number: value})
    two.reap(one.number, value)
    again = one.census.receive(Register(91, "one")).answer
    assert again == Registered(91, 3, "name")
    assert two.total("/") == Count()


def test_a_beat_changes_the_nodes_value_and_tells_of_all_nodes() -> None:
    one, two = two_nodes()
    beat = Beat(one.next(), one.number, "one")
    assert one.census.receive(beat).answer == Beaten(
        2, "name", {one.number: "one:1:2", two.number: "two:1:0"}
    )


def test_a_beat_tells_how_many_calls_of_unknown_nodes_were_refused() -> None:
    one, _ = two_nodes()
    forged: list[Call] = [
        Beat(9, 77, "one"),
        Beat(9, one.number, "forged"),
        Watch(9, one.number, "forged", True),
        Leave(9, one.number, "forged", 1),
        Apply(9, one.number, "forged", 1, "/", 1, 0, 0, False, [], [], []),
    ]
    for call in forged:
        assert one.census.receive(call).answer == Unknown(9)
    answer = one.census.receive(Beat(one.next(), one.number, "one")).answer
    assert isinstance(answer, Beaten)
    assert answer.refused == len(forged)


def test_a_beat_that_comes_late_is_no_sign_of_life() -> None:
    one, _ = two_nodes()
    first = Beat(one.next(), one.number, "one")
    one.census.receive(first)
    value = one.value()
    answer = one.census.receive(first).answer
    assert isinstance(answer, Beaten)
    assert answer.nodes[one.number] == value


def test_a_node_that_is_gone_is_reaped_and_the_others_are_told() -> None:
    one, two = two_nodes()
    one.apply("/", 2, 1, 1, visible="cann")
    one.apply("/news", 1, visible="cbob")
    two.apply("/", 1, visible="ceve")
    two.apply("/news", 1, hidden="cbob")
    answer, tells = two.reap(one.number, one.value())
    assert answer == Reaped(two.call, "", [Exited("/", ["cann"])])
    assert tells == [Tell([two.number], total) for total in two.read("/", "/news")]
    assert (two.total("/"), two.total("/news")) == (Count(1, 1, 1), Count(1, 1, 0))
    assert one.apply("/", 1).answer == Unknown(one.call)


def test_pages_that_only_the_node_was_on_go_with_it() -> None:
    one, two = two_nodes()
    one.apply("/", 1, 1, 1)
    assert two.reap(one.number, one.value()).tells == []
    assert two.total("/") == Count()


def test_nothing_is_reaped_of_a_node_whose_value_has_changed() -> None:
    one, two = two_nodes()
    one.apply("/", 1, 1, 1)
    seen = one.value()
    one.value()
    assert two.reap(one.number, seen).answer == Reaped(two.call, "")
    assert two.reap(77, seen).answer == Reaped(two.call, "")
    assert two.total("/") == Count(1, 1, 1)


def test_a_node_is_reaped_in_slices_and_writes_nothing_from_the_first_on() -> None:
    one, two = two_nodes()
    for page in ("/a", "/b", "/c"):
        one.apply(page, 1, 1, 1)
    answer = two.reap(one.number, one.value(), most=2).answer
    assert answer == Reaped(two.call, "one:-")
    left = sorted(total.count for total in two.read("/a", "/b", "/c"))
    assert left == [Count(), Count(), Count(1, 1, 1)]
    assert one.apply("/a", 1).answer == Unknown(one.call)
    assert two.census.receive(Register(90, "one")).answer == Former(90, {one.number: "one:-"})
    assert two.reap(one.number, "one:-").answer == Reaped(two.call, "")
    assert [total.count for total in two.read("/a", "/b", "/c")] == [Count()] * 3


def test_a_node_leaves_in_good_order() -> None:
    one, two = two_nodes()
    one.apply("/", 1, 1, 1)
    one.apply("/news", 1, 1, 1)
    has = one.previous
    assert one.census.receive(Leave(one.next(), one.number, "one", 77)).answer == Gap(one.call, has)
    answer = one.census.receive(Leave(one.next(), one.number, "one", has, most=1)).answer
    assert answer == Reaped(one.call, "one:-")
    assert two.reap(one.number, "one:-").answer == Reaped(two.call, "")
    assert [total.count for total in two.read("/", "/news")] == [Count(), Count()]


def test_a_node_that_is_known_to_be_gone_is_removed_at_once_and_one_other_speaks_for_it() -> None:
    one, two = two_nodes()
    three = Node(one.census, "three", everything=True)
    one.apply("/", 1, visible="cann")
    two.apply("/", 1, visible="cbob")
    tells = one.census.end(one.number)
    total = two.read("/")[0]
    assert tells == [Tell([two.number, three.number], total), Tell([two.number], Exited("/", ["cann"]))]
    assert one.census.end(one.number) == []


def test_where_nobody_is_left_nobody_is_told_who_has_gone() -> None:
    one, _ = two_nodes()
    one.apply("/", 1, visible="cann")
    assert one.census.end(one.number) == []


# Who is told of everything


def test_a_node_may_be_told_of_every_page_and_begins_with_what_there_is() -> None:
    one, _ = two_nodes()
    one.apply("/", 1, 1, 1)
    three = Node(one.census, "three", everything=True)
    assert (three.registered.totals, three.registered.version) == (one.read("/"), one.read("/")[0].version)
    for connections in (2, 0):
        _, tells = one.apply("/", connections)
        assert tells == [Tell([three.number], one.read("/")[0])]
    one.census.end(three.number)
    assert one.apply("/", 1).tells == []


def test_a_node_may_begin_and_end_to_be_told_of_every_page() -> None:
    one, two = two_nodes()
    one.apply("/", 1, 1, 1)
    for _ in range(2):
        answer = two.census.receive(Watch(two.next(), two.number, "two", True)).answer
        assert answer == Watching(two.call, one.read("/"), 1)
    assert one.apply("/", 2, 2, 2).tells == [Tell([two.number], one.read("/")[0])]
    two.apply("/", 0, stays=True)
    assert one.apply("/", 3, 3, 3).tells == [Tell([two.number], one.read("/")[0])]
    two.apply("/", 0)
    for _ in range(2):
        answer = two.census.receive(Watch(two.next(), two.number, "two", False)).answer
        assert answer == Watching(two.call, [])
    assert one.apply("/", 4, 4, 4).tells == []
    assert one.census.receive(Watch(9, 77, "two", True)).answer == Unknown(9)


def test_the_pages_with_the_most_visitors_come_first() -> None:
    one, two = two_nodes()
    for page, connections in {"/a": 1, "/b": 3, "/c": 2}.items():
        one.apply(page, connections, connections)
    two.apply("/d", 0, stays=True)
    answer = one.census.receive(Top(one.next(), 2)).answer
    assert answer == Totals(one.call, one.read("/b", "/c"))


# Messages


def test_a_message_goes_to_the_other_nodes_of_a_page() -> None:
    one, two = two_nodes()
    three = Node(one.census, "three", everything=True)
    one.apply("/", 1)
    two.apply("/", 0, stays=True)
    message = Message(one.number, "/", b"hello")
    reply = one.census.receive(Emit(one.next(), one.number, "/", b"hello"))
    assert reply == Reply(Told(one.call, [two.number]), [Tell([two.number], message)])
    reply = three.census.receive(Emit(9, three.number, "/", b"hello"))
    assert reply.answer == Told(9, [one.number, two.number])


def test_a_message_may_be_for_certain_nodes() -> None:
    one, two = two_nodes()
    reply = one.census.receive(Emit(9, one.number, "/", b"", [two.number, one.number, 77]))
    assert reply == Reply(Told(9, [two.number]), [Tell([two.number], Message(one.number, "/", b""))])


def test_a_message_that_nobody_is_there_for_is_told_to_nobody() -> None:
    one, _ = two_nodes()
    assert one.census.receive(Emit(9, one.number, "/", b"")) == Reply(Told(9, []), [])
