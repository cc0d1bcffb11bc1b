"""A node that is told of pages on which it has nobody, and of all pages."""

from __future__ import annotations

from nannin.audience.census import Census
from nannin.audience.census_calls import Beaten, Read, Registered, Unknown, Watch, Watching
from nannin.audience.roster import Count
from support.census_city import City, Node, total

# Some pages, and all


def test_a_node_may_know_every_page() -> None:
    city = City(one := Node("one"), late := Node("late", everything=True))
    one.roster.join("/", "a")
    one.roster.join("/news", "a")
    city.carry()
    assert (late.share.count("/"), late.share.count("/news")) == (Count(1, 1, 1),) * 2
    one.roster.leave("/news", "a", now=0.0)
    city.carry()
    assert list(late.share.pages()) == ["/"]
    later = City(Node("two"))
    later.census, later.nodes = city.census, (node := Node("later", everything=True),)
    node.hear(node.share.found())
    later.carry()
    assert node.share.count("/") == Count(1, 1, 1)


def test_who_listens_is_told_until_it_listens_no_more() -> None:
    city = City(one := Node("one"), two := Node("two"))
    for _ in range(2):
        two.share.listen("/", True)
        city.carry()
    one.roster.join("/", "a")
    city.carry()
    assert two.share.count("/") == Count(1, 1, 1)
    two.share.listen("/", False)
    city.carry()
    one.roster.join("/", "b")
    city.carry()
    assert two.share.count("/") == Count()


def test_who_watches_all_pages_from_the_beginning_goes_on_when_nobody_listens_any_more() -> None:
    one, two = Node("one"), Node("two")
    two.share.watch_all()
    city = City(one, two)
    for listens in (True, False):
        two.share.listen(None, listens)
        city.carry()
    one.roster.join("/", "a")
    city.carry()
    assert two.share.knows(None)
    assert two.share.count("/") == Count(1, 1, 1)


def test_a_node_that_hears_a_page_has_a_part_of_it_though_it_is_told_of_every_page() -> None:
    node = Node("one", everything=True)
    city = City(node)
    node.share.listen("/", True)
    city.carry()
    assert not city.census._pages
    for hears in (True, True):
        node.share.hear("/", hears)
        city.carry()
    assert list(city.census._pages["/"].parts) == [node.share.number]
    node.hear(node.share.lost())
    node.hear(node.share.found())
    city.carry()
    assert list(city.census._pages["/"].parts) == [node.share.number]
    node.share.hear("/", False)
    city.carry()
    assert not city.census._pages


# Who is told of every page


def test_a_link_that_is_found_again_brings_every_page_again() -> None:
    node = Node(everything=True).registered()
    assert (node.share.knows(None), node.share.knows("/nobody")) == (True, True)
    node.hear(node.share.told(total(3, 3)))
    node.hear(node.share.told(total(3, 0, "/nobody")))
    assert node.share.count("/") == Count(3, 3, 3)
    node.hear(node.share.found())
    [beat] = node.share.take(0.0)
    node.hear(node.share.answer(Beaten(beat.call, "name", {7: "one:1:2"}), 0.0))
    watch, read = node.share.take(0.0)
    assert (watch, read) == (Watch(watch.call, 7, "one", True), Read(read.call, ["/"]))
    assert node.share.stale
    node.hear(node.share.answer(Watching(watch.call, [total(1, 4, "/news")]), 0.0))
    assert (list(node.share.pages()), node.share.count("/news")) == (["/news"], Count(4, 4, 4))
    assert not node.share.stale


def test_a_node_may_begin_to_watch_every_page_and_end_that() -> None:
    city = City(one := Node("one"), two := Node("two"))
    asked = list[str]()
    two.share.on_listen = lambda: asked.append("listen")
    one.roster.join("/", "a")
    one.roster.join("/both", "a")
    two.roster.join("/both", "a")
    city.carry()
    assert (two.share.knows(None), two.share.knows("/"), two.share.knows("/both")) == (False, False, True)
    two.share.listen(None, True)
    two.share.when_counted(None, lambda: asked.append("counted"))
    assert asked == ["listen"]
    city.carry()
    assert asked == ["listen", "counted"]
    assert (set(two.share.pages()), two.share.knows("/")) == ({"/", "/both"}, True)
    two.share.when_counted(None, lambda: asked.append("known"))
    assert asked[2:] == ["known"]
    one.roster.join("/new", "a")
    city.carry()
    assert two.share.count("/new") == Count(1, 1, 1)
    two.share.listen(None, False)
    two.share.when_counted(None, lambda: asked.append("nobody asks"))
    city.carry()
    assert list(two.share.pages()) == ["/both"]
    one.roster.join("/", "b")
    city.carry()
    assert list(two.share.pages()) == ["/both"]


