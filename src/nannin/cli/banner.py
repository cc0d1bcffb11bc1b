"""What a person reads once the server has started: where it is, and how to stop it."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from typing import Final

import click

from nannin.settings import Settings

__all__ = ["address_of", "announce", "banner", "open_browser", "version"]


# Hosts that mean every address of a machine, and which addresses these are.
ALL_ADDRESSES: Final = {"0.0.0.0": "all IPv4 addresses", "::": "all IPv6 addresses"}  # noqa: S104

# An element that reads right for one person, for several, and before any number has come.
ELEMENT: Final = (
    '<span data-nannin data-nannin-one="{n} person is reading this." '
    'data-nannin-other="{n} people are reading this."></span>'
)


def version() -> str:
    """The installed version."""
    from importlib.metadata import version  # takes 20 ms, which most commands need not pay

    return version("nannin")


def announce(has_page: bool, settings: Settings) -> None:
    """Tells that the server has started, and opens the page if that is asked for.

    A person at a terminal gets the banner, and a log or a journal gets one line.

    Args:
        has_page: whether nannin's own page is at its address.
        settings: the server's, with the place where it really listens.
    """
    from nannin.server.reload import RESTARTED

    address = address_of(settings, settings.port)
    is_seen = sys.stdout.isatty() and RESTARTED not in os.environ and settings.log_format == "text"
    if is_seen:
        text = "\n".join(banner(settings, address, has_page=has_page))
        with contextlib.suppress(OSError):  # nobody may be reading
            click.echo(text, color=False if "NO_COLOR" in os.environ else None)
    if not (is_seen and sys.stderr.isatty()):
        place = f"{address}/" if address else f"the socket {settings.uds}"
        if settings.host in ALL_ADDRESSES and address:
            place = f"{ALL_ADDRESSES[settings.host]}, on this machine as {place}"
        if settings.workers > 1:
            place += f", with {settings.workers} workers"
        logging.getLogger("nannin.server").info("nannin %s listens on %s", version(), place)
    if settings.open:
        open_browser(f"{address}/")


def banner(settings: Settings, address: str, *, has_page: bool) -> list[str]:
    """The lines of the banner.

    Args:
        settings: the server's.
        address: as `address_of` has it.
        has_page: whether nannin's own page is at that address.
    """
    rows = {"Socket": settings.uds or ""}
    if address:
        rows = {"Page" if has_page else "Address": f"{address}/"}
    if address and settings.host in ALL_ADDRESSES:
        rows["Network"] = f"{ALL_ADDRESSES[settings.host]}, port {settings.port}"
    if address and has_page:
        rows["Dashboard"] = f"{address}/dashboard"
        rows["Embed"] = f'<script async src="{address}/nannin.js"></script>'
        rows[""] = ELEMENT
    if history := _history(settings):
        rows["History"] = history
    rows["Stop"] = "Ctrl-C"
    width = max(map(len, rows))
    title = click.style(f"nannin {version()}", bold=True)
    if settings.workers > 1:
        title += f", {settings.workers} workers"
    return [
        "",
        title,
        "",
        *(f"  {click.style(name.ljust(width), dim=True)}  {rows[name]}" for name in rows),
        "",
    ]


def _history(settings: Settings) -> str:
    """Where history is kept, or why it is not; "" where it is turned off."""
    from nannin.history.place import find_place

    place = find_place(settings, by_default=settings.app is None)
    return place.words or (f"off: {place.why_not}" if place.why_not else "")


def address_of(settings: Settings, port: int) -> str:
    """Where a browser on this machine finds the server, without a `/` at the end; "" for a socket file."""
    if settings.uds:
        return ""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    host = f"[{host}]" if ":" in host else host
    scheme = "https" if settings.ssl_certfile else "http"
    shown = "" if port == {"http": 80, "https": 443}[scheme] else f":{port}"
    return f"{scheme}://{host}{shown}{settings.root_path}"


def open_browser(address: str) -> None:
    """Opens the page, without waiting for the browser."""
    import threading
    import webbrowser

    def run() -> None:
        if not webbrowser.open(address):
            logging.getLogger("nannin.cli").warning("no browser was found to open %s", address)

    threading.Thread(target=run, daemon=True).start()
