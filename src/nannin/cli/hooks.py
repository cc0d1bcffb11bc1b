"""`nannin hooks`: which hooks there are, and whether a sample of their notices arrives."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from nannin.errors import SettingsError
from nannin.hook import Hook
from nannin.settings import Settings

if TYPE_CHECKING:
    from nannin.hooks.notices import Notice

__all__ = ["run"]


def run(settings: Settings, names: Sequence[str], *, tries: bool) -> int:
    """Prints the hooks of the settings, and sends a sample to each if that is wanted.

    Args:
        settings: the server's.
        names: which of them; empty for all.
        tries: whether to send samples.

    Returns:
        0, or 1 if a sample did not arrive.

    Raises:
        SettingsError: there is no such hook, or one can't work.
    """
    from nannin.hooks.addresses import Addresses
    from nannin.hooks.destinations import make_destination

    known = {hook.name: hook for hook in settings.hooks}
    for name in names:
        if name not in known:
            there = ", ".join(map(repr, known)) or "none"
            raise SettingsError(f"there is no hook {name!r}; there are: {there}")
    hooks = [known[name] for name in names or known]
    if not hooks:
        click.echo("There are no hooks. A [[hooks]] table in nannin.toml makes one.")
    addresses = Addresses(settings.hook_networks)
    failed = 0
    for hook in hooks:
        destination = make_destination(hook, addresses, os.environ)
        click.echo(f"{hook.name}: {hook.on} of {hook.key}, to {destination}")
        if tries:
            outcome = destination.send(sample(hook), time.time())
            failed += not outcome.is_done
            click.echo("  a sample has arrived" if outcome.is_done else f"  {outcome.words}")
    return 1 if failed else 0


def sample(hook: Hook) -> Notice:
    """A notice as the hook would tell it, which says that it is a test."""
    from nannin.engine.ids import new_id
    from nannin.hooks.notices import Notice

    limit = hook.above if hook.above is not None else hook.below
    what = hook.on if hook.on != "threshold" else "above" if hook.above is not None else "below"
    value = {"vacated": 0, "occupied": 1, "above": (limit or 0) + 1, "below": (limit or 1) - 1}.get(what, 60)
    now = time.time()
    return Notice(
        id=new_id(),
        hook=hook.name,
        what=what,
        page=hook.key,
        is_group=bool(hook.group),
        is_test=True,
        of=hook.of,
        value=value,
        limit=limit,
        mean=12.5 if what == "spike" else None,
        former=50 if what == "peak" else None,
        period=hook.period if what == "peak" else None,
        connections=value,
        visitors=value,
        visible=value,
        at_unix_s=now,
        since_unix_s=now - hook.debounce,
    )
