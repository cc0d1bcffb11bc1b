"""The census in Redis: which commands a call is, and what its answer is, without a server."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

import pytest

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
    Read,
    Reap,
    Reaped,
    Register,
    Registered,
    Told,
    Top,
    Total,
    Totals,
    Unknown,
    Watch,
    Watching,
)
from nannin.nodes.redis_calls import SCRIPTS, Command, RedisCalls

APPLY = Apply(5, 3, "abc", 4, "/何人", 3, 1, 1, True, ["cann"], ["cbob"], ["ceve"])


def run(call: Call, *replies: Sequence[Any], is_cluster: bool = False) -> tuple[list[list[Command]], Answer]:
    """The commands of each round trip of a call, and its answer, if Redis replies like that."""
    steps = RedisCalls("nannin", "7", lambda: "new name", is_cluster=is_cluster).steps(call)
    sent = [next(steps)]
    for reply in replies:
        try:
            sent.append(steps.send(reply))
        except StopIteration as stop:
            assert reply is replies[-1]
            answer: Answer = stop.value
            return sent, answer
    raise AssertionError("the call is not done")


def keys(command: Command) -> Sequence[Any]:
    """The keys that a command declares."""
    if command[0] == "EVALSHA":
        return command[3 : 3 + int(command[2])]
    return command[1:2]


def test_a_write_is_one_script_with_all_its_keys() -> None:
    [[command]], answer = run(APPLY, [[2, 9, 5, 4, 3, [b"cann"], []]])
    assert keys(command) == (
        "nannin:{7}:nodes",
        "nannin:{7}:c:/何人",
        "nannin:{7}:v:/何人",
        "nannin:{7}:p:3",
        "nannin:{7}:index",
    )
    assert command[8:10] == ("PUBLISH", "nannin:{7}:to:")
    assert command[-3:] == ("cann", "cbob", "ceve")
    assert answer == Applied(5, Total("/何人", 9, 5, 4, 3), ["cann"], [])


@pytest.mark.parametrize(("reply", "answer"), [([0], Unknown(5)), ([1, 4], Gap(5, 4))])
def test_a_write_may_be_refused(reply: list[int], answer: Answer) -> None:
    assert run(APPLY, [reply])[1] == answer


def test_in_a_cluster_what_is_told_stays_in_its_shard() -> None:
    [[command]], _ = run(APPLY, [[0]], is_cluster=True)
    assert "SPUBLISH" in command


def test_a_beat_brings_all_nodes_and_the_name_of_the_data() -> None:
    fields = [b"@id", b"name", b"@next", b"3", b"3", b"abc:4:5", b"2", b"xyz:-"]
    assert run(Beat(5, 3, "abc"), [[1, *fields]])[1] == Beaten(5, "name", {3: "abc:4:5", 2: "xyz:-"})
    assert run(Beat(5, 3, "abc"), [[0]])[1] == Unknown(5)


def test_a_node_subscribes_before_it_writes() -> None:
    sent, answer = run(Register(1, "abc"), [[0, 3, b"name", 9]], [None])
    assert sent[1] == [("SUBSCRIBE", "nannin:{7}:to:3")]
    assert answer == Registered(1, 3, "name")


def test_a_node_that_is_told_everything_begins_with_all_totals() -> None:
    replies: list[list[Any]] = [
        [[0, 3, b"name", 9]],
        [None],
        [[b"/", "/何人".encode()]],
        [[1, 2, 2, 2, 3, 4, 4, 4]],
    ]
    sent, answer = run(Register(1, "abc", True), *replies)
    assert sent[2] == [("ZRANGE", "nannin:{7}:index", 0, -1)]
    totals = [Total("/", 1, 2, 2, 2), Total("/何人", 3, 4, 4, 4)]
    assert answer == Registered(1, 3, "name", totals, 9)


def test_a_node_that_is_told_everything_from_now_on_gets_all_totals() -> None:
    sent, answer = run(Watch(1, 3, "abc", True), [[1, 9]], [[b"/"]], [[1, 2, 2, 2]])
    assert sent[1] == [("ZRANGE", "nannin:{7}:index", 0, -1)]
    assert answer == Watching(1, [Total("/", 1, 2, 2, 2)], 9)
    assert run(Watch(1, 3, "abc", False), [[1, 9]])[1] == Watching(1, [])
    assert run(Watch(1, 3, "abc", True), [[0]])[1] == Unknown(1)


def test_a_process_hears_which_numbers_it_has_already() -> None:
    assert run(Register(1, "abc"), [[1, 3, b"abc:1:0"]])[1] == Former(1, {3: "abc:1:0"})


def test_a_node_that_finds_no_register_clears_what_a_former_one_has_left() -> None:
    index, part, of_one = b"nannin:{7}:index", b"nannin:{7}:c:/", b"nannin:{7}:p:1"
    sent, answer = run(
        Register(1, "abc"),
        [[2]],
        [[b"17", [index, part, b"nannin:{7}:other"]]],
        [1],
        [[b"5", []]],
        [[b"0", [of_one]]],
        [1],
        [[0, 1, b"name", 0]],
        [None],
    )
    assert [command[-1] for (command,) in (sent[0], sent[6])] == [0, 1]
    assert sent[1] == [("SCAN", 0, "MATCH", "nannin:{7}:*", "COUNT", 1000)]
    assert keys(sent[2][0]) == ("nannin:{7}:nodes", index, part)
    assert [command[1] for (command,) in (sent[3], sent[4])] == [b"17", b"5"]
    assert keys(sent[5][0]) == ("nannin:{7}:nodes", of_one)
    assert answer == Registered(1, 1, "name")


def test_it_clears_no_more_once_another_node_has_registered() -> None:
    found, registered = [[b"17", [b"nannin:{7}:index"]]], [[0, 2, b"name", 0]]
    sent, answer = run(Register(1, "abc"), [[2]], found, [0], registered, [None])
    assert (len(sent), answer) == (5, Registered(1, 2, "name"))


def test_what_is_special_in_a_pattern_is_itself_in_a_prefix() -> None:
    steps = RedisCalls("a*[b]^?\\", "7", lambda: "name").steps(Register(1, "abc"))
    next(steps)
    [command] = steps.send([[2]])
    assert command[3] == "a\\*\\[b\\]\\^\\?\\\\:{7}:*"


def test_many_pages_are_read_some_at_a_time() -> None:
    pages = [f"/{n}" for n in range(150)]
    sent, answer = run(Read(1, pages), [list(range(400)), list(range(400, 600))])
    assert [len(keys(command)) for command in sent[0]] == [201, 101]
    assert isinstance(answer, Totals)
    assert answer.totals[149] == Total("/149", 596, 597, 598, 599)


def test_the_largest_pages_are_those_of_the_index() -> None:
    sent, answer = run(Top(1, 2), [[b"/a", b"/b"]], [[1, 5, 5, 5, 2, 4, 4, 4]])
    assert sent[0] == [("ZRANGE", "nannin:{7}:index", 0, 1, "REV")]
    assert answer == Totals(1, [Total("/a", 1, 5, 5, 5), Total("/b", 2, 4, 4, 4)])
    assert run(Top(1, 2), [[]])[1] == Totals(1, [])


def test_a_message_goes_to_named_nodes_or_to_those_of_a_page() -> None:
    [[command]], answer = run(Emit(1, 3, "/", b"\xff", [4, 5]), [[4]])
    assert command[-3:] == (1, 4, 5)
    assert answer == Told(1, [4])
    [[command]], _ = run(Emit(1, 3, "/", b"\xff"), [[]])
    assert command[-1] == 0


def test_a_reaping_goes_page_by_page_and_slice_by_slice() -> None:
    sent, answer = run(
        Reap(1, 3, "abc:4:5", 10),
        [[2, b"abc:-"]],
        [[b"/b", b"/a"]],
        [[b"0", [b"cann"]], [b"77", []]],
        [[b"0", [b"cbob"]]],
        [[2, b""]],
    )
    assert sent[1] == [("SRANDMEMBER", "nannin:{7}:p:3", 10)]
    assert [command[-3:] for command in sent[2]] == [("/a", "0", 1000), ("/b", "0", 1000)]
    assert [command[-3:] for command in sent[3]] == [("/b", b"77", 1000)]
    assert answer == Reaped(1, "", [Exited("/a", ["cann"]), Exited("/b", ["cbob"])])


def test_nothing_is_reaped_where_the_first_step_says_no() -> None:
    assert run(Reap(1, 3, "abc:4:5"), [[2, b""]])[1] == Reaped(1, "")
    assert run(Leave(1, 3, "abc", 4), [[0]])[1] == Unknown(1)
    assert run(Leave(1, 3, "abc", 4), [[1, 5]])[1] == Gap(1, 5)


def test_all_keys_and_channels_of_a_shard_are_in_one_slot() -> None:
    calls: list[Call] = [APPLY, Beat(1, 3, "abc"), Read(1, ["/"]), Emit(1, 3, "/", b""), Top(1, 1)]
    for call in [*calls, Register(1, "abc"), Reap(1, 3, "abc:4:5"), Leave(1, 3, "abc", 4)]:
        for command in next(RedisCalls("nannin", "7", lambda: "name").steps(call)):
            assert all(key.startswith("nannin:{7}:") for key in keys(command))


def test_a_script_is_known_by_its_digest() -> None:
    for script in SCRIPTS.values():
        assert script.sha == hashlib.sha1(script.text.encode()).hexdigest()
        assert re.match("--", script.text)
