"""What a person types to see the past."""

from __future__ import annotations

import os
from typing import Any

import pytest

import nannin.cli.export
import nannin.cli.stats.command
from nannin.cli.command import main

pytestmark = pytest.mark.usefixtures("own_environment")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[str, ...], dict[str, Any]]]:
    """What would have been asked of which server."""
    asked: list[tuple[str, tuple[str, ...], dict[str, Any]]] = []

    def run(url: str, pages: tuple[str, ...], **options: Any) -> int:
        asked.append((url, pages, options))
        return 0

    monkeypatch.setattr(nannin.cli.stats.command, "run", run)
    monkeypatch.setattr(nannin.cli.export, "run", run)
    return asked


@pytest.mark.parametrize("command", ["stats", "export"])
def test_a_server_is_asked_where_the_environment_says(command: str, asked: list[Any]) -> None:
    assert main([command]) == 0
    os.environ.update(NANNIN_PORT="9002", NANNIN_READ_TOKEN="0123456789abcdef")
    assert main([command]) == 0
    assert main([command, "https://live.test", "--token", "x"]) == 0
    assert [(url, options["token"]) for url, _, options in asked] == [
        ("http://127.0.0.1:8124", None),
        ("http://127.0.0.1:9002", "0123456789abcdef"),
        ("https://live.test", "x"),
    ]


@pytest.mark.parametrize("command", ["stats", "export"])
def test_pages_and_a_time_can_be_named(command: str, asked: list[Any]) -> None:
    span = ["--from", "7d", "--to", "now", "--step", "day", "--zone", "UTC"]
    assert main([command, "--page", "/a", "--page", "/b", *span, "--json", "--insecure"]) == 0
    _, pages, options = asked[0]
    assert pages == ("/a", "/b")
    assert (options["from_"], options["to"], options["step"], options["zone"]) == ("7d", "now", "day", "UTC")
    assert (options["as_json"], options["insecure"]) == (True, True)


def test_each_has_an_option_of_its_own(asked: list[Any]) -> None:
    assert main(["stats", "--limit", "3"]) == 0
    assert main(["export", "--output", "x.csv"]) == 0
    assert (asked[0][2]["limit"], asked[1][2]["output"]) == (3, "x.csv")
    assert main(["stats", "--limit", "0"]) == 2


@pytest.mark.parametrize("command", ["stats", "export"])
def test_the_help_says_where_a_server_is_looked_for(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert "or else http://127.0.0.1:8124" in " ".join(capsys.readouterr().out.split())
