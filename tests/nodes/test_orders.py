"""What other programs say over Redis, in each of three formats."""

from __future__ import annotations

import json
import pickle
from typing import Any

import msgspec
import pytest

from nannin.nodes.orders import (
    Malformed,
    Order,
    own_channel,
    read_broadcast,
    read_order,
    read_python,
    read_request,
)


def python(method: str = "emit", **fields: Any) -> Order | None:
    return read_python(json.dumps({"method": method, "host_id": "abc", **fields}).encode())


def emitted(data: Any, **fields: Any) -> list[Any]:
    order = python(event="e", data=data, **fields)
    assert order is not None
    return order.args


def broadcast(data: list[Any], options: dict[str, Any] | None = None, **packet: Any) -> Order:
    body = ["emitter", {"type": 2, "data": data, "nsp": "/", **packet}, {"rooms": [], **(options or {})}]
    return read_broadcast(msgspec.msgpack.encode(body))


def request(kind: int, **fields: Any) -> Order | None:
    return read_request("/news", json.dumps({"type": kind, **fields}).encode())


# nannin's own


def test_the_channel_is_the_sites() -> None:
    assert own_channel("blue") == "blue:emit"


@pytest.mark.parametrize("encode", [msgspec.json.encode, msgspec.msgpack.encode])
def test_an_order_comes_as_json_or_messagepack(encode: Any) -> None:
    order = Order("/news", "e", [1, "two"], ["room"], ["id"], True)
    assert read_order(encode(order)) == order
    assert read_order(encode({"event": "e"})) == Order(event="e")


def test_messagepack_brings_bytes() -> None:
    assert read_order(msgspec.msgpack.encode(Order(event="e", args=[{"x": b"\0"}]))).args == [{"x": b"\0"}]


@pytest.mark.parametrize(
    "message", [b"", b"{", b"null", b"{]", b'{"event": 1}', b'{"evnet": "e"}', b"\xc1", b"{" * 100_000]
)
def test_what_is_no_order_is_refused(message: bytes) -> None:
    with pytest.raises(Malformed, match=r"as nannin\.Emitter sends it"):
        read_order(message)


# python-socketio


def test_an_event_of_python_goes_to_everybody_on_its_page() -> None:
    assert python(event="e", data=[1], namespace="/news") == Order("/news", "e", [1])
    assert python(event="e", data=[1], namespace=None) == Order("/", "e", [1])


@pytest.mark.parametrize(
    ("room", "to"), [(None, None), ("a", ["a"]), (["a", "b"], ["a", "b"]), (7, ["7"]), ([], [])]
)
def test_a_room_may_be_one_or_several_or_a_number(room: Any, to: list[str] | None) -> None:
    order = python(event="e", data=[1], room=room)
    assert order is not None
    assert order.to == to


@pytest.mark.parametrize(("skipped", "spared"), [(None, []), ("x", ["x"]), (["x", "y"], ["x", "y"])])
def test_ids_are_spared(skipped: Any, spared: list[str]) -> None:
    order = python(event="e", data=[1], skip_sid=skipped)
    assert order is not None
    assert order.except_ == spared


def test_the_arguments_are_those_that_its_own_servers_send() -> None:
    assert emitted([None]) == []
    assert emitted([]) == []
    assert emitted([[1, 2]]) == [[1, 2]]
    assert emitted([1, None]) == [1, None]
    assert emitted("alone") == ["alone"]


def test_bytes_of_python_are_put_where_they_belong() -> None:
    place = {"_placeholder": True, "num": 0}
    assert emitted([[{"x": place}], "AAE="], binary=True) == [{"x": b"\0\1"}]


@pytest.mark.parametrize(
    "data",
    [
        [],
        5,
        [[{"_placeholder": True, "num": 1}], "AAE="],
        [[{"_placeholder": True, "num": 0}], "?"],
        [[{"_placeholder": True, "num": 0}], 5],
    ],
)
def test_bytes_that_are_not_there_are_refused(data: Any) -> None:
    with pytest.raises(Malformed, match="binary data"):
        emitted(data, binary=True)


