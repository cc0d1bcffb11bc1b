"""What the READMEs and CONTRIBUTING.md show is what is there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import pytest

from nannin.cli.command import banner
from nannin.settings import Settings
from support.servers import ROOT

READMES = ["README.md", "README.ja.md"]
PAGES = [*READMES, "CONTRIBUTING.md"]


def blocks(name: str, language: str) -> list[str]:
    """The fenced blocks of one language."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands(name: str) -> list[list[str]]:
    """Every command line that the page shows, in blocks and in the table."""
    text = (ROOT / name).read_text(encoding="utf-8")
    lines = [line for block in blocks(name, "sh") for line in block.splitlines()]
    lines += re.findall(r"^\| `(nannin[^`]*)` \|", text, re.MULTILINE)
    return [words for line in lines if (words := shlex.split(line, comments=True))]


@pytest.fixture(scope="module")
def help_text() -> str:
    command = [sys.executable, "-m", "nannin", "serve", "--help"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout


@pytest.mark.parametrize("name", READMES)
def test_the_python_that_is_shown_is_the_example_that_is_tested(name: str) -> None:
    tested = [ROOT / "examples" / folder / "app.py" for folder in ("classic", "echo")]
    assert blocks(name, "python") == [path.read_text(encoding="utf-8") for path in tested]


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_to_a_file(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("name", READMES)
def test_every_option_that_is_shown_exists(name: str, help_text: str) -> None:
    shown = {word for words in commands(name) if words[0] == "nannin" for word in words if word[:2] == "--"}
    assert {"--port", "--app", "--allow-origins"} <= shown
    assert [option for option in sorted(shown) if f" {option} " not in help_text.replace(",", " ")] == []


@pytest.mark.parametrize("name", PAGES)
def test_every_target_of_make_that_is_shown_exists(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    shown = {words[1] for words in commands(name) if words[0] == "make"}
    assert {"run", "test"} <= shown <= targets


@pytest.mark.parametrize("name", READMES)
def test_the_embed_that_is_shown_is_the_one_that_the_server_prints(name: str) -> None:
    html, _ = blocks(name, "html")
    tag, line = html.splitlines()
    printed = "\n".join(banner(Settings(), "https://live.example.org", has_page=True))
    assert tag in printed
    assert "<span data-nannin></span>" in line
    assert "<span data-nannin></span>" in printed


def test_both_languages_show_the_same_commands() -> None:
    english, japanese = map(commands, READMES)
    assert english == japanese


def test_every_file_that_contributing_names_exists() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:src|tests|docs)/[^`]+)`", text)
    assert len(named) > 20
    assert [path for path in named if not (ROOT / path).exists()] == []
