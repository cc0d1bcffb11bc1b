"""A page is one page, however its clients spell its key: each hears its own spelling in its packets."""

from __future__ import annotations

from typing import Any

import pytest

from nannin import Socket
from nannin.access.admission import Verdict
from nannin.hub.outside import OutsideOrders
from nannin.nodes.orders import Order
from nannin.wire.socket_packet import PacketType
from support.fakes import House

KEY, LETTERS = "/%E4%BA%BA", "/人"


def test_clients_are_on_one_page_however_they_spell_it() -> None:
    house = House()
    tag = house.client(KEY, updates="audience")
    others = [house.client(spelling) for spelling in (LETTERS, "/%e4%ba%ba", "/人")]
    house.clock.advance(1)
    assert list(house.hub.pages()) == [KEY]
    assert house.count(KEY).connections == 4
    assert tag.heard(KEY)[-1] == others[0].heard(LETTERS)[-1] == others[1].heard("/%e4%ba%ba")[-1] == 4
    for client in others:
        client.close()
    tag.close()
    house.clock.advance(60)
    house.assert_empty()


def test_what_is_sent_to_a_page_reaches_all_its_spellings() -> None:
    house = House()
    tag, other = house.client(KEY), house.client(LETTERS)
    house.page(KEY).emit("news", 1, b"\0")
    OutsideOrders(house.hub).carry_out(Order(LETTERS, "news", [2]))
    for client, spelling in ((tag, KEY), (other, LETTERS)):
        events = [data for data in client.events(spelling) if data[0] == "news"]
        assert events == [["news", 1, b"\0"], ["news", 2]]
        assert {packet.namespace for packet in client.packets} == {spelling}


@pytest.mark.parametrize("polling", [False, True])
def test_a_client_hears_its_own_spelling_in_every_packet(polling: bool) -> None:
    house = House(recover_all=True)

    def come(socket: Socket) -> None:
        socket.join("room")
        socket.emit("welcome")

    def say(socket: Socket, word: str) -> str:
        assert socket.page.key == KEY
        assert socket.params == {"name": "人"}
        socket.page.to("room").emit("said", word)
        return word

    house.on("connect", come, "/{name}")
    house.on("say", say, "/{name}")
    house.on("go", lambda socket: socket.disconnect(), "/{name}")
    client = house.client(LETTERS, polling=polling, updates="classic")
    house.clock.advance(1)
    client.emit("say", "hi", page=LETTERS, number=7)
    client.emit("nannin:visible", True, page=LETTERS, number=8)
    client.emit("go", page=LETTERS)
    house.clock.advance(1)
    client.connect(LETTERS, visitor="")
    house.clock.advance(1)
    assert {packet.namespace for packet in client.packets} == {LETTERS}
    assert [data[0] for data in client.events(LETTERS)] == ["user connected", "welcome", "said"]
    assert client.acks() == [(7, ["hi"]), (8, [])]
    assert PacketType.DISCONNECT in client.types(LETTERS)
    assert [page for page, _ in client.refusals()] == [LETTERS]


def test_a_client_that_comes_back_in_another_spelling_hears_what_it_missed() -> None:
    house = House(recover_all=True)
    first = house.client(KEY)
    pid = next(packet.data["pid"] for packet in first.packets if packet.type is PacketType.CONNECT)
    house.page(KEY).emit("one")
    offset = first.events(KEY)[-1][-1]
    first.lose()
    house.page(KEY).emit("two")
    again = house.client(LETTERS, pid=pid, offset=offset)
    house.clock.advance(1)
    assert [data[0] for data in again.events(LETTERS) if data[0] != "user connected"] == ["two"]


def test_one_session_is_on_a_page_in_one_spelling() -> None:
    house = House()
    client = house.client(LETTERS)
    client.connect(KEY)
    assert client.refusals() == [(KEY, {"message": "Already connected"})]
    client.leave(LETTERS)
    client.connect(KEY)
    house.clock.advance(1)
    assert house.count(KEY).connections == 1
    assert client.types(KEY).count(PacketType.CONNECT) == 1


def test_a_packet_that_crosses_the_end_of_its_page_is_dropped_in_any_spelling() -> None:
    house = House(max_namespaces=1)
    client = house.client(LETTERS)
    client.leave(LETTERS)
    client.emit("late", page=LETTERS)
    client.connect("/~a")
    client.connect("/%7Eb")
    client.leave("/%7Eb")
    assert not client.closed


def test_a_client_that_reads_slowly_gets_the_newest_count_in_its_spelling() -> None:
    house = House()
    slow = house.client(LETTERS)
    slow.stop_reading()
    for _ in range(3):
        house.client(KEY)
        house.clock.advance(2)
    slow.read_on()
    assert slow.heard(LETTERS)[-1] == 4
    assert slow.events(KEY) == []


def test_a_token_is_for_the_page_and_not_for_a_spelling() -> None:
    asked: list[str] = []

    def judge(page: str, token: Any) -> Verdict:
        asked.append(page)
        return Verdict.VALID

    house = House(page_secret="x" * 16, judge_token=judge)
    house.client(LETTERS, token="t")
    assert asked == [KEY]


def test_a_key_that_is_too_long_in_its_one_spelling_is_none() -> None:
    house = House()
    key = "/" + "人" * 29
    assert house.client(key).refusals() == [(key, {"message": "Invalid namespace"})]
    assert house.client(key[:-1]).refusals() == []
