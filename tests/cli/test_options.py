"""Options that several commands have."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from nannin.cli.command import cli


@pytest.mark.parametrize("command", ["watch", "stats", "export"])
def test_commands_that_read_from_a_server_take_its_token_and_any_certificate(command: str) -> None:
    said = " ".join(CliRunner().invoke(cli, [command, "--help"]).output.split())
    assert "--token TEXT The server's read_token. [NANNIN_READ_TOKEN, or nannin.toml]" in said
    assert "--insecure Accept any certificate of an https URL" in said
