"""The census in a real Redis, with the methods of the one in memory: its calls are done at once."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import msgspec
import redis

from nannin.audience.census import Census, Reply, Tell
from nannin.audience.census_calls import (
    Answer,
    Beaten,
    Call,
    Reap,
    Reaped,
    Registered,
    Told,
    Total,
    Watching,
    What,
)
from nannin.nodes.redis_calls import SCRIPTS, Echo, RedisCalls


class RedisCensus:
    """A census in Redis.

    Args:
        client: of a server that has nothing else; it is emptied.
        id: the name of the data.
    """

    def __init__(self, client: redis.Redis, id: str) -> None:
        untyped: Any = client
        untyped.flushall()
        for script in SCRIPTS.values():
            assert client.script_load(script.text) in (script.sha, script.sha.encode())
        self._client = untyped
        self._calls = RedisCalls("test", "0", lambda: id)
        self._told = untyped.pubsub()
        self._told.psubscribe("*")
        self._told.get_message(timeout=5.0)

    def receive(self, call: Call) -> Reply:
        """Does a call, and hears what each node was told by it."""
        steps = self._calls.steps(call)
        commands = next(steps)
        while True:
            sent = [command for command in commands if command[0] != "SUBSCRIBE"]
            replies: Sequence[Any] = [self._client.execute_command(*command) for command in sent]
            try:
                commands = steps.send(replies if sent else [None])
            except StopIteration as stop:
                return Reply(stop.value, self._heard())

    def end(self, number: int) -> list[Tell]:
        """Removes a node that is known to be gone, as the census in memory does."""
        value = self._client.hget("test:{0}:nodes", str(number))
        if value is None:
            return []
        answer, tells = self.receive(Reap(0, number, value.decode()))
        assert isinstance(answer, Reaped)
        for exited in answer.exited:
            nodes = self._client.hkeys(f"test:{{0}}:c:{exited.page}")
            numbers = sorted(int(node) for node in nodes if node != b"@version")
            tells += [Tell(numbers[:1], exited)] if numbers else []
        return tells

    def dump(self) -> dict[bytes, bytes]:
        """All that it holds."""
        return {key: self._client.dump(key) for key in self._client.scan_iter()}

    def load(self, dumped: dict[bytes, bytes]) -> None:
        """Holds that, and nothing else."""
        self._client.flushdb()
        for key, value in dumped.items():
            self._client.restore(key, 0, value)

    def _heard(self) -> list[Tell]:
        """All that was published up to now: a pong comes after it. What is the same for several is one."""
        told: dict[bytes, Tell] = {}
        self._told.ping("now")
        while True:
            message = self._told.get_message(timeout=5.0)
            assert message is not None
            if message["type"] == "pong":
                return sorted_tells(list(told.values()))
            what = msgspec.msgpack.decode(message["data"], type=What | Echo)
            if not isinstance(what, Echo):
                tell = told.setdefault(message["data"], Tell([], what))
                tell.nodes.append(int(message["channel"].rsplit(b":", 1)[1]))

    def close(self) -> None:
        self._told.close()


class Both:
    """The census in Redis and the one in memory, which must always say the same.

    Args:
        client: of a server that has nothing else; it is emptied.
        id: the name of the data.
    """

    def __init__(self, client: redis.Redis, id: str) -> None:
        self.memory = Census(id)
        self.redis = RedisCensus(client, id)
        self.id = id

    def receive(self, call: Call) -> Reply:
        expected, found = self.memory.receive(call), self.redis.receive(call)
        assert comparable(found.answer) == comparable(expected.answer), call
        assert found.tells == sorted_tells(expected.tells), call
        return expected

    def total(self, page: str) -> Total:
        return self.memory.total(page)

    @property
    def _nodes(self) -> Any:
        return self.memory._nodes

    def __deepcopy__(self, memo: Any) -> Kept:
        return Kept(self, copy.deepcopy(self.memory), self.redis.dump())


class Kept:
    """What both held at a moment. A copy of it is both again, as they were then."""

    def __init__(self, both: Both, memory: Census, dumped: dict[bytes, bytes]) -> None:
        self._both = both
        self._memory = memory
        self._dumped = dumped

    def __deepcopy__(self, memo: Any) -> Both:
        self._both.memory = copy.deepcopy(self._memory)
        self._both.redis.load(self._dumped)
        return self._both


def sorted_tells(tells: list[Tell]) -> list[Tell]:
    """The same, where no order of nodes and pages is promised."""
    by_text: dict[str, Tell] = {}
    for nodes, what in tells:
        by_text.setdefault(repr(what), Tell([], what)).nodes.extend(nodes)
    ordered = [Tell(sorted(nodes), what) for nodes, what in by_text.values()]
    return sorted(ordered, key=lambda tell: (not isinstance(tell.what, Total), repr(tell)))


def comparable(answer: Answer) -> Any:
    """The same, where no order of visitors and nodes is promised."""
    if isinstance(answer, Reaped):
        exited = sorted((one.page, sorted(one.visitors)) for one in answer.exited)
        return (answer.call, answer.seen, exited)
    if isinstance(answer, Told):
        return (answer.call, sorted(answer.nodes))
    if isinstance(answer, Beaten):
        return (answer.call, answer.id, sorted(answer.nodes.items()), answer.refused)
    if isinstance(answer, Watching):
        return (answer.call, sorted(answer.totals, key=lambda total: total.page), answer.version)
    if isinstance(answer, Registered):
        totals = sorted(answer.totals, key=lambda total: total.page)
        return (answer.call, answer.number, answer.id, totals, answer.version)
    return answer
