"""Counts as a server tells them, for the tests of `nannin watch`."""

from __future__ import annotations

import json

from nannin.cli.watch.events import Update


def count(
    page: str,
    visitors: int,
    connections: int | None = None,
    visible: int = 0,
    *,
    stale: bool = False,
    group: bool = False,
) -> Update:
    connections = visitors if connections is None else connections
    told = {"page": page, "connections": connections, "visitors": visitors, "visible": visible}
    if stale:
        told["stale"] = True
    if group:
        told["group"] = True
    return Update(page, connections, visitors, visible, json.dumps(told, ensure_ascii=False), stale, group)


FIRST, SECOND = count("/x", 3, 4, 2), count("/人", 1)


def event(update: Update, end: str = "\n") -> bytes:
    return f"event: audience{end}data: {update.text}{end}{end}".encode()
