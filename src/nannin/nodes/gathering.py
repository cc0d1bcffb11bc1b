"""What all workers of this machine have to say, for whoever asks one of them: the worker's side.

The questions go over the channels of the supervisor, and not over the census: so they reach the workers of
this machine alone, wherever the census is, and are answered while Redis is away.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from nannin.nodes.channel import Ask, Asked, Reply, Said, Who
from nannin.nodes.local import Worker

__all__ = ["PATIENCE_S", "Gathered", "Gathering"]

# Seconds that the other workers have for their answers.
PATIENCE_S: Final = 2.0


class Gathered(NamedTuple):
    """What came of one question.

    Attributes:
        you: the name of the worker that asks.
        said: what the others have said, by their names.
        silent: the names of those who were asked, and have not answered in time.
    """

    you: str
    said: dict[str, bytes]
    silent: list[str]


class _Question:
    """A question, until all who were asked have answered it."""

    def __init__(self) -> None:
        self.who: Who | None = None
        self.said: dict[str, bytes] = {}
        self.done = asyncio.Event()

    def look(self) -> None:
        if self.who is not None and self.said.keys() >= set(self.who.others):
            self.done.set()


class Gathering:
    """Asks the other workers, and answers when they ask.

    Args:
        worker: this process.
        make: makes this worker's answer.
        patience_s: the seconds that the others have.
    """

    def __init__(
        self, worker: Worker, make: Callable[[], Awaitable[bytes]], patience_s: float = PATIENCE_S
    ) -> None:
        self._worker = worker
        self._make = make
        self._patience_s = patience_s
        self._space = len(worker.gatherings)
        self._calls = itertools.count()
        self._questions: dict[int, _Question] = {}
        self._answering: set[asyncio.Task[None]] = set()
        worker.gatherings.append(self)

    async def ask(self) -> Gathered:
        """Asks all that serve, and those that say goodbye to their clients."""
        call, question = next(self._calls), _Question()
        self._questions[call] = question
        self._worker.send(Ask(self._space, call))
        try:
            async with asyncio.timeout(self._patience_s):
                await question.done.wait()
        except TimeoutError:
            pass
        finally:
            del self._questions[call]
        name = str(self._worker.slot + 1)
        who = question.who or Who(self._space, call, name, ())
        silent = [other for other in who.others if other not in question.said]
        return Gathered(who.you, question.said, silent)

    def hear(self, message: Asked | Who | Said) -> None:
        """The supervisor passes on a question, or the answer of one, or says who was asked."""
        if isinstance(message, Asked):
            task = asyncio.get_running_loop().create_task(self._answer(message))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
            return
        question = self._questions.get(message.call)
        if question is None:  # it is too late
            return
        if isinstance(message, Who):
            question.who = message
        else:
            question.said[message.name] = message.said
        question.look()

    async def _answer(self, asked: Asked) -> None:
        said = await self._make()
        self._worker.send(Reply(asked.space, asked.call, asked.asker, said))
