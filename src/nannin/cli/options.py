"""Options that several commands have, and how their help looks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

__all__ = ["CONTEXT", "insecure_option", "pages_option", "token_option"]

F = TypeVar("F", bound=Callable[..., Any])

CONTEXT: Final[dict[str, Any]] = {"help_option_names": ["-h", "--help"], "max_content_width": 110}

insecure_option = click.option(
    "--insecure", is_flag=True, help="Accept any certificate of an https URL, such as a self-signed one."
)
token_option = click.option(
    "--token", metavar="TEXT", help="The server's read_token. [NANNIN_READ_TOKEN, or nannin.toml]"
)


def pages_option(default: str) -> Callable[[F], F]:
    """The option that names pages.

    Args:
        default: which pages are meant if none is named.
    """
    words = f"A page; may be repeated. [{default}]"
    return click.option("--page", "pages", metavar="PAGE", multiple=True, help=words)
