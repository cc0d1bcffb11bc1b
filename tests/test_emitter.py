"""Sending from any program: what is published, and what is refused before that."""

from __future__ import annotations

import builtins
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from nannin import AsyncEmitter, Emitter, SettingsError
from nannin.emitter import RemoteTarget
from nannin.nodes.orders import Order, read_order

URL = "redis://127.0.0.1:1/0"


class Published(list[Order]):
    """What was published on the channel of the prefix."""

    def __init__(self, emitter: Emitter, monkeypatch: pytest.MonkeyPatch, channel: str) -> None:
        super().__init__()
        self._channel = channel
        monkeypatch.setattr(emitter, "_redis", self)

    def publish(self, channel: str, message: bytes) -> int:
        assert channel == self._channel
        self.append(read_order(message))
        return 3


@pytest.fixture
def emitter() -> Emitter:
    return Emitter(URL)


@pytest.fixture
def published(emitter: Emitter, monkeypatch: pytest.MonkeyPatch) -> Published:
    return Published(emitter, monkeypatch, "nannin:emit")


def test_by_itself_it_means_everybody_on_the_first_page(emitter: Emitter, published: Published) -> None:
    assert emitter.emit("e", 1, "two") == 3
    assert published == [Order(event="e", args=[1, "two"])]


def test_it_sends_to_a_page_to_rooms_and_around_them(emitter: Emitter, published: Published) -> None:
    page = emitter.page("/news/1")
    page.to("a").to("b", "c").except_("x").except_("y").volatile.emit("e")
    page.emit("all")
    assert published == [
        Order("/news/1", "e", [], ["a", "b", "c"], ["x", "y"], volatile=True),
        Order("/news/1", "all"),
    ]


def test_to_nobody_is_nobody(emitter: Emitter, published: Published) -> None:
    emitter.to().emit("e")
    assert published == [Order(event="e", to=[])]


def test_it_moves_clients_between_rooms_and_off_the_page(emitter: Emitter, published: Published) -> None:
    emitter.to("id").sockets_join("a", "b")
    emitter.page("/x").to("id").sockets_leave("a")
    emitter.to("id").disconnect_sockets()
    emitter.disconnect_sockets(close=True)
    assert published == [
        Order(to=["id"], join=["a", "b"]),
        Order("/x", to=["id"], leave=["a"]),
        Order(to=["id"], disconnect=True),
        Order(disconnect=True, close=True),
    ]


@dataclass
class Order2:
    number: uuid.UUID
    picture: bytearray


def test_objects_are_sent_in_the_form_that_json_has_for_them(emitter: Emitter, published: Published) -> None:
    number = uuid.uuid4()
    emitter.emit("e", Order2(number, bytearray(b"\0")), (1, {2: 3}))
    assert published[0].args == [{"number": str(number), "picture": b"\0"}, [1, {"2": 3}]]


@pytest.mark.parametrize(
    ("send", "error", "words"),
    [
        (lambda e: e.emit("connect"), ValueError, "reserved"),
        (lambda e: e.emit(5), TypeError, "is a str"),
        (lambda e: e.emit("e", room="a"), TypeError, "no option room: use to"),
        (lambda e: e.emit("e", object()), TypeError, "object"),
        (lambda e: e.emit("e", *[b""] * 11), ValueError, "binary values"),
        (lambda e: e.to(5), TypeError, "a room's name"),
        (lambda e: e.sockets_join(5), TypeError, "a room's name"),
        (lambda e: e.page("news"), ValueError, "starts with /"),
        (lambda e: e.page("/news/*"), ValueError, "many pages"),
    ],
)
def test_what_can_not_be_sent_raises_here(
    emitter: Emitter, published: Published, send: Callable[[Any], Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        send(emitter)
    assert published == []


def test_a_site_with_a_prefix_has_a_channel_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    emitter = Emitter(URL, prefix="blue")
    published = Published(emitter, monkeypatch, "blue:emit")
    emitter.emit("e")
    assert len(published) == 1


def test_it_shows_what_it_means_and_no_password() -> None:
    emitter = Emitter("redis://:secret@127.0.0.1/0")
    assert repr(emitter) == "<Emitter on nannin:emit>"
    assert "'/news'" in repr(emitter.page("/news"))
    assert "secret" not in repr(emitter.page("/news"))
    assert isinstance(emitter.to("a"), RemoteTarget)


@pytest.mark.parametrize("url", ["http://127.0.0.1", "127.0.0.1:6379", "redis+sentinel://127.0.0.1"])
@pytest.mark.parametrize("kind", [Emitter, AsyncEmitter])
def test_a_wrong_address_is_told_at_once(kind: type[Emitter] | type[AsyncEmitter], url: str) -> None:
    with pytest.raises(SettingsError):
        kind(url)


def test_what_is_missing_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    real, missing = builtins.__import__, "redis"

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "nannin.nodes.redis_client":
            raise ImportError(f"No module named {missing!r}", name=missing)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SettingsError, match=r'pip install "nannin\[redis\]"'):
        Emitter(URL)
    missing = "ssl"
    with pytest.raises(ImportError, match="ssl"):
        Emitter(URL)


def test_it_closes_its_connections() -> None:
    with Emitter(URL) as emitter:
        assert emitter.page("/")


async def test_the_async_one_closes_its_connections() -> None:
    async with AsyncEmitter(URL) as emitter:
        assert emitter.page("/")
