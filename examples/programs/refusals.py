"""Refusals: who may come in, and who may do what; each client learns why not.

nannin serve --app examples/programs/refusals.py:live
"""

from dataclasses import dataclass

from nannin import ConnectionRefused, Live, PayloadError, Socket

live = Live()
guests = {"a-ticket": "Ann", "the-host": "Hugo"}


@dataclass
class Entry:
    ticket: str


@live.on("connect")
def arrived(socket: Socket, entry: Entry) -> None:
    if entry.ticket not in guests:
        raise ConnectionRefused("No such ticket", {"shop": "https://example.org/tickets"})
    socket.data["name"] = guests[entry.ticket]


@live.on("close the doors")
def close(socket: Socket) -> str:
    if socket.data["name"] != "Hugo":
        raise PayloadError("only the host may do that")
    return "closed"
