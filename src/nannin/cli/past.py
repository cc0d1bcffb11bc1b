"""The commands that show the past of a running server: `nannin stats` and `nannin export`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from nannin.cli.options import CONTEXT, insecure_option, token_option
from nannin.sources import load

__all__ = ["export", "stats"]

F = TypeVar("F", bound=Callable[..., Any])

_STEPS = "minute, hour, day, week, month or year"


def span_options(default: str) -> Callable[[F], F]:
    """The options that say which time is meant.

    Args:
        default: where it begins if nothing is said.
    """
    options = [
        click.option(
            "--from",
            "from_",
            metavar="TIME",
            help=f"From then on: 24h or 7d ago, 2026-11-27, 2026-11-27T09:30. [{default} before the end]",
        ),
        click.option("--to", metavar="TIME", help="Up to then. [now]"),
        click.option("--step", metavar="STEP", help=f"{_STEPS}. [one that fits the time]"),
        click.option("--zone", metavar="NAME", help="The time zone, such as Europe/Berlin. [the server's]"),
    ]

    def add(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return add


@click.command(context_settings=CONTEXT, short_help="Show what pages of a running server had lately.")
@click.argument("url", required=False)
@click.option(
    "--page",
    "pages",
    metavar="PAGE",
    multiple=True,
    help="A page; may be repeated. [those with most visitors]",
)
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(1, 100),
    default=10,
    help="How many pages, if none is named. [10]",
)
@span_options("a day")
@token_option
@insecure_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON, an object on each line.")
def stats(url: str | None, pages: tuple[str, ...], token: str | None, **given: Any) -> int:
    """Shows how many are on the pages of a running server, how many were there lately, and the peaks.

    URL is the server's address. Without it, the host and the port are those of the environment (NANNIN_PORT)
    or nannin.toml, or else http://127.0.0.1:8124.
    """
    from nannin.cli.remote import url_of
    from nannin.cli.stats.command import run

    return run(url or url_of(load({})), pages, token=token or load().read_token, **given)


@click.command(context_settings=CONTEXT, short_help="Write the history of a running server to a file.")
@click.argument("url", required=False)
@click.option(
    "--page",
    "pages",
    metavar="PAGE",
    multiple=True,
    help="A page; may be repeated. [all that have a history]",
)
@span_options("a day")
@token_option
@insecure_option
@click.option("--json", "as_json", is_flag=True, help="Write JSON, an object on each line, instead of CSV.")
@click.option("--output", metavar="FILE", help="Write to this file. [standard output]")
def export(url: str | None, pages: tuple[str, ...], token: str | None, **given: Any) -> int:
    """Writes the history of a running server as a table (CSV), however long it is.

    URL is the server's address. Without it, the host and the port are those of the environment (NANNIN_PORT)
    or nannin.toml, or else http://127.0.0.1:8124.
    """
    from nannin.cli.export import run
    from nannin.cli.remote import url_of

    return run(url or url_of(load({})), pages, token=token or load().read_token, **given)
