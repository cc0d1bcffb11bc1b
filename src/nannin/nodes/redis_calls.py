"""The census in Redis: each call as commands, and its answer from what Redis replies.

It is pure. A call takes one round trip or several; `steps` yields the commands of each, and is sent the
replies. One of them may be `SUBSCRIBE`, which is for the connection that listens, and has no reply. Scripts
merge what nodes say, so that each call is done as a whole; `lua/page.lua` describes the keys.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Generator, Iterable, Sequence
from importlib import resources
from typing import Any, Final, NamedTuple

import msgspec

from nannin.audience.census_calls import (
    Answer,
    Applied,
    Apply,
    Beat,
    Beaten,
    Call,
    Emit,
    Exited,
    Former,
    Gap,
    Leave,
    Message,
    Read,
    Reap,
    Reaped,
    Register,
    Registered,
    Told,
    Top,
    Total,
    Totals,
    Unknown,
    Watch,
    Watching,
)

__all__ = ["COMMANDS", "SCRIPTS", "Command", "Echo", "RedisCalls", "Script", "Steps"]

# How many pages one command reads, and about how many visitors one slice of a reaping looks at: Redis does
# nothing else for about so many microseconds.
_READ_AT_ONCE: Final = 100
_REAPED_AT_ONCE: Final = 1_000
# About how many keys of Redis one step looks at, where those of a lost register are looked for.
_SCANNED_AT_ONCE: Final = 1_000

# The commands that a user of Redis must be allowed, in scripts and outside.
COMMANDS: Final = (
    *("del", "evalsha", "hdel", "hexists", "hget", "hgetall", "hincrby", "hkeys", "hlen", "hmget", "hscan"),
    *("hset", "hsetnx", "publish", "sadd", "scan", "scard", "script|load", "srandmember", "srem"),
    *("subscribe", "unlink", "unsubscribe", "zadd", "zrange", "zrem"),
)

Command = tuple[str | bytes | int, ...]
Steps = Generator[list[Command], Sequence[Any], Answer]


class Echo(msgspec.Struct, frozen=True, array_like=True, tag=23):
    """A node's own beat, which it hears if it hears at all.

    Attributes:
        call: the number of the `Beat`.
    """

    call: int


class Script(NamedTuple):
    """One script: its text, and the name under which Redis keeps it."""

    text: str
    sha: str


def _load(name: str) -> Script:
    folder = resources.files("nannin.nodes") / "lua"
    text = "".join((folder / f"{part}.lua").read_text(encoding="utf-8") for part in ("page", name))
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


SCRIPTS: Final = {
    name: _load(name)
    for name in ("apply", "beat", "clear", "emit", "fence", "read", "reap", "register", "watch")
}


class RedisCalls:
    """One shard of the census: one number for each node, and the pages whose keys are in one slot.

    Args:
        prefix: what all keys and channels begin with.
        tag: the shard's; it decides the slot in a cluster.
        new_id: makes the random name of data that has none.
        is_cluster: whether channels are those of a slot.

    Attributes:
        key: one of its keys.
        subscribe, unsubscribe: the commands for its channels.
    """

    def __init__(self, prefix: str, tag: str, new_id: Callable[[], str], *, is_cluster: bool = False) -> None:
        self._keys = f"{prefix}:{{{tag}}}:"
        self.key = f"{self._keys}nodes"
        self._index = f"{self._keys}index"
        self._to = ("SPUBLISH" if is_cluster else "PUBLISH", self.channel(""))
        self.subscribe = "SSUBSCRIBE" if is_cluster else "SUBSCRIBE"
        self.unsubscribe = "SUNSUBSCRIBE" if is_cluster else "UNSUBSCRIBE"
        self._new_id = new_id
        self._encode = msgspec.msgpack.Encoder().encode

    def channel(self, number: int | str) -> str:
        """The channel on which a node is told what it must know."""
        return f"{self._keys}to:{number}"

    def steps(self, call: Call) -> Steps:
        """The round trips of a call."""
        match call:
            case Apply():
                return self._apply(call)
            case Beat():
                return self._beat(call)
            case Read():
                return self._read(call)
            case Emit():
                return self._emit(call)
            case Top():
                return self._top(call)
            case Register():
                return self._register(call)
            case Watch():
                return self._watch(call)
            case Leave():
                return self._reap(call, "", call.epoch, call.previous)
            case _:
                return self._reap(call, call.seen)

    def _apply(self, call: Apply) -> Steps:
        command = _run(
            "apply",
            (self.key, *self._page(call.page), self._pages_of(call.number), self._index),
            *self._to,
            call.call,
            call.number,
            call.epoch,
            call.previous,
            call.page,
            call.connections,
            call.anonymous,
            call.anonymous_visible,
            int(call.stays),
            len(call.visible),
            len(call.hidden),
            len(call.absent),
            *call.visible,
            *call.hidden,
            *call.absent,
            *call.joined,
        )
        [[status, *rest]] = yield [command]
        if status == 0:
            return Unknown(call.call)
        if status == 1:
            return Gap(call.call, rest[0])
        *numbers, entered, exited = rest
        return Applied(call.call, Total(call.page, *numbers), _texts(entered), _texts(exited))

    def _beat(self, call: Beat) -> Steps:
        command = _run("beat", (self.key,), *self._to, call.call, call.number, call.epoch)
        [[status, *fields]] = yield [command]
        if status == 0:
            return Unknown(call.call)
        values = dict(zip(_texts(fields[::2]), _texts(fields[1::2]), strict=True))
        nodes = {int(name): value for name, value in values.items() if not name.startswith("@")}
        return Beaten(call.call, values["@id"], nodes, int(values.get("@refused", 0)))

    def _register(self, call: Register) -> Steps:
        """Gets a number, and then, for a node that is told of every page, all totals."""
        named = (call.call, call.epoch, int(call.everything), self._new_id())
        [[status, *rest]] = yield [_run("register", (self.key,), *named, 0)]
        if status == 2:
            yield from self._clear()
            [[status, *rest]] = yield [_run("register", (self.key,), *named, 1)]
        if status == 1:
            numbers, values = rest[::2], _texts(rest[1::2])
            return Former(call.call, dict(zip(numbers, values, strict=True)))
        number, [id_], version = rest[0], _texts(rest[1:2]), rest[2]
        yield [(self.subscribe, self.channel(number))]
        if not call.everything:
            return Registered(call.call, number, id_)
        return Registered(call.call, number, id_, (yield from self._all_totals()), version)

    def _clear(self) -> Generator[list[Command], Sequence[Any], None]:
        """Deletes what is left of nodes whose register is lost: their numbers are given out again.

        It is complete where it ends because no key came: nobody can write who is not registered. Where
        another node has registered meanwhile, that one has cleared all.
        """
        pattern = re.sub(r"([*?\[\]\\^])", r"\\\1", self._keys) + "*"
        begins = tuple(f"{self._keys}{kind}:".encode() for kind in "cvp")
        cursor: bytes | int = 0
        while True:
            [[cursor, keys]] = yield [("SCAN", cursor, "MATCH", pattern, "COUNT", _SCANNED_AT_ONCE)]
            ours = [key for key in keys if key.startswith(begins) or key == self._index.encode()]
            if ours:
                [was_cleared] = yield [_run("clear", (self.key, *ours))]
                if not was_cleared:
                    return
            if int(cursor) == 0:
                return

    def _watch(self, call: Watch) -> Steps:
        """Tells the node of all pages, and then gets their totals, which may have been told by then."""
        [[is_known, *rest]] = yield [_run("watch", (self.key,), call.number, call.epoch, int(call.watches))]
        if not is_known:
            return Unknown(call.call)
        if not call.watches:
            return Watching(call.call, [])
        return Watching(call.call, (yield from self._all_totals()), rest[0])

    def _read(self, call: Read) -> Steps:
        return Totals(call.call, (yield from self._totals(call.pages)))

    def _top(self, call: Top) -> Steps:
        [pages] = yield [("ZRANGE", self._index, 0, call.most - 1, "REV")]
        return Totals(call.call, (yield from self._totals(_texts(pages))))

    def _emit(self, call: Emit) -> Steps:
        message = self._encode(Message(call.number, call.page, call.message))
        named = call.nodes if call.nodes is not None else []
        [nodes] = yield [
            _run(
                "emit",
                (self.key, self._page(call.page)[0]),
                *self._to,
                call.number,
                message,
                int(call.nodes is not None),
                *named,
            )
        ]
        return Told(call.call, list(nodes))

    def _reap(self, call: Leave | Reap, *condition: str | int) -> Steps:
        """Stops a node's writes, removes its parts of some pages in slices, and forgets it after the last."""
        fenced = (self.key, self._pages_of(call.number))
        [[status, *rest]] = yield [_run("fence", fenced, call.number, *condition)]
        if status == 0:
            return Unknown(call.call)
        if status == 1:
            return Gap(call.call, rest[0])
        [value] = _texts(rest)
        if not value:
            return Reaped(call.call, "")
        [pages] = yield [("SRANDMEMBER", self._pages_of(call.number), call.most)]
        cursors: dict[str, str | bytes] = dict.fromkeys(sorted(_texts(pages)), "0")
        exited: dict[str, list[str]] = {}
        while cursors:
            keys = [(self.key, *self._page(page), fenced[1], self._index) for page in cursors]
            replies = yield [
                _run("reap", at, *self._to, call.number, value, page, cursor, _REAPED_AT_ONCE)
                for at, (page, cursor) in zip(keys, cursors.items(), strict=True)
            ]
            rows = list(zip(cursors, replies, strict=True))
            for page, (_, gone) in rows:
                exited.setdefault(page, []).extend(_texts(gone))
            cursors = {page: cursor for page, (cursor, _) in rows if _texts([cursor]) != ["0"]}
        [[_, left]] = yield [_run("fence", fenced, call.number, value)]
        gone = [Exited(page, names) for page, names in exited.items() if names]
        return Reaped(call.call, _texts([left])[0], gone)

    def _all_totals(self) -> Generator[list[Command], Sequence[Any], list[Total]]:
        [pages] = yield [("ZRANGE", self._index, 0, -1)]
        return (yield from self._totals(_texts(pages)))

    def _totals(self, pages: Sequence[str]) -> Generator[list[Command], Sequence[Any], list[Total]]:
        slices = [pages[at : at + _READ_AT_ONCE] for at in range(0, len(pages), _READ_AT_ONCE)]
        if not slices:
            return []
        commands = [
            _run("read", (self.key, *(key for page in some for key in self._page(page)))) for some in slices
        ]
        replies = yield commands
        numbers = iter([number for reply in replies for number in reply])
        return [Total(page, *rest) for page, *rest in zip(pages, *[numbers] * 4, strict=True)]

    def _page(self, page: str) -> tuple[str, str]:
        return f"{self._keys}c:{page}", f"{self._keys}v:{page}"

    def _pages_of(self, number: int) -> str:
        return f"{self._keys}p:{number}"


def _run(name: str, keys: tuple[str | bytes, ...], *args: str | bytes | int) -> Command:
    return ("EVALSHA", SCRIPTS[name].sha, len(keys), *keys, *args)


def _texts(values: Iterable[str | bytes]) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else value for value in values]
