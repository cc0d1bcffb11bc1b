"""The people of the demo: they come, read, move on to another page, and go."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import threading
import time
from collections.abc import Coroutine
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from nannin.cli.demo.pages import PAGES, Place
from nannin.cli.demo.rhythm import STAY_S, Rhythm, poisson

__all__ = ["Crowd"]

# How often it is looked who comes and who goes.
_TICK_S: Final = 0.4
# The share of those who leave a page that moves on to another one, and of those who come in a second tab.
_MOVES_ON: Final = 0.45
_SECOND_TABS: Final = 0.12
# A page is talked about somewhere every few minutes, and has several times as many readers for a while.
_TALKED_ABOUT_EVERY_S, _TALKED_ABOUT_FOR_S, _TALKED_ABOUT = 150.0, 240.0, 3.0
# How many clients open a link at once.
_AT_ONCE: Final = 40
_BROWSER: Final = "Mozilla/5.0 (nannin demo)"
# The first who are there don't all come in the same moment.
_FILLED_AFTER_S: Final = 1.2


class _Person:
    """One tab: whose it is, and on which page it will be until when."""

    def __init__(self, visitor: str) -> None:
        self.visitor = visitor
        self.link: ClientConnection | None = None
        self.key = ""
        self.until_s = 0.0


class Crowd:
    """Simulated people, in a thread of their own.

    Args:
        url: the server's, with `ws://`.
        rhythm: how many people each page has.
        seed: the same seed makes the same people.
        stay_s: how long somebody stays on a page, on average.
    """

    def __init__(self, url: str, rhythm: Rhythm, seed: int = 1, stay_s: float = STAY_S) -> None:
        self._url = f"{url}/socket.io/?EIO=4&transport=websocket"
        self._rhythm = rhythm
        self._stay_s = stay_s
        self._chance = random.Random(f"{seed} crowd")  # noqa: S311
        self._present: dict[str, set[_Person]] = {place.key: set() for place in PAGES}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="demo", daemon=True)

    def start(self) -> None:
        """Lets people in."""
        self._thread.start()

    def stop(self) -> None:
        """Nobody comes any more."""
        self._stopping.set()
        self._thread.join(timeout=2)

    async def _run(self) -> None:
        self._opening = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        talk, talk_until_s, next_talk_s = PAGES[0], 0.0, time.time() + 20
        filling_s, began_s = 0.0, time.time()
        while not self._stopping.is_set():
            now_s = time.time()
            if now_s > next_talk_s:
                talk = self._chance.choice([place for place in PAGES if place.age_days is not None])
                talk_until_s, next_talk_s = now_s + _TALKED_ABOUT_FOR_S, now_s + _TALKED_ABOUT_EVERY_S
            filled = min(1.0, (now_s - began_s + _TICK_S) / _FILLED_AFTER_S)
            first, filling_s = filled - filling_s, filled
            movers = self._leave(now_s)
            for place in PAGES:
                level = self._rhythm.level(place, now_s) / (1 - _SECOND_TABS)
                if place is talk and now_s < talk_until_s:
                    level *= _TALKED_ABOUT
                come = poisson(self._chance, level * filled * _TICK_S / self._stay_s)
                for _ in range(come + poisson(self._chance, level * first)):
                    self._arrive(place, now_s, movers.pop() if movers else None)
            for mover in movers:
                self._spawn(self._close(mover))
            await asyncio.sleep(_TICK_S)
        for task in self._tasks:
            task.cancel()

    def _leave(self, now_s: float) -> list[_Person]:
        """Takes those off their pages whose time is over; returns those who will be on another one."""
        movers = []
        for people in self._present.values():
            for person in [person for person in people if person.until_s < now_s]:
                people.discard(person)
                if person.link is not None and self._chance.random() < _MOVES_ON:
                    movers.append(person)
                else:
                    self._spawn(self._close(person))
        self._chance.shuffle(movers)
        return movers

    def _arrive(self, place: Place, now_s: float, mover: _Person | None) -> None:
        people = self._present[place.key]
        person = mover
        if person is None:
            visitor = f"{self._chance.getrandbits(64):016x}"
            if people and self._chance.random() < _SECOND_TABS:
                visitor = min(people, key=lambda other: other.visitor).visitor
            person = _Person(visitor)
        person.until_s = now_s + self._chance.expovariate(1 / self._stay_s)
        people.add(person)
        is_seen = self._chance.random() < 0.85
        auth = {"visitor": person.visitor, "updates": "audience", "visible": is_seen}
        join = f"40{place.key},{json.dumps(auth)}"
        if mover is None:
            self._spawn(self._visit(person, join))
        else:
            self._spawn(self._say(mover, f"41{mover.key},", join))
        person.key = place.key

    async def _visit(self, person: _Person, join: str) -> None:
        """Opens the person's link, joins, and answers the heartbeat until it ends."""
        try:
            async with self._opening:
                link = await connect(
                    self._url, compression=None, ping_interval=None, user_agent_header=_BROWSER
                )
                await link.send(join)
            person.link = link
            async for packet in link:
                if packet == "2":
                    await link.send("3")
        except (OSError, WebSocketException):
            pass  # the server ends
        finally:
            person.link = None
            self._present[person.key].discard(person)

    async def _say(self, person: _Person, *packets: str) -> None:
        with contextlib.suppress(OSError, WebSocketException):
            for packet in packets:
                if person.link is not None:
                    await person.link.send(packet)

    async def _close(self, person: _Person) -> None:
        if person.link is not None:
            with contextlib.suppress(OSError, WebSocketException):
                await person.link.close()

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
