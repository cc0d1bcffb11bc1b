"""Makes the hooks of a Live: who tells, and where what outlasts a restart is kept."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nannin.app.sharing import LEASE_S
from nannin.clock import Clock
from nannin.engine.ids import new_id
from nannin.errors import HistoryError, SettingsError
from nannin.history.points import Metric, Peak
from nannin.hooks.hooks import Hooks, Turn
from nannin.hooks.rules import MOST_PAGES
from nannin.hub.hub import Hub
from nannin.nodes.node import Node
from nannin.settings import Settings

if TYPE_CHECKING:
    from nannin.history.recorder import History
    from nannin.history.store import Store

__all__ = ["find_file", "make_hooks", "seed"]

# The name of the file in the data directory.
FILE: Final = "hooks.sqlite3"

logger = logging.getLogger("nannin.hooks")


def make_hooks(
    settings: Settings, clock: Clock, unix_s: Callable[[], float], node: Node | None, hub: Hub
) -> Hooks:
    """The hooks of a Live, at first those of its settings.

    Args:
        settings: the Live's.
        clock: time.
        unix_s: the time of day.
        node: this node, where there are others.
        hub: which counts the groups that hooks are for.

    Raises:
        SettingsError: a hook can't work.
    """
    # Over Redis a node that died is taken for alive until its lease is over.
    unsure_s = LEASE_S if settings.redis is not None else 0.0

    def turn() -> Turn:
        return Turn(True) if node is None else Turn(node.is_eldest, node.elder_s - unsure_s)

    hooks = Hooks(
        settings.hooks, settings.hook_networks, clock, unix_s, turn, new_id, find_file(settings, os.environ)
    )
    for key in hooks.groups:
        try:
            hub.handlers.group(key)
        except ValueError as error:
            raise SettingsError(f"hooks: {error}") from None
    return hooks


def find_file(settings: Settings, environ: Mapping[str, str]) -> Path | None:
    """The file of what outlasts a restart; None where nobody has asked for a data directory."""
    keeps_history = settings.history not in (None, "off")
    if settings.data_dir is None and not keeps_history and not environ.get("STATE_DIRECTORY"):
        return None
    from nannin.history.place import data_dir

    return Path(data_dir(settings, environ), FILE)


async def seed(hooks: Hooks, history: History) -> None:
    """Tells hooks of peaks how high each number ever was."""
    for of in hooks.seeds:
        metric = Metric(of)

        def read(store: Store, metric: Metric = metric) -> list[Peak]:
            return store.peaks(metric=metric, limit=MOST_PAGES)

        try:
            peaks = await history.ask(read)
        except HistoryError as error:
            logger.warning("peaks of the past are not known to hooks: %s", error)
            return
        hooks.seed(of, [(peak.page, peak.value) for peak in peaks])
