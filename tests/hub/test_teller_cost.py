"""What telling costs: each form is encoded once, a fan-out is cut in slices, and a storm is merged."""

from __future__ import annotations

from typing import Any

import pytest

from nannin.audience.roster import Count
from nannin.hub.crowds import Crowds, Slices
from support.fakes import House
from support.many_clients import SMALL_SLICES, crowd, make_writes_cost, note_encodings

THOUSANDS = Slices(recipients=1_000)


def test_an_update_is_encoded_once_for_each_format_and_written_once_to_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = House()
    encodings = note_encodings(monkeypatch)
    crowd(house, 20)
    crowd(house, 20, updates="audience", visitor="ann")
    crowd(house, 20, updates="none")
    encodings.clear()
    writes = make_writes_cost(house, monkeypatch, 0.0)
    house.client("/", updates="none")
    house.clock.advance(1)
    assert len(encodings) == 2
    assert len(writes) == 40 + 2, "the listeners, and the joiner's handshake and CONNECT"


def test_a_fan_out_lets_the_loop_turn_after_each_slice() -> None:
    house = House(slices=THOUSANDS)
    clients = crowd(house, 2_500)
    house.client().connect()
    told = []
    for _ in range(4):
        house.clock.turn()
        told.append(sum(client.heard()[-1] == 2_501 for client in clients))
    assert told == [1_000, 2_000, 2_500, 2_500]


def test_a_slow_slice_ends_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    clients = crowd(house, 1_000)
    make_writes_cost(house, monkeypatch, 0.0002)
    house.client().connect()
    house.clock.turn()
    assert 50 <= sum(client.heard()[-1] == 1_001 for client in clients) <= 200


def test_those_who_take_it_quickly_are_told_in_a_few_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    clients = crowd(house, 1_000)
    make_writes_cost(house, monkeypatch, 0.00001)
    calls = []
    send_some = Crowds.send_some

    def note(self: Crowds, *args: Any, **limits: Any) -> tuple[Any, int]:
        unsent, reached = send_some(self, *args, **limits)
        calls.append(len(list(unsent)))
        return unsent, reached

    monkeypatch.setattr(Crowds, "send_some", note)
    house.client().connect()
    house.clock.advance(1)
    assert {client.heard()[-1] for client in clients} == {1_001}
    assert sum(calls) == 1_000
    assert len(calls) <= 4


def test_a_newer_count_overtakes_midway_and_afterwards_all_have_it() -> None:
    house = House(slices=THOUSANDS)
    clients = crowd(house, 2_500)
    house.client().connect()
    house.clock.turn()
    house.client().connect()
    house.clock.turn()
    assert clients[1_500].heard()[-1] == 2_502
    house.clock.advance(2)
    assert {client.heard()[-1] for client in clients} == {2_502}


def test_fan_outs_of_several_pages_take_turns() -> None:
    house = House(slices=SMALL_SLICES)
    many, few = crowd(house, 10, "/many"), crowd(house, 2, "/few")
    for page in ("/many", "/few"):
        house.client().connect(page)
    house.clock.turn()
    house.clock.turn()
    assert few[0].heard("/few")[-1] == 3
    assert many[-1].heard("/many")[-1] == 10


def test_a_change_while_those_who_heard_another_number_wait_is_told_to_all() -> None:
    house = House(slices=SMALL_SLICES)
    crowd(house, 10, "/many")
    stays, goes, goes_later = crowd(house, 3, "/few")
    house.client().connect("/many")
    house.clock.turn()  # from here on /many takes its slices
    house.client().connect("/few")
    goes.leave("/few")
    house.clock.turn()  # on /few three were told, and three are there: only the joiner heard of four
    goes_later.leave("/few")
    house.clock.advance(5)
    assert stays.heard("/few")[-1] == 2


def test_pages_of_one_client_who_knows_the_count_need_no_turn() -> None:
    house = House(slices=SMALL_SLICES)
    witness, other = crowd(house, 2, "/witness")
    for number in range(500):
        house.client().connect(f"/{number}")
    other.leave("/witness")
    house.clock.turn()
    assert witness.heard("/witness")[-1] == 1


@pytest.mark.parametrize(("crowded", "size"), [(3, 8), (6, 50), (20, 2)])
def test_many_pages_that_are_told_at_once_dont_hold_up_a_page_of_another_size(
    crowded: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(max_interval=0.001)
    pages = [crowd(house, crowded, f"/{number}") for number in range(200)]
    witness = crowd(house, size, "/witness")
    house.clock.advance(2)
    make_writes_cost(house, monkeypatch, 0.001)
    for number in range(200):
        house.client().connect(f"/{number}")
    started = house.clock.now()
    witness[-1].leave("/witness")
    while witness[0].heard("/witness")[-1] != size - 1:
        house.clock.turn()
    assert house.clock.now() - started < 0.2, "all pages take 0.6 to 4 s"
    house.clock.advance(5)
    assert {client.heard(f"/{number}")[-1] for number, page in enumerate(pages) for client in page} == {
        crowded + 1
    }


def test_beginning_with_many_pages_is_cut_in_slices_too(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    begun: list[str] = []

    class Ear:
        def hear(self, page: str, count: Count) -> None:
            begun.append(page)
            house.clock.spend(0.001)

    for number in range(200):
        house.client().connect(f"/{number}", updates="none")
    house.hub.teller.watch(Ear(), None)
    house.clock.turn()
    assert 0 < len(begun) < 100
    house.clock.advance(5)
    assert len(begun) == 200


def total_writes(joins: int, every_s: float, write_s: float) -> int:
    """How many writes it takes until all who join at this rate have heard the last number."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        house = House()
        writes = make_writes_cost(house, monkeypatch, write_s)
        start_s, clients = house.clock.now(), []
        for index in range(joins):
            house.clock.advance(max(0.0, start_s + index * every_s - house.clock.now()))
            clients.append(house.client())
            clients[-1].connect()
        house.clock.advance(10)
        assert {client.heard()[-1] for client in clients} == {joins}
        return len(writes)


def test_the_work_of_a_storm_of_joins_grows_like_their_number() -> None:
    # 8 us a write, as measured; a join each 100 us.
    totals = [total_writes(joins, 0.0001, 0.000_008) for joins in (400, 800, 1_600, 3_200)]
    assert all(total < 15 * joins for total, joins in zip(totals, (400, 800, 1_600, 3_200), strict=True))
    assert totals[3] / totals[2] < 2.6
