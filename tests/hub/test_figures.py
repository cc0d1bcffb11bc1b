"""What the hub counts of its own work."""

from __future__ import annotations

from nannin import Socket
from nannin.access.refusals import Refusal
from nannin.hub.crowds import Slices
from nannin.hub.figures import Figures, Histogram
from nannin.wire.disconnect_reason import DisconnectReason
from support.fakes import House


def test_a_value_lies_within_the_bound_that_it_equals() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0.0, 1.0, 1.5, 2.0, 2.5, 1e9):
        histogram.add(value)
    assert histogram.counts == [2, 2, 2]
    assert histogram.total == 1e9 + 7


def test_every_reason_is_there_from_the_start() -> None:
    figures = Figures()
    assert set(figures.leaves) == set(figures.ended) == set(DisconnectReason)
    assert figures.connections == 0


def some(numbers: dict[DisconnectReason, int]) -> dict[str, int]:
    return {str(reason): number for reason, number in numbers.items() if number}


def test_joins_and_leaves_are_counted_and_observers_by_themselves() -> None:
    house = House()
    figures = house.hub.figures
    ann, bob = house.client("/", visitor="ann"), house.client("/a")
    watcher = house.client("/", observe=True)
    assert (figures.joins, figures.connections, figures.observers) == (2, 2, 1)
    bob.leave("/a")
    ann.session.close(DisconnectReason.SLOW_CLIENT)
    watcher.close()
    assert (figures.joins, figures.connections, figures.observers) == (2, 0, 0)
    assert some(figures.leaves) == {"client namespace disconnect": 1, "slow client": 1}
    assert some(figures.ended) == {"slow client": 1, "transport close": 1}
    assert house.hub.refusals.tally == {Refusal.SLOW: 1}


def test_who_is_back_within_grace_has_left_and_joined_again() -> None:
    house = House()
    house.client("/", visitor="ann").lose()
    house.client("/", visitor="ann")
    assert (house.hub.figures.joins, some(house.hub.figures.leaves)) == (2, {"transport error": 1})
    assert (house.count().connections, house.hub.figures.connections) == (1, 1)


def test_who_is_refused_has_never_joined() -> None:
    house = House()

    def refuse(socket: Socket) -> bool:
        return False

    house.on("connect", refuse)
    house.client("/")
    assert house.hub.figures.joins == 0


def test_sessions_are_counted_by_their_first_transport() -> None:
    house = House()
    house.client(polling=True).upgrade()
    house.client()
    house.client()
    assert (house.hub.figures.opened_by_polling, house.hub.figures.opened_by_websocket) == (1, 2)


def test_updates_and_their_recipients_are_counted_without_what_a_joiner_is_told() -> None:
    house = House(min_interval=1, max_interval=1)
    clients = [house.client("/") for _ in range(5)]
    house.clock.advance(10)
    figures = house.hub.figures
    before, heard = (figures.updates, figures.deliveries), [len(client.heard()) for client in clients]
    clients[0].leave()
    clients.append(house.client("/"))
    clients.append(house.client("/"))
    house.clock.advance(10)
    told = sum(len(client.heard()) for client in clients) - sum(heard) - 2  # with their own CONNECT
    assert figures.updates > before[0]
    assert figures.deliveries - before[1] == told > 0


def test_the_time_of_a_fan_out_is_from_its_first_recipient_to_its_last() -> None:
    house = House(slices=Slices(recipients=2), min_interval=1, max_interval=1)
    for _ in range(9):
        house.client("/")
    house.clock.advance(10)
    figures = house.hub.figures
    assert sum(figures.fan_outs.counts) == figures.updates > 0
    house.client("/")
    house.client("/")  # its update waits for a second
    house.clock.spend(1)
    house.clock.turn()
    house.clock.turn()
    house.clock.spend(3)
    house.clock.advance(10)
    assert figures.fan_outs.total >= 3
    assert figures.busy_s < 1
