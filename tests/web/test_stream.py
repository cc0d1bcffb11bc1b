"""The stream: what is told, to whom, in how much memory, and how it ends."""

from __future__ import annotations

import asyncio
import re
import tracemalloc
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from nannin.access.addresses import Addresses
from nannin.access.refusals import Refusals
from nannin.audience.groups import Groups
from nannin.audience.roster import Count
from nannin.settings import Settings
from nannin.web.stream import (
    CHUNK_BYTES,
    KEEP_ALIVE_S,
    MAX_PAGES,
    WAKES_PER_SLICE,
    encode_event,
)
from support.asgi import Call, no_tasks_left
from support.fake_audiences import Lookout

GONE = {"type": "http.disconnect"}
ONE, TWO, THREE = Count(1, 1, 1), Count(2, 2, 2), Count(3, 3, 3)


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Runs a test on a loop, which has to be left without a task."""

    async def main() -> None:
        async with no_tasks_left():
            await test()

    asyncio.run(main())


def events(call: Call) -> list[tuple[str, int]]:
    """The events so far: page and connections of each."""
    found = re.findall(rb"event: audience\ndata: (.+)\n\n", call.body)
    return [(row["page"], row["connections"]) for row in map(msgspec.json.decode, found)]


async def told(lookout: Lookout, call: Call, *expected: tuple[str, int]) -> None:
    """Waits until these are the events so far."""
    async with asyncio.timeout(5):
        while len(events(call)) < len(expected):
            lookout.clock.settle()
            await call.sends(len(call.sent) + 1)
    assert events(call) == list(expected)


async def leave(call: Call) -> None:
    """The client goes."""
    call.put(GONE)
    await call.ends()


# --- what is told ---


def test_its_head_keeps_caches_and_proxies_out_of_the_way() -> None:
    async def test() -> None:
        call = Lookout().call("/api/stream")
        await call.sends(3)
        assert call.status == 200
        assert call.header("content-type") == "text/event-stream; charset=utf-8"
        assert call.header("cache-control") == "no-store, no-transform"
        assert call.header("x-accel-buffering") == "no"
        assert call.header("content-length") is None
        await leave(call)

    run(test)


def test_it_begins_with_when_to_come_back_and_the_count() -> None:
    async def test() -> None:
        call = Lookout({"/": TWO}).call("/api/stream")
        await call.sends(3)
        retry, event, rest = call.body.split(b"\n\n", 2)
        assert re.fullmatch(rb"retry: [2-4]\d\d\d", retry)
        assert event == b'event: audience\ndata: {"page":"/","connections":2,"visitors":2,"visible":2}'
        assert rest == b""
        await leave(call)

    run(test)


def test_each_page_that_is_asked_for_is_told_at_once_and_then_as_it_changes() -> None:
    async def test() -> None:
        lookout = Lookout({"/a": ONE})
        call = lookout.call("/api/stream?page=/a&page=/b&page=/a")
        await told(lookout, call, ("/a", 1), ("/b", 0))
        lookout.source.tell("/b", ONE)
        await told(lookout, call, ("/a", 1), ("/b", 0), ("/b", 1))
        lookout.source.tell("/c", ONE)
        lookout.source.tell("/a", Count())
        await told(lookout, call, ("/a", 1), ("/b", 0), ("/b", 1), ("/a", 0))
        await leave(call)

    run(test)


def test_a_star_is_every_page_that_somebody_is_on_now_or_later() -> None:
    async def test() -> None:
        lookout = Lookout({"/a": ONE, "/b": TWO})
        call = lookout.call("/api/stream?page=*&page=/a")
        await told(lookout, call, ("/a", 1), ("/b", 2))
        lookout.source.tell("/c", THREE)
        lookout.source.tell("/a", Count())
        await told(lookout, call, ("/a", 1), ("/b", 2), ("/c", 3), ("/a", 0))
        await leave(call)

    run(test)


@pytest.mark.parametrize("query", ["page=*", "page=/shop/*&page=/shop/a"])
def test_a_group_is_marked_and_its_pages_are_not(query: str) -> None:
    async def test() -> None:
        lookout = Lookout({"/shop/*": TWO, "/shop/a": ONE}, groups=Groups("/shop/*"))
        call = lookout.call(f"/api/stream?{query}")
        await told(lookout, call, ("/shop/*", 2), ("/shop/a", 1))
        counts = [msgspec.json.decode(data) for data in re.findall(rb"data: (.*)", call.body)]
        assert [count.get("group") for count in counts] == [True, None]
        await leave(call)

    run(test)


def test_a_page_of_any_name_is_one_line_of_json() -> None:
    event = encode_event('/"\\\u3042', ONE)
    head, _, data = event.removesuffix(b"\n\n").partition(b"\ndata: ")
    assert head == b"event: audience"
    assert b"\n" not in data
    assert msgspec.json.decode(data)["page"] == '/"\\\u3042'


def test_the_same_update_is_encoded_once_for_all() -> None:
    assert encode_event("/a", ONE) is encode_event("/a", Count(1, 1, 1))


@pytest.mark.parametrize("last", ["1", "x" * 8_000, "'; drop table", "\xff\xfe"])
def test_the_last_event_id_is_harmless(last: str) -> None:
    async def test() -> None:
        lookout = Lookout({"/": ONE})
        call = lookout.call("/api/stream", last_event_id=last)
        await told(lookout, call, ("/", 1))
        assert b"id:" not in call.body
        await leave(call)

    run(test)


def test_spellings_of_the_same_address_are_told_once() -> None:
    async def test() -> None:
        lookout = Lookout({"/%E6": ONE})
        call = lookout.call("/api/stream?page=/%25e6&page=/%25E6")
        await told(lookout, call, ("/%E6", 1))
        await leave(call)

    run(test)


def test_too_many_pages_are_refused() -> None:
    pages = "&".join(f"page=/{number}" for number in range(MAX_PAGES + 1))
    status, words = Lookout().error(f"/api/stream?{pages}")
    assert (status, words) == (400, "a stream has up to 100 pages, not 101; * is every page")


def test_a_head_is_answered_and_nobody_is_watched_for_it() -> None:
    lookout = Lookout()
    call = lookout.ask("/api/stream?page=/a", "HEAD")
    assert (call.status, call.body) == (200, b"")
    assert call.header("content-type") == "text/event-stream; charset=utf-8"
    assert not lookout.source.watchers


# --- slow readers, and many ---


def test_who_does_not_read_gets_the_newest_only() -> None:
    async def test() -> None:
        lookout = Lookout({"/a": ONE})
        call = lookout.call("/api/stream?page=/a&page=/b")
        await told(lookout, call, ("/a", 1), ("/b", 0))
        call.open_gate.clear()
        lookout.source.tell("/a", TWO)
        lookout.clock.settle()
        await asyncio.sleep(0)  # that one is on its way now
        for number in range(3, 1_000):
            lookout.source.tell("/a", Count(number, 1, 1))
            lookout.clock.settle()
        lookout.source.tell("/b", ONE)
        call.open_gate.set()
        await told(lookout, call, ("/a", 1), ("/b", 0), ("/a", 2), ("/a", 999), ("/b", 1))
        await leave(call)

    run(test)


def test_many_pages_are_written_in_pieces_and_what_changes_meanwhile_is_told_anew() -> None:
    async def test() -> None:
        lookout = Lookout({f"/p{number:04}": ONE for number in range(1_000)})
        call = lookout.call("/api/stream?page=*")
        await call.sends(3)
        assert len(call.sent[2]["body"]) < CHUNK_BYTES + 200
        lookout.source.tell("/p0999", TWO)
        lookout.source.tell("/p0000", TWO)
        async with asyncio.timeout(5):
            while len(events(call)) < 1_001:
                lookout.clock.settle()
                await call.sends(len(call.sent) + 1)
        assert [row for row in events(call) if row[0] == "/p0999"] == [("/p0999", 2)]
        assert [row for row in events(call) if row[0] == "/p0000"] == [("/p0000", 1), ("/p0000", 2)]
        await leave(call)

    run(test)


@pytest.mark.parametrize("pages", ["page=/a", "page=*"])
def test_a_stream_whose_client_takes_nothing_for_the_time_of_a_keep_alive_is_ended(pages: str) -> None:
    async def test() -> None:
        lookout, stuck = Lookout({"/a": ONE}), list[None]()
        lookout.observers.streams.on_stuck = lambda: stuck.append(None)
        call = lookout.call(f"/api/stream?{pages}")
        await told(lookout, call, ("/a", 1))
        call.open_gate.clear()
        lookout.source.tell("/a", TWO)
        lookout.clock.settle()
        await asyncio.sleep(0)
        lookout.clock.advance(KEEP_ALIVE_S - 1)
        assert lookout.source.watchers
        lookout.clock.advance(1)
        assert not lookout.source.watchers
        assert (len(lookout.observers.streams), len(stuck)) == (0, 1)
        call.open_gate.set()
        await call.ends()
        assert events(call) == [("/a", 1), ("/a", 2)]

    run(test)


def test_streams_of_every_page_that_are_not_read_share_what_they_have_yet_to_tell() -> None:
    async def test() -> None:
        lookout = Lookout()
        calls = [lookout.call("/api/stream?page=*") for _ in range(20)]
        for call in calls:
            await call.sends(2)
            call.open_gate.clear()
        await asyncio.sleep(0)
        tracemalloc.start()
        for number in range(5_000):
            lookout.source.tell(f"/{number:0100}", ONE)
        kept_bytes = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert kept_bytes / 5_000 < 1_000, "each of the 20 took 100 a page besides"
        lookout.observers.shut_down()
        for call in calls:
            call.open_gate.set()
            await call.ends()

    run(test)


def test_each_stream_can_be_told_to_come_back_by_itself_and_no_other_is_opened() -> None:
    async def test() -> None:
        lookout = Lookout()
        calls = [lookout.call("/api/stream") for _ in range(2)]
        for call in calls:
            await call.sends(3)
        first, second = lookout.observers.goodbyes()
        first()
        await calls[0].ends()
        assert len(calls[1].sent) == 3
        late = await lookout.call("/api/stream").ends()
        assert (late.status, late.header("retry-after"), late.header("connection")) == (503, "2", "close")
        second()
        await calls[1].ends()
        lookout.observers.shut_down()
        assert len(await lookout.call("/api/stream").sends(3)) == 3  # it serves again
        lookout.observers.shut_down()

    run(test)


def test_many_streams_take_turns() -> None:
    async def test() -> None:
        lookout = Lookout()
        calls = [lookout.call("/api/stream") for _ in range(2 * WAKES_PER_SLICE + 1)]
        for call in calls:
            await call.sends(3)
        lookout.source.tell("/", ONE)
        for slices in (1, 2, 3):
            lookout.clock.advance(0.005 if slices > 1 else 0)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            written = sum(len(call.sent) == 4 for call in calls)
            assert written == min(slices * WAKES_PER_SLICE, len(calls))
        lookout.observers.shut_down()
        for call in calls:
            await call.ends()

    run(test)


# --- keep-alives ---


def test_a_silent_stream_is_kept_alive() -> None:
    async def test() -> None:
        lookout = Lookout()
        call = lookout.call("/api/stream")
        await call.sends(3)
        lookout.clock.advance(KEEP_ALIVE_S - 0.1)
        await asyncio.sleep(0)
        assert len(call.sent) == 3
        for beats in (1, 2):
            lookout.clock.advance(KEEP_ALIVE_S)
            await call.sends(3 + beats)
            assert call.sent[-1]["body"] == b":\n\n"
        await leave(call)

    run(test)


def test_a_stream_that_tells_needs_no_keep_alive() -> None:
    async def test() -> None:
        lookout = Lookout()
        call = lookout.call("/api/stream")
        await call.sends(3)
        for number in range(1, 5):
            lookout.clock.advance(KEEP_ALIVE_S * 0.75)
            lookout.source.tell("/", Count(number, 1, 1))
            lookout.clock.settle()
            await call.sends(3 + number)
        assert b":\n\n" not in [message["body"] for message in call.sent[1:]]
        await leave(call)

    run(test)


def test_one_timer_serves_all_streams_and_none_is_left_behind() -> None:
    async def test() -> None:
        lookout = Lookout()
        calls = [lookout.call("/api/stream") for _ in range(50)]
        for call in calls:
            await call.sends(3)
        assert lookout.clock.pending == 1
        for call in calls:
            await leave(call)
        assert lookout.clock.pending == 0

    run(test)


# --- how it ends ---


def test_a_client_that_goes_is_unwatched_at_once() -> None:
    async def test() -> None:
        lookout = Lookout()
        call = lookout.call("/api/stream?page=/a&page=/b")
        await call.sends(3)
        assert [page for _, page in lookout.source.watchers] == ["/a", "/b"]
        await leave(call)
        assert not lookout.source.watchers
        assert not len(lookout.observers.streams)

    run(test)


def test_a_client_that_goes_in_the_middle_of_a_write_is_unwatched_too() -> None:
    async def test() -> None:
        lookout = Lookout()
        call = lookout.call("/api/stream")
        await call.sends(3)
        call.open_gate.clear()
        lookout.source.tell("/", ONE)
        lookout.clock.settle()
        call.put(GONE)
        async with asyncio.timeout(5):
            while lookout.source.watchers:
                await asyncio.sleep(0)
        call.broken = OSError("the client has gone")
        call.open_gate.set()
        await call.ends()

    run(test)


def test_a_request_that_is_cancelled_leaves_nothing_behind() -> None:
    async def test() -> None:
        lookout = Lookout()
        call = lookout.call("/api/stream")
        await call.sends(3)
        assert call.task is not None
        call.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call.ends()
        assert not lookout.source.watchers
        assert lookout.clock.pending == 0

    run(test)


def test_a_shutdown_ends_every_stream_in_good_order() -> None:
    async def test() -> None:
        lookout = Lookout()
        calls = [lookout.call(f"/api/stream?page=/{number}") for number in range(3)]
        for call in calls:
            await call.sends(3)
        lookout.observers.shut_down()
        for call in calls:
            await call.ends()
            assert call.sent[-1].get("more_body", False) is False
        assert not lookout.source.watchers

    run(test)


def test_nothing_is_written_after_the_end() -> None:
    async def test() -> None:
        lookout = Lookout()
        call = lookout.call("/api/stream")
        await call.sends(3)
        lookout.source.tell("/", ONE)
        lookout.observers.shut_down()
        lookout.clock.settle()
        await call.ends()
        assert [message["body"] for message in call.sent[3:]] == [b""]

    run(test)


# --- who may have one ---


def test_an_address_has_so_many_streams_and_a_head_takes_none() -> None:
    async def test() -> None:
        addresses = Addresses(Settings(max_per_address=1), Refusals())
        lookout, afar = Lookout(addresses=addresses), ("203.0.113.9", 5)
        await lookout.call("/api/stream", "HEAD", afar).ends()
        assert len(addresses) == 0
        stream = lookout.call("/api/stream", client=afar)
        await stream.sends(1)
        refused = await lookout.call("/api/stream", client=afar).ends()
        assert (refused.status, refused.header("retry-after")) == (429, "5")
        await leave(stream)
        assert len(addresses) == 0

    run(test)


def test_a_stream_whose_client_is_gone_at_once_takes_no_seat() -> None:
    async def test() -> None:
        addresses = Addresses(Settings(), Refusals())
        stream = Lookout(addresses=addresses).call("/api/stream", client=("203.0.113.9", 5))
        stream.broken = OSError("gone")
        with pytest.raises(OSError, match="gone"):
            await stream.ends()
        assert len(addresses) == 0

    run(test)
