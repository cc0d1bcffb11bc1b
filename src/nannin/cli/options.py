"""Options that several commands have, and how their help looks."""

from __future__ import annotations

from typing import Any, Final

import click

__all__ = ["CONTEXT", "insecure_option", "token_option"]

CONTEXT: Final[dict[str, Any]] = {"help_option_names": ["-h", "--help"], "max_content_width": 110}

insecure_option = click.option(
    "--insecure", is_flag=True, help="Accept any certificate of an https URL, such as a self-signed one."
)
token_option = click.option(
    "--token", metavar="TEXT", help="The server's read_token. [NANNIN_READ_TOKEN, or nannin.toml]"
)
