"""What a node shows of the counts of all, and whether it says that these may be old."""

from __future__ import annotations

from nannin.audience.census_calls import Total
from nannin.audience.known_counts import KnownCounts
from nannin.audience.known_pages import KnownPages
from nannin.audience.roster import Count, Roster, StaleCount


class Node:
    """A node with a link to the census and a number there."""

    def __init__(self) -> None:
        self.roster: Roster[str] = Roster()
        self.pages = KnownPages()
        self.counts = KnownCounts(self.roster, self.pages)
        self.counts.is_linked, self.counts.number = True, 7

    def told(self, count: Count, page: str = "/") -> None:
        """The census says a total that has all clients of this node."""
        held = self.pages.of(page)
        held.said = self.roster.count(page)
        self.pages.settle(held, Total(page, 1, *count))

    def lose(self) -> None:
        """The link is lost."""
        self.counts.is_linked = False


def test_before_anything_was_heard_of_a_page_its_count_is_this_nodes() -> None:
    node = Node()
    assert node.counts.count("/") == Count()
    node.roster.join("/", "a")
    assert node.counts.count("/") == Count(1, 1, 1)
    node.pages.of("/")
    assert node.counts.count("/") == Count(1, 1, 1)


def test_a_count_is_the_one_that_the_census_said_last() -> None:
    node = Node()
    node.told(Count(5, 4, 3))
    node.roster.join("/", "a")
    assert node.counts.count("/") == Count(5, 4, 3)


def test_count_with_adds_one_who_joins_here_to_the_count_of_all() -> None:
    node = Node()
    node.roster.join("/", "a", "ann")
    node.told(Count(5, 5, 5))
    assert node.counts.count_with("/", "ann") == Count(6, 5, 5)
    assert node.counts.count_with("/", None, visible=False) == Count(6, 6, 5)


def test_the_pages_are_those_that_somebody_is_on_here_or_elsewhere() -> None:
    node = Node()
    node.roster.join("/here", "a")
    node.told(Count(1, 1, 1), "/elsewhere")
    node.told(Count(), "/nobody")
    assert node.counts.pages() == ["/elsewhere", "/here"]
    assert [node.counts.is_held(page) for page in ("/here", "/elsewhere")] == [True, False]


def test_a_stale_count_is_the_last_total_with_this_nodes_clients_as_they_are_now() -> None:
    node = Node()
    node.roster.join("/", "a")
    node.told(Count(10, 10, 10))
    node.lose()
    node.roster.join("/", "b")
    assert node.counts.count("/") == Count(11, 11, 11)
    for name in "ab":
        node.roster.leave("/", name, now=0.0)
    assert node.counts.count("/") == Count(9, 9, 9)


def test_a_stale_count_is_never_less_than_this_nodes_own() -> None:
    node = Node()
    for name in "ab":
        node.roster.join("/", name)
    node.told(Count(1, 1, 1))
    node.lose()
    assert node.counts.count("/") == Count(2, 2, 2)


def test_a_stale_count_has_no_visitor_twice_in_view_and_nobody_without_a_visitor() -> None:
    node = Node()
    node.roster.join("/", "tab", "ann", visible=False)
    node.told(Count(2, 1, 1))  # ann has a tab at another node, which she sees
    node.lose()
    node.roster.show("/", "tab", True)
    assert node.counts.count("/") == Count(2, 1, 1)
    node.roster.leave("/", "tab", now=0.0)
    assert node.counts.count("/") == Count(1, 1, 1)


def test_a_stale_count_says_so_where_that_is_to_be_shown() -> None:
    node = Node()
    node.told(Count(1, 1, 1))
    node.counts.shows_stale = True
    assert not isinstance(node.counts.count("/"), StaleCount)
    node.lose()
    assert isinstance(node.counts.count("/"), StaleCount)
    node.counts.shows_stale = False
    assert not isinstance(node.counts.count("/"), StaleCount)


def test_every_count_is_stale_without_a_link_or_a_number() -> None:
    node = Node()
    assert (node.counts.stale, node.counts.is_stale("/"), node.counts.is_cut_off) == (False, False, False)
    assert not node.counts.is_alone()
    node.counts.number = None
    assert (node.counts.stale, node.counts.is_stale("/"), node.counts.is_cut_off) == (True, True, True)
    assert not node.counts.is_alone()
    node.counts.number = 7
    node.lose()
    assert (node.counts.stale, node.counts.is_stale("/"), node.counts.is_cut_off) == (True, True, True)
    assert node.counts.is_alone()


def test_a_page_in_doubt_is_stale_and_cuts_the_node_off() -> None:
    node = Node()
    node.told(Count(1, 1, 1))
    node.pages.doubt()
    assert (node.counts.stale, node.counts.is_cut_off) == (True, True)
    assert [node.counts.is_stale(page) for page in ("/", "/unknown")] == [True, False]


def test_while_nodes_say_again_what_the_census_has_lost_every_count_is_stale_but_nobody_is_cut_off() -> None:
    node = Node()
    node.told(Count(1, 1, 1))
    node.pages.wait()
    assert (node.counts.stale, node.counts.is_cut_off) == (True, False)
    assert [node.counts.is_stale(page) for page in ("/", "/unknown")] == [True, True]
