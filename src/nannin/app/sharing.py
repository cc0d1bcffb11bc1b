"""Makes the node that a Live is, where several processes come to one count."""

from __future__ import annotations

import dataclasses
import os
import random
import socket
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from nannin.audience.leases import Leases
from nannin.audience.roster import Roster
from nannin.audience.share import Share
from nannin.clock import Clock
from nannin.errors import SettingsError
from nannin.nodes.backplane import Backplane, Connect, Ears
from nannin.nodes.local import this_worker
from nannin.nodes.node import BEAT_EVERY_S, Node
from nannin.nodes.orders import Order
from nannin.nodes.strangers import Strangers
from nannin.settings import Settings

if TYPE_CHECKING:
    from nannin.nodes.outside import Outside

__all__ = ["LEASE_S", "in_own_space", "make_node", "make_outside", "name_of_node"]

# Seconds for which a node may stand still before the others take it for gone.
LEASE_S: Final = 15.0
# How many Lives of this process have the same Redis and the same prefix.
_lives: Final = Counter[tuple[str, str]]()


def in_own_space(settings: Settings) -> Settings:
    """The settings of one more Live of this process, whose pages are those of no other Live.

    The first Live on a Redis keeps its prefix. The next ones get `PREFIX:1`, `PREFIX:2` and so on: all
    processes make their Lives in the same order, so that the second of each has the same pages. Only the
    first hears emitters of other libraries, which have no prefix.
    """
    if settings.redis is None:
        return settings
    place = settings.redis, settings.redis_prefix
    number = _lives[place]
    _lives[place] += 1
    if not number:
        return settings
    prefix = f"{settings.redis_prefix}:{number}"
    return dataclasses.replace(settings, redis_prefix=prefix, redis_emitters=("none",))


def make_node(
    settings: Settings, roster: Roster[Any], clock: Clock, new_id: Callable[[], str]
) -> Node | None:
    """The node of a Live with this roster: of those on its Redis, of its machine's workers, or None.

    Raises:
        SettingsError: the address of Redis is wrong, or what speaks to Redis is not installed.
    """
    worker = this_worker()
    strangers = Strangers(_same_on_all(settings), settings.redis_prefix)
    if settings.redis is not None:
        share = Share(roster, epoch := strangers.epoch(new_id()), leases=Leases(LEASE_S, BEAT_EVERY_S))
        connect = _connect_to_redis(settings.redis, settings.redis_prefix, new_id)
    elif worker is not None:
        share = Share(roster, new_id(), everything=True, remember_s=0.0)
        connect = worker.backplane(worker.next_space())
    else:
        return None
    node = Node(share, clock, connect)
    if settings.redis is not None:
        node.on_nodes = strangers.look
        if worker is not None:
            worker.name(epoch, node.bury)
    roster.on_change = node.touch
    return node


def _same_on_all(settings: Settings) -> tuple[object, ...]:
    """What all servers of a site have in common, wherever their application's file is."""
    app = None if settings.app is None else os.path.basename(settings.app)
    return app, sorted(settings.pages), sorted(settings.groups), sorted(settings.allow_origins)


def name_of_node(settings: Settings) -> str:
    """What people read of this node: which worker it is, and of which machine, where there may be several."""
    worker = this_worker()
    name = f"worker {worker.slot + 1} of {worker.workers}" if worker is not None else f"process {os.getpid()}"
    return name if settings.redis is None else f"{socket.gethostname()}, {name}"


def _connect_to_redis(url: str, prefix: str, new_id: Callable[[], str]) -> Connect:
    try:
        from nannin.nodes.redis import RedisBackplane  # most servers need none, and it loads redis-py
        from nannin.nodes.redis_address import RedisAddress
        from nannin.nodes.redis_calls import RedisCalls
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "redis":
            raise
        raise SettingsError('redis needs redis-py: install it with pip install "nannin[redis]"') from None
    address = RedisAddress(url)
    calls = RedisCalls(prefix, "0", new_id, is_cluster=address.is_cluster)

    def connect(ears: Ears) -> Backplane:
        return RedisBackplane(address, calls, ears, random.random)

    return connect


def make_outside(
    settings: Settings, on_order: Callable[[Order], None], on_refused: Callable[[str], None]
) -> Callable[[], Outside] | None:
    """What begins to hear other programs that send over Redis; None without Redis.

    Args:
        settings: the Live's, from which `make_node` has made a node already.
        on_order: called with what they want.
        on_refused: called for each message that is not understood, with the reason.
    """
    if settings.redis is None:
        return None
    from nannin.nodes.outside import Outside  # as above
    from nannin.nodes.redis_address import RedisAddress

    address, prefix, names = RedisAddress(settings.redis), settings.redis_prefix, settings.redis_emitters
    return lambda: Outside(address, prefix, names, on_order, on_refused, random.random)
