"""The list of all pages: sorted in steps, and not made for everyone who asks."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import msgspec
import pytest

from nannin.audience.roster import Count
from nannin.web.listing import PAGES_PER_STEP
from support.asgi import Call
from support.fake_audiences import Lookout, keys, make_costly


def test_many_pages_are_not_gone_through_for_everyone_who_asks() -> None:
    lookout = Lookout({f"/p{number}": Count(1, 1, 1) for number in range(100)})
    looked_up = make_costly(lookout, 0.001)
    for sort in ("visitors", "connections", "visible", "page") * 25:
        assert lookout.read(f"/api/pages?sort={sort}")["total"] == 100
    assert len(looked_up) == 100
    lookout.clock.advance(2.1)
    lookout.read("/api/pages")
    assert len(looked_up) == 200


MANY = 5 * PAGES_PER_STEP + 7


def shuffled() -> dict[str, Count]:
    """Many pages, in no order by key or number, and some of them with the same numbers."""
    return {
        f"/p{number * 7_919 % MANY:05}": Count(1 + number % 13, 1 + number % 5, number % 3)
        for number in range(MANY)
    }


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("sort", ["visitors", "connections", "visible", "page"])
def test_many_pages_are_sorted_as_few_are(sort: str, order: str) -> None:
    pages = shuffled()
    by_key = sorted(pages, reverse=(sort, order) == ("page", "desc"))
    right = by_key
    if sort != "page":
        right = sorted(by_key, key=lambda page: getattr(pages[page], sort), reverse=order == "desc")
    assert keys(Lookout(pages), f"sort={sort}&order={order}&limit=1000&offset=100") == right[100:1100]


def test_while_many_pages_are_gone_through_others_have_their_turn() -> None:
    lookout = Lookout(shuffled())
    looked_up = make_costly(lookout, 0.0)
    at_each_turn = [0]

    async def count_turns() -> None:
        while True:
            at_each_turn.append(len(looked_up))
            await asyncio.sleep(0)

    async def main() -> tuple[Call, Call]:
        turns = asyncio.get_running_loop().create_task(count_turns())
        both = [lookout.call("/api/pages"), lookout.call("/api/pages?sort=page")]
        first, second = [await call.ends() for call in both]
        turns.cancel()
        return first, second

    calls = asyncio.run(main())
    assert [(call.status, len(msgspec.json.decode(call.body)["pages"])) for call in calls] == [(200, 50)] * 2
    assert max(later - before for before, later in pairwise(at_each_turn)) <= PAGES_PER_STEP
    assert at_each_turn.count(at_each_turn[-1]) > 2 * MANY / PAGES_PER_STEP, "sorting takes turns, too"


def test_a_page_that_empties_while_the_others_are_looked_up_is_left_out() -> None:
    lookout = Lookout({f"/{number}": Count(1, 1, 1) for number in range(MANY)})
    look_up = lookout.source.count

    def count(page: str) -> Count:
        lookout.source.counts.pop(f"/{MANY - 1}", None)
        return look_up(page)

    lookout.source.count = count  # type: ignore[method-assign]
    assert lookout.read("/api/pages")["total"] == MANY - 1


def test_few_pages_are_always_as_they_are() -> None:
    lookout = Lookout({"/a": Count(1, 1, 1)})
    make_costly(lookout, 0.0005)
    assert keys(lookout) == ["/a"]
    lookout.source.counts["/b"] = Count(1, 1, 1)
    assert keys(lookout) == ["/a", "/b"]
