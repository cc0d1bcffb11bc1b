"""Many clients at once, and what it costs to tell them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nannin import Socket
from nannin.hub import encoding, teller
from nannin.hub.crowds import Slices
from nannin.hub.encoding import VARIANTS, encode_words
from nannin.wire.engine_packet import Encoded
from nannin.wire.outgoing import Outgoing
from support.fakes import Client, FakeLink, House

# A slice of a fan-out that ends after two recipients, with a look at the clock after each.
SMALL_SLICES = Slices(recipients=2, look_every=1)


def crowd(house: House, count: int, page: str = "/", **auth: Any) -> list[Client]:
    """So many clients who have heard how many they are."""
    clients = [house.client() for _ in range(count)]
    for client in clients:
        client.connect(page, **auth)
    house.clock.advance(2)
    return clients


def room(house: House, count: int, page: str = "/room") -> tuple[list[Client], list[Socket]]:
    """So many clients on a page that the application handles, and their sockets."""
    if not house.hub.handlers.resolve(page).is_handled:
        house.on("connect", lambda socket: None, page)
    clients = [house.client(page) for _ in range(count)]
    return clients, house.page(page).sockets


def note_encodings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What is encoded from now on: format, page, count and direction of each."""
    formats = {variant: form for form, variant in VARIANTS.items()}
    encoded: list[tuple[Any, ...]] = []

    def encode(variant: Any, page: str, count: Any, *, joined: bool) -> Encoded:
        encoded.append((formats[variant], page, count, joined))
        return encode_words(variant, page, count, joined=joined)

    for module in (encoding, teller):
        monkeypatch.setattr(module, "encode_words", encode)
    return encoded


def make_writes_cost(house: House, monkeypatch: pytest.MonkeyPatch, seconds: float) -> list[int]:
    """Lets each write take its time; returns a list whose length is the number of writes."""
    writes: list[int] = []
    write: Callable[[FakeLink, Outgoing], None] = FakeLink.write

    def slow(link: FakeLink, outgoing: Outgoing) -> None:
        house.clock.spend(seconds)
        writes.append(len(outgoing.packets))
        write(link, outgoing)

    monkeypatch.setattr(FakeLink, "write", slow)
    return writes