def test_clients_leave_and_change_rooms_by_their_ids() -> None:
    assert python("disconnect", sid="x", namespace="/news") == Order("/news", to=["x"], disconnect=True)
    assert python("enter_room", sid="x", room="a") == Order("/", to=["x"], join=["a"])
    assert python("leave_room", sid="x", room="a") == Order("/", to=["x"], leave=["a"])
    assert python("close_room", room="a") == Order("/", to=["a"], leave=["a"])


def test_an_answer_to_another_server_is_nobodys_business() -> None:
    assert python("callback", sid="x", id=1, args=[]) is None


class _Trap:
    def __reduce__(self) -> Any:
        return pytest.fail, ("it was loaded",)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_refused_and_never_loaded(protocol: int) -> None:
    for content in ({"method": "emit", "event": "e", "data": [1]}, _Trap()):
        with pytest.raises(Malformed, match="a pickle can run code"):
            read_python(pickle.dumps(content, protocol))


@pytest.mark.parametrize("message", [b"", b"(dp0", b"5", b"{}", b'{"method": 5}', b"[" * 100_000])
def test_what_python_does_not_send_is_refused(message: bytes) -> None:
    with pytest.raises(Malformed, match="JSON as python-socketio"):
        read_python(message)


@pytest.mark.parametrize(
    ("method", "fields"),
    [("emit", {}), ("disconnect", {}), ("enter_room", {"sid": "x"}), ("close_room", {}), ("explode", {})],
)
def test_a_method_without_what_it_needs_is_refused(method: str, fields: dict[str, str]) -> None:
    with pytest.raises(Malformed, match="a method"):
        python(method, **fields)


# Node's emitter


def test_an_event_of_nodes_goes_to_everybody_on_its_page() -> None:
    assert broadcast(["e", 1, b"\0"], nsp="/news") == Order("/news", "e", [1, b"\0"])


def test_nodes_rooms_are_to_and_except_and_its_flag_is_volatile() -> None:
    order = broadcast(
        ["e"], {"rooms": ["a", 7], "except": ["b"], "flags": {"volatile": True, "compress": False}}
    )
    assert order == Order("/", "e", [], ["a", "7"], ["b"], volatile=True)
    assert broadcast(["e"], {"flags": {}, "except": None}) == Order("/", "e")


def test_a_binary_packet_is_an_event_too() -> None:
    assert broadcast(["e", b"\0"], type=5) == Order("/", "e", [b"\0"])


@pytest.mark.parametrize(("data", "kind"), [(["e"], 1), ([], 2), ([5], 2)])
def test_a_packet_that_is_no_event_is_refused(data: list[Any], kind: int) -> None:
    with pytest.raises(Malformed, match="expected an event"):
        broadcast(data, type=kind)


@pytest.mark.parametrize("message", [b"", b"{}", b"\x93", b"\x91" * 100_000, b"\x93\xc0\xc0\xc0"])
def test_what_is_no_broadcast_is_refused(message: bytes) -> None:
    with pytest.raises(Malformed, match="expected MessagePack"):
        read_broadcast(message)


def test_requests_of_nodes_change_rooms_and_disconnect() -> None:
    options = {"rooms": ["a"], "except": ["b"]}
    assert request(2, opts=options, rooms=["c"]) == Order("/news", to=["a"], except_=["b"], join=["c"])
    assert request(3, opts=options, rooms=["c"]) == Order("/news", to=["a"], except_=["b"], leave=["c"])
    assert request(4, opts={"rooms": [], "except": []}, close=True) == Order(
        "/news", disconnect=True, close=True
    )


def test_questions_among_servers_of_node_are_nobodys_business() -> None:
    assert [request(kind) for kind in (0, 1, 5, 6)] == [None] * 4


@pytest.mark.parametrize("message", [b"", b"5", b"{}", b"[" * 100_000])
def test_what_is_no_request_is_refused(message: bytes) -> None:
    with pytest.raises(Malformed, match="expected a request"):
        read_request("/", message)
