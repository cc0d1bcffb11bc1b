"""The commands that show the past of a running server: `nannin stats` and `nannin export`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from nannin.cli.options import CONTEXT, insecure_option, pages_option, token_option
from nannin.sources import load

__all__ = ["export", "stats"]

F = TypeVar("F", bound=Callable[..., Any])

_STEPS = "minute, hour, day, week, month or year"


def _asking(default_pages: str, json: str) -> Callable[[F], F]:
    """What both commands take: a server, pages, a time, and what opens the server.

    Args:
        default_pages: which pages are meant if none is named.
        json: what `--json` does.
    """
    parameters = [
        click.argument("url", required=False),
        pages_option(default_pages),
        click.option(
            "--from",
            "from_",
            metavar="TIME",
            help="From then on: 24h or 7d ago, 2026-11-27, 2026-11-27T09:30. [a day before the end]",
        ),
        click.option("--to", metavar="TIME", help="Up to then. [now]"),
        click.option("--step", metavar="STEP", help=f"{_STEPS}. [one that fits the time]"),
        click.option("--zone", metavar="NAME", help="The time zone, such as Europe/Berlin. [the server's]"),
        token_option,
        insecure_option,
        click.option("--json", "as_json", is_flag=True, help=json),
    ]

    def add(function: F) -> F:
        for parameter in reversed(parameters):
            function = parameter(function)
        return function

    return add


def _where(url: str | None, token: str | None) -> dict[str, Any]:
    """The server that is asked, and what opens it: as they are given, or as the settings have them."""
    from nannin.cli.remote import url_of

    return {"url": url or url_of(load({})), "token": token or load().read_token}


@click.command(context_settings=CONTEXT, short_help="Show what pages of a running server had lately.")
@_asking("those with most visitors", "Print JSON, an object on each line.")
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(1, 100),
    default=10,
    help="How many pages, if none is named. [10]",
)
def stats(url: str | None, token: str | None, **given: Any) -> int:
    """Shows how many are on the pages of a running server, how many were there lately, and the peaks.

    URL is the server's address. Without it, the host and the port are those of the environment (NANNIN_PORT)
    or nannin.toml, or else http://127.0.0.1:8124.
    """
    from nannin.cli.stats.command import run

    return run(**_where(url, token), **given)


@click.command(context_settings=CONTEXT, short_help="Write the history of a running server to a file.")
@_asking("all that have a history", "Write JSON, an object on each line, instead of CSV.")
@click.option("--output", metavar="FILE", help="Write to this file. [standard output]")
def export(url: str | None, token: str | None, **given: Any) -> int:
    """Writes the history of a running server as a table (CSV), however long it is.

    URL is the server's address. Without it, the host and the port are those of the environment (NANNIN_PORT)
    or nannin.toml, or else http://127.0.0.1:8124.
    """
    from nannin.cli.export import run

    return run(**_where(url, token), **given)
