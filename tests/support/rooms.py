"""Clients on a page that the application handles."""

from __future__ import annotations

from nannin import Socket
from support.fakes import Client, House


def room(house: House, count: int, page: str = "/room") -> tuple[list[Client], list[Socket]]:
    """So many clients on a page, and their sockets."""
    if not house.hub.handlers.resolve(page).is_handled:
        house.on("connect", lambda socket: None, page)
    clients = [house.client(page) for _ in range(count)]
    return clients, house.page(page).sockets
