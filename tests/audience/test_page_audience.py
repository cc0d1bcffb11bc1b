"""The connections on one page: how many they are, whose, and who of them sees it."""

from __future__ import annotations

from nannin.audience.count import Count, Part
from nannin.audience.page_audience import Grace, PageAudience, place_for


def test_nobody_is_there_at_first() -> None:
    audience: PageAudience[str] = PageAudience(("/*",))
    assert (audience.count(), audience.part(), audience.groups) == (Count(), Part(), ("/*",))


def test_a_visitor_is_one_however_many_connections_it_has() -> None:
    audience: PageAudience[str] = PageAudience(())
    for connection, visible in (("a", True), ("b", False)):
        audience.connections[connection] = "ann"
        audience.named += 1
        audience.add("ann", visible)
    audience.hidden.add("b")
    assert audience.count() == Count(2, 1, 1)
    assert (audience.is_visible("a"), audience.is_visible("b")) == (True, False)
    audience.show("ann")
    audience.hide("ann")
    assert audience.count() == Count(2, 1, 1)
    audience.hide("ann")
    assert audience.count() == Count(2, 1, 0)
    del audience.connections["b"]
    audience.named -= 1
    audience.remove("ann", visible=False)
    assert audience.count() == Count(1, 1, 0)
    audience.show("ann")
    del audience.connections["a"]
    audience.named -= 1
    audience.remove("ann", visible=True)
    assert audience.count() == Count()


def test_a_connection_without_an_id_is_a_visitor_of_its_own() -> None:
    audience: PageAudience[str] = PageAudience(())
    for connection in "ab":
        audience.connections[connection] = None
        audience.add(None, visible=True)
    audience.hide(None)
    assert (audience.count(), audience.part()) == (Count(2, 2, 1), Part(2, 2, 1))
    audience.show(None)
    del audience.connections["a"]
    audience.remove(None, visible=True)
    assert audience.count() == Count(1, 1, 1)


def test_one_in_grace_counts_as_a_connection() -> None:
    audience: PageAudience[str] = PageAudience(())
    audience.add("ann", visible=True)
    audience.graces += 1
    assert (audience.count(), audience.part()) == (Count(1, 1, 1), Part(1, 0, 0))


def test_one_who_returns_takes_the_eldest_place_that_was_as_visible() -> None:
    hidden, shown, last = (Grace("/", "ann", visible) for visible in (False, True, True))
    assert place_for([hidden, shown, last], True) is shown
    assert place_for([hidden, shown, last], False) is hidden
    assert place_for([shown, last], False) is shown
    assert not hidden.taken
