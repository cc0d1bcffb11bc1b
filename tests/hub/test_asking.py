"""A question to other nodes is answered once all that were asked have said their last word, or are gone."""

from __future__ import annotations

from nannin.hub.asking import Asking
from nannin.hub.node_messages import Acked, Reply, Seen, pack_answer


async def test_it_is_done_once_all_have_answered_in_full() -> None:
    asking = Asking()
    asking.told([2, 3])
    asking.receive(2, Reply(0, 1, [Seen("a", None, [], b"")]))
    asking.receive(2, Reply(0, 1, [Seen("b", "ann", ["x"], b"")], [pack_answer("a", 5)], True))
    assert (asking.done.done(), asking.silent, asking.waits) == (False, 1, 1)
    asking.receive(3, Reply(0, is_last=True))
    assert (asking.done.done(), asking.silent, asking.waits) == (True, 0, 0)
    assert (asking.number, list(asking.seen), asking.answers) == (2, ["a", "b"], {"a": 5})


async def test_an_answer_may_come_before_it_is_known_who_was_asked() -> None:
    asking = Asking()
    asking.receive(2, Reply(0, is_last=True))
    assert not asking.done.done()
    asking.told([2])
    assert (asking.done.done(), asking.silent) == (True, 0)


async def test_where_nobody_was_asked_it_is_done() -> None:
    asking = Asking(away=1)
    asking.told([])
    assert (asking.done.done(), asking.silent, asking.waits) == (True, 0, 0)


async def test_where_nobody_could_be_asked_all_that_are_known_are_silent() -> None:
    asking = Asking(away=4)
    asking.told(None)
    assert (asking.done.done(), asking.silent, asking.waits) == (True, 4, 4)


async def test_one_that_is_gone_is_silent_but_not_waited_for() -> None:
    asking = Asking()
    asking.live([1])
    asking.told([2, 3])
    asking.receive(3, Reply(0, is_last=True))
    asking.live([1, 2, 3])
    assert not asking.done.done()
    asking.live([1, 3])
    assert (asking.done.done(), asking.silent, asking.waits) == (True, 1, 0)
    asking.receive(2, Reply(0, is_last=True))
    assert asking.silent == 0, "it was there after all"


async def test_an_answer_that_cannot_be_read_is_none() -> None:
    asking = Asking()
    asking.told([2])
    asking.receive(2, Reply(0, answers=[Acked("a", "nonsense", []), pack_answer("b", 1)], is_last=True))
    assert (asking.answers, asking.done.done()) == ({"b": 1}, True)


async def test_whoever_waits_no_more_can_still_be_answered() -> None:
    asking = Asking()
    asking.told([2])
    asking.done.cancel()
    asking.receive(2, Reply(0, is_last=True))
    assert asking.silent == 0
