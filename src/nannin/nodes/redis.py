"""The census in Redis or Valkey: every node of every machine speaks to it by itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from redis.exceptions import ResponseError

from nannin.audience.census_calls import Answer, Beat, Beaten, Call, Leave, Message, Reap, Reaped, What
from nannin.audience.page_key import is_page_key
from nannin.nodes.backplane import Ears
from nannin.nodes.redis_address import RedisAddress
from nannin.nodes.redis_calls import Command, Echo, RedisCalls, Steps
from nannin.nodes.redis_connection import LOST, REPLY_S, Deaf, RedisConnection, pause_s, reason_of

__all__ = ["RedisBackplane"]

logger = logging.getLogger("nannin.nodes")

# How many commands are sent with one write, and how many words these have: to encode them takes some 10 ms.
_AT_ONCE: Final = 250
_WORDS: Final = 5_000
# How long a node that closes may take to leave.
_LEAVE_S: Final = 5.0
# How many of its own beats a node may miss before it takes its subscription for dead.
_ECHOES: Final = 2
# How large what is told may be, but for messages: a slice of a reaping names some thousand visitors. And the
# second byte of a message, its kind.
_MOST_BYTES: Final = 1_000_000
_MESSAGE: Final = msgspec.msgpack.encode(Message(0, "", b""))[1:2]
# A link that was lost sooner was never a good one, as where Redis takes it and then refuses each write.
_GOOD_S: Final = 10.0
# How many reasons the log is told meanwhile: each script is refused in words of its own.
_REASONS: Final = 10


class _Running:
    """A call that is being done, and the commands of its next round trip."""

    def __init__(self, call: Call, steps: Steps) -> None:
        self.call = call
        self.steps = steps
        self.commands: list[Command] = next(steps)

    def go_on(self, replies: Sequence[Any]) -> Answer | None:
        """Takes the replies; returns the answer, if that was all."""
        try:
            self.commands = self.steps.send(replies)
        except StopIteration as stop:
            answer: Answer = stop.value
            return answer
        return None


class RedisBackplane:
    """Carries calls to the census in Redis, for as long as it is not closed.

    Args:
        address: where Redis is.
        calls: how the census is kept there.
        ears: who hears of it.
        random: a number from 0 to 1, so that not all nodes do the same at once.
    """

    def __init__(
        self, address: RedisAddress, calls: RedisCalls, ears: Ears, random: Callable[[], float]
    ) -> None:
        self._address = address
        self._calls = calls
        self._ears = ears
        self._random = random
        self._queue: deque[_Running] = deque()
        self._to_do = asyncio.Event()
        self._is_found = False
        self._found_at_s = 0.0
        self._is_closing = False
        self._missed = 0
        self._channel = calls.channel(0)  # the node's own, once it has a number
        self._subscribed: dict[str, asyncio.Future[None]] = {}
        self._decode = msgspec.msgpack.Decoder(What | Echo).decode
        self._complained: set[str] = set()
        self._has_looked = False
        self._task = asyncio.get_running_loop().create_task(self._run())

    def send(self, calls: Sequence[Call]) -> None:
        """Sends calls in this order; while Redis is away they are dropped."""
        if self._is_found:
            self._queue.extend(_Running(call, self._calls.steps(call)) for call in calls)
            self._to_do.set()

    def close(self) -> None:
        """Sends what was given to it, for some seconds at most, and hears no more."""
        self._is_closing = True
        self._to_do.set()
        if self._is_found:
            self._task.get_loop().call_later(_LEAVE_S, self._task.cancel)
        else:
            self.cut()

    def cut(self) -> None:
        """Closes all connections and leaves nothing in order, as a process that is killed."""
        self._is_closing = True
        self._task.cancel()

    async def wait_closed(self) -> None:
        """Waits until all connections are closed."""
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        """Looks for Redis again and again."""
        failed = 0
        while True:
            try:
                await self._serve()
            except LOST as error:
                if self._is_found and self._task.get_loop().time() - self._found_at_s >= _GOOD_S:
                    failed = 0
                    self._complained.clear()
                failed += 1
                self._complain(error)
            except Exception:
                failed += 1
                logger.exception("the census in Redis failed, and is looked for again")
            self._lose()
            if self._is_closing:
                return
            await asyncio.sleep(pause_s(failed, self._random()))

    async def _serve(self) -> None:
        """Serves calls, and hears what is told, until Redis is lost."""
        asking = await self._address.connect(self._calls.key)
        try:
            listening = await self._address.connect(self._calls.key)
            try:
                await asking.load()
                await self._look_at_policy(asking)
                await self._talk(asking, listening)
            finally:
                await listening.close()
        finally:
            await asking.close()

    async def _look_at_policy(self, asking: RedisConnection) -> None:
        """Warns once of a Redis that throws data away when memory is short, if this user may know."""
        if self._has_looked or not self._address.is_default_user:
            return
        self._has_looked = True
        with contextlib.suppress(ResponseError):
            [found] = await asking.ask([("CONFIG", "GET", "maxmemory*")])
            values = dict(zip(found[::2], found[1::2], strict=True))
            if values[b"maxmemory"] != b"0" and values[b"maxmemory-policy"] != b"noeviction":
                logger.warning(
                    "Redis has maxmemory-policy %s: whom it evicts is missing for up to 10 minutes. "
                    "Set it to noeviction.",
                    values[b"maxmemory-policy"].decode(),
                )

    async def _talk(self, asking: RedisConnection, listening: RedisConnection) -> None:
        hearing = asyncio.create_task(self._hear(listening))
        telling = asyncio.create_task(self._tell(asking, listening))
        try:
            await asyncio.wait([hearing, telling], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (hearing, telling):
                task.cancel()
            results = await asyncio.gather(hearing, telling, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                raise result

    async def _tell(self, asking: RedisConnection, listening: RedisConnection) -> None:
        """Sends calls, those of one turn with one write, and takes their answers."""
        await self._subscribe(listening, self._channel)
        self._missed = 0
        self._found_at_s = self._task.get_loop().time()
        self._is_found = True
        self._ears.found()
        running: deque[_Running] = deque()
        while True:
            self._to_do.clear()
            while self._queue:
                running.append(self._queue.popleft())
            if not running:
                if self._is_closing:
                    return
                await self._to_do.wait()
                continue
            running = await self._do(running, asking, listening)

    async def _do(
        self, running: deque[_Running], asking: RedisConnection, listening: RedisConnection
    ) -> deque[_Running]:
        """One round trip for as many of the calls as fit; returns those that are not done."""
        batch: list[_Running] = []
        commands: list[Command] = []
        words = 0
        while running and words < _WORDS and (not batch or len(commands) < _AT_ONCE):
            batch.append(running.popleft())
            commands += [command for command in batch[-1].commands if command[0] != self._calls.subscribe]
            words += sum(map(len, batch[-1].commands))
        replies = iter(await asking.ask(commands))
        answers: list[Answer] = []
        for one in batch:
            got: list[Any] = []
            for command in one.commands:
                if command[0] == self._calls.subscribe:
                    await self._subscribe(listening, str(command[1]))
                    got.append(None)
                else:
                    got.append(next(replies))
            answer = one.go_on(got)
            if answer is None:
                running.append(one)
            else:
                answers.append(answer)
                self._follow(one.call, answer)
        if answers:
            self._ears.heard(answers)
        return running

    def _follow(self, call: Call, answer: Answer) -> None:
        """Does what an answer asks of the backplane itself."""
        if isinstance(call, Beat) and isinstance(answer, Beaten):
            self._missed += 1
            if self._missed > _ECHOES:
                raise Deaf("nothing was heard on the subscription")
        if self._is_closing and isinstance(call, Leave | Reap) and isinstance(answer, Reaped) and answer.seen:
            rest = Reap(answer.call, call.number, answer.seen)
            self._queue.append(_Running(rest, self._calls.steps(rest)))

    async def _subscribe(self, listening: RedisConnection, channel: str) -> None:
        """Hears of a channel from now on, and no more of any other."""
        self._channel = channel
        confirmed = asyncio.get_running_loop().create_future()
        others = [other for other in self._subscribed if other != channel]
        self._subscribed[channel] = confirmed
        await listening.send([(self._calls.subscribe, channel)])
        async with asyncio.timeout(REPLY_S):
            await confirmed
        for other in others:
            del self._subscribed[other]
            await listening.send([(self._calls.unsubscribe, other)])

    async def _hear(self, listening: RedisConnection) -> None:
        """Hears what is told."""
        while True:
            kind, channel, data = await listening.listen()
            if kind in (b"subscribe", b"ssubscribe"):
                self._subscribed[channel.decode()].set_result(None)
            elif kind in (b"message", b"smessage"):
                self._take(data)
            elif channel.decode() in self._subscribed:
                raise Deaf("the slot has moved to another server")

    def _take(self, data: bytes) -> None:
        what = self._read(data)
        if what is None:
            self._ears.refused()
        elif isinstance(what, Echo):
            self._missed = 0
        else:
            self._ears.heard([what])

    def _read(self, data: bytes) -> What | Echo | None:
        """What was told; None where it can't be nannin's."""
        if len(data) > _MOST_BYTES and data[1:2] != _MESSAGE:
            return None
        try:
            what = self._decode(data)
        except (msgspec.MsgspecError, ValueError, RecursionError):  # of any bytes, msgspec raises all three
            return None
        return what if isinstance(what, Echo) or is_page_key(what.page) else None

    def _lose(self) -> None:
        self._queue.clear()
        self._subscribed.clear()
        if self._is_found:
            self._is_found = False
            self._ears.lost()

    def _complain(self, error: BaseException) -> None:
        """Tells the log why Redis is not to be reached, once for each reason until a link was good."""
        reason = reason_of(error)
        if reason not in self._complained and len(self._complained) < _REASONS:
            self._complained.add(reason)
            logger.warning("Redis can't be used for now: %s", reason)