def test_a_node_that_watches_says_so_when_it_registers_anew() -> None:
    city = City(one := Node("one"), two := Node("two"))
    two.share.listen(None, True)
    two.share.listen("/", True)
    city.carry()
    city.census = Census("empty")
    one.roster.join("/news", "a")
    for node in city.nodes:
        node.hear(node.share.answer(city.census.receive(node.beat()).answer, 0.0))
    city.carry()
    assert two.share.count("/news") == Count(1, 1, 1)


def test_a_total_that_is_told_before_the_older_one_of_a_registration_comes_is_kept() -> None:
    node = Node()
    node.share.watch_all()
    node.hear(node.share.found())
    [register] = node.share.take(0.0)
    node.hear(node.share.told(total(2, 2, "/other")))
    node.hear(node.share.answer(Registered(register.call, 7, "name", [total(1, 1, "/other")]), 0.0))
    assert node.share.count("/other") == Count(2, 2, 2)
    assert not node.share.stale


def test_a_page_that_is_told_to_be_empty_before_an_older_total_of_it_comes_stays_unknown() -> None:
    node = Node()
    node.share.watch_all()
    node.hear(node.share.found())
    [register] = node.share.take(0.0)
    node.hear(node.share.told(total(2, 0, "/other")))
    node.hear(node.share.answer(Registered(register.call, 7, "name", [total(1, 1, "/other")], 1), 0.0))
    assert list(node.share.pages()) == []


def test_a_page_that_was_left_while_nobody_watched_is_empty_for_who_watches_again() -> None:
    node = Node().registered()
    node.share.listen(None, True)
    [begins] = node.share.take(0.0)
    node.hear(node.share.answer(Watching(begins.call, [total(1, 1, "/other")], 1), 0.0))
    node.share.listen(None, False)
    [ends] = node.share.take(0.0)
    node.share.listen(None, True)
    node.hear(node.share.answer(Watching(ends.call, []), 0.0))
    assert list(node.share.pages()) == ["/other"]
    [again] = node.share.take(0.0)
    node.hear(node.share.answer(Watching(again.call, [], 2), 0.0))
    assert list(node.share.pages()) == []


def test_who_waits_for_every_page_waits_no_longer_than_the_census_is_there() -> None:
    node, counted = Node().registered(), list[str]()
    node.share.listen(None, True)
    node.share.take(0.0)
    node.share.when_counted(None, lambda: counted.append("lost"))
    node.hear(node.share.lost())
    assert counted == ["lost"]
    node.share.when_counted(None, lambda: counted.append("apart"))
    assert counted == ["lost", "apart"]
    node.hear(node.share.found())
    [beat] = node.share.take(0.0)
    node.hear(node.share.answer(Beaten(beat.call, "name", {7: "one:1:2"}), 0.0))
    [again] = node.share.take(0.0)
    assert again == Watch(again.call, 7, "one", True)
    node.hear(node.share.answer(Unknown(again.call), 0.0))
    assert node.share.number is None


def test_a_wish_that_changes_while_it_is_asked_for_is_asked_for_again() -> None:
    node = Node().registered()
    node.share.listen(None, True)
    [first] = node.share.take(0.0)
    node.share.listen(None, False)
    node.share.listen(None, False)
    assert node.share.take(0.0) == []
    node.hear(node.share.answer(Watching(first.call, [total(1, 1)]), 0.0))
    assert (node.share.knows(None), list(node.share.pages())) == (False, [])
    [second] = node.share.take(0.0)
    assert second == Watch(second.call, 7, "one", False)


def test_a_total_that_comes_late_brings_no_page_back() -> None:
    node = Node(everything=True).registered()
    node.roster.join("/", "a")
    node.applied(node.write(), total(1, 1))
    node.roster.leave("/", "a", now=0.0)
    node.applied(node.write(), total(3, 0))
    node.hear(node.share.told(total(2, 1)))
    assert list(node.share.pages()) == []
    node.hear(node.share.told(total(4, 1)))
    assert list(node.share.pages()) == ["/"]
