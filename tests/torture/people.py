"""Who is there: clients of several servers, and the numbers that must follow from them."""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections.abc import Iterator, Sequence
from typing import Any

from support.raw_links import Client
from support.raw_wire import get
from support.servers import Server

PAGES = ("/", "/何人")
PAGE_NAMES = ("/", "/%E4%BD%95%E4%BA%BA")
VISITORS = 12
"""So few visitors share all clients, so that most of them are with several nodes at once."""
ASKED = 4
"""How often each server is asked: any of its workers may answer."""


class Person(Client):
    """A client on a page, who keeps the newest count.

    Args:
        server: where it connects.
        page: where it is.
        visitor: who it is.
    """

    silence_s = 180.0  # a server that was stopped for a minute finds its clients still there

    def __init__(self, server: Server, page: str, visitor: str) -> None:
        super().__init__(server, "websocket", page, {"visitor": visitor, "updates": "audience"})
        self.at, self.visitor = server, visitor
        self._told: dict[str, Any] = {}

    def told(self) -> dict[str, Any]:
        """What it was told last."""
        for packet in self.pending():
            if isinstance(packet, str) and packet.startswith("42" + self.prefix):
                self._told = json.loads(packet[len("42" + self.prefix) :])[1]
        return self._told

    def is_told_of_doubt(self) -> bool:
        """Whether what it was told last may be old, as that said itself."""
        return bool(self.told().get("stale"))


class People:
    """The clients of all servers: the oracle, since each of them knows whether it is there.

    Args:
        servers: which take clients.
        seed: decides who comes and goes.

    Attributes:
        servers: those that are asked. One that stands still, or is gone, has to be taken out.
    """

    def __init__(self, servers: Sequence[Server], seed: int = 1) -> None:
        self.servers = list(servers)
        self._all: list[Person] = []
        self._random = random.Random(seed)
        self._turns = 0

    def here(self) -> list[Person]:
        """Those who are still connected."""
        self._all = [person for person in self._all if not person.ended.is_set()]
        return self._all

    def come(self, number: int = 1) -> None:
        """So many come, to each server by turns."""
        for _ in range(number):
            self._turns += 1
            self.come_to(self.servers[self._turns % len(self.servers)])

    def come_to(self, server: Server) -> Person:
        """One comes to a server."""
        visitor = f"visitor {self._random.randrange(VISITORS)}"
        self._all.append(Person(server, self._random.choice(PAGES), visitor))
        return self._all[-1]

    def go(self, number: int = 1) -> None:
        """So many of those go whose servers answer; half of them without a word."""
        for _ in range(number):
            person = self._random.choice([one for one in self.here() if one.at in self.servers])
            self._all.remove(person)
            if self._random.random() < 0.5:
                person.reset()
            person.close()

    @contextlib.contextmanager
    def without(self, *gone: Server) -> Iterator[None]:
        """Meanwhile these servers stand still: nobody asks them, and their clients count no more."""
        before = self.servers
        self.servers = [server for server in before if server not in gone]
        try:
            yield
        finally:
            self.servers = before

    def churn(self, for_s: float, every_s: float = 0.05) -> int:
        """They come and go for so long; returns how often."""
        until_s, times = time.monotonic() + for_s, 0
        most = len(self.here())
        while time.monotonic() < until_s:
            is_full = len(self.here()) >= most + len(self.servers)
            if is_full or (len(self._all) > most - len(self.servers) and self._random.random() < 0.5):
                self.go()
            else:
                self.come()
            times += 1
            time.sleep(every_s)
        return times

    def truth(self, page: str) -> dict[str, int]:
        """A page's numbers, from who is there."""
        on_page = [person for person in self.here() if person.page == page and person.at in self.servers]
        return {"connections": len(on_page), "visitors": len({person.visitor for person in on_page})}

    def wrong(self) -> str:
        """One number that is not the truth, or may be old; empty if there is none."""
        for page, name in zip(PAGES, PAGE_NAMES, strict=True):
            truth = self.truth(page)
            for person in self.here():
                if person.page == page and person.at in self.servers and not is_so(person.told(), truth):
                    return f"{page} has {truth}, and a client was told {person.told()}"
            for server in self.servers:
                for _ in range(ASKED):
                    counted = json.loads(get(server, f"/api/count?page={name}").text)
                    if not is_so(counted, truth):
                        return f"{page} has {truth}, and {server.url} says {counted}"
        return ""

    def wait_exact(self, within_s: float, began_s: float | None = None) -> float:
        """Returns once every number that anybody sees is the truth.

        Args:
            within_s: how long it may take.
            began_s: since when; since now if it is None.

        Returns:
            How many seconds it took.

        Raises:
            AssertionError: it took longer.
        """
        began_s = time.monotonic() if began_s is None else began_s
        while True:
            wrong = self.wrong()
            took_s = time.monotonic() - began_s
            if not wrong:
                return took_s
            assert took_s < within_s, f"after {took_s:.0f} s {wrong}"
            time.sleep(0.05)

    def leave_from(self, server: Server) -> None:
        """All clients of one server go."""
        for person in [person for person in self.here() if person.at is server]:
            self._all.remove(person)
            person.close()

    def leave(self) -> None:
        """All go."""
        for person in self.here():
            person.close()
        self._all.clear()


def is_so(told: dict[str, Any], truth: dict[str, int]) -> bool:
    """Whether this was told, without a doubt."""
    return not told.get("stale") and {name: told.get(name) for name in truth} == truth
