"""The census: parts of pages come in, and one count of each page goes out."""

from __future__ import annotations

from nannin.audience.census import Census, Reply, Tell
from nannin.audience.census_calls import (
    Answer,
    Applied,
    Apply,
    Beat,
    Beaten,
    Read,
    Reap,
    Register,
    Registered,
    Total,
    Totals,
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
