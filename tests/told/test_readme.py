"""What the READMEs and CONTRIBUTING.md show is what is there."""

from __future__ import annotations

import os
import pathlib
import re
import shlex
import subprocess
import sys
import tomllib

import pytest

from nannin.cli.banner import banner
from nannin.cli.command import cli
from nannin.settings import Settings
from support.servers import ROOT

READMES = ["README.md", "README.ja.md"]
PAGES = [*READMES, "CONTRIBUTING.md"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REPOSITORY = PROJECT["urls"]["Source"]
PICTURES = REPOSITORY.replace("//github.com/", "//raw.githubusercontent.com/")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", read(name), re.MULTILINE | re.DOTALL)


def commands(name: str) -> list[list[str]]:
    """Every command line that the page shows, in blocks and in the table."""
    lines = [line for block in blocks(name, "sh") for line in block.splitlines()]
    lines += re.findall(r"^\| `(nannin[^`]*)` \|", read(name), re.MULTILINE)
    return [words for line in lines if (words := shlex.split(line, comments=True))]


@pytest.fixture(scope="module")
def help_text() -> str:
    command = [sys.executable, "-m", "nannin", "serve", "--help"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout


@pytest.mark.parametrize("name", READMES)
def test_the_sample_that_is_shown_is_the_example_that_is_tested(name: str) -> None:
    *_, sample = blocks(name, "python")
    assert sample == read("examples/classic/app.py")


def test_the_application_of_the_readme_passes_its_own_test(tmp_path: pathlib.Path) -> None:
    application, test, _ = blocks("README.md", "python")
    for text in (application, test):
        file, _, program = text.partition("\n")
        (tmp_path / file.removeprefix("# ")).write_text(program, encoding="utf-8")
    plugins = ["-p", "anyio.pytest_plugin", "-p", "no:cacheprovider", "-W", "error"]
    command = [sys.executable, "-m", "pytest", "-q", *plugins, str(tmp_path)]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # loading ours takes seconds
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_both_languages_show_the_same_programs_and_commands() -> None:
    assert blocks("README.md", "python") == blocks("README.ja.md", "python")
    assert commands("README.md") == commands("README.ja.md")


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_to_a_file(name: str) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", read(name))
    assert links
    for prefix in (f"{REPOSITORY}/blob/main/", f"{PICTURES}/main/"):
        links = [link.removeprefix(prefix) for link in links]
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("name", READMES)
def test_a_readme_reads_the_same_on_another_site(name: str) -> None:
    links = re.findall(r"\]\(([^)]+)\)", read(name))
    assert [link for link in links if "://" not in link] == []
    assert [link for link in links if link.endswith((".png", ".svg")) and not link.startswith(PICTURES)] == []


@pytest.mark.parametrize("name", READMES)
def test_every_option_that_is_shown_exists(name: str, help_text: str) -> None:
    shown = [
        (words[1], word)
        for words in commands(name)
        if words[0] == "nannin"
        for word in words
        if word[:2] == "--"
    ]
    assert {"--port", "--app", "--allow-origins"} <= {option for _, option in shown}
    # What is not the server's is a command's own.
    own = {
        name: {text for each in command.params for text in each.opts}
        for name, command in cli.commands.items()
    }
    unknown = [(name, option) for name, option in shown if f" {option} " not in help_text.replace(",", " ")]
    assert [(name, option) for name, option in unknown if option not in own.get(name, ())] == []


@pytest.mark.parametrize("name", PAGES)
def test_every_target_of_make_that_is_shown_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    shown = {words[1] for words in commands(name) if words[0] == "make"}
    shown |= set(re.findall(r"`make ([a-z]+)`", read(name)))
    assert {"run", "test"} <= shown <= targets


@pytest.mark.parametrize("name", READMES)
def test_what_is_installed_is_this_project(name: str) -> None:
    shown = [words for words in commands(name) if words[:2] == ["pip", "install"]]
    assert shown == [["pip", "install", PROJECT["name"]]]
    assert f"pipx run {PROJECT['name']}" in read(name)
    assert PROJECT["name"] in PROJECT["scripts"]


@pytest.mark.parametrize("name", [*READMES, "docs/start.md"])
def test_the_embed_that_is_shown_is_the_one_that_the_server_prints(name: str) -> None:
    tag, element = blocks(name, "html")[0].splitlines()
    address = re.findall(r'src="(.*)/nannin.js"', tag)[0]
    printed = "\n".join(banner(Settings(), address, has_page=True))
    assert tag in printed
    if name == "README.ja.md":
        assert 'data-nannin-other="' in element, "Japanese has one form"
    else:
        assert element in printed


RIVALS = ("epoll loop in C", "Node.js socket.io", "python-socketio", "nannin, plain ASGI")


def figures_of_the_benchmark() -> tuple[int, dict[str, list[str]]]:
    """The largest size at which all were measured, and its rows by server, each cell as its median."""
    rows: dict[int, dict[str, list[str]]] = {}
    for line in read("bench/RESULTS.md").splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if cells[1:] and re.fullmatch(r"[\d,]+", cells[1]):
            medians = [cell.split(" ", 1)[0] for cell in cells[2:]]
            rows.setdefault(int(cells[1].replace(",", "")), {})[cells[0]] = medians
    size = max(size for size, servers in rows.items() if {"nannin", *RIVALS} <= servers.keys())
    return size, rows[size]


@pytest.mark.parametrize("name", READMES)
def test_the_figures_are_those_of_the_benchmark(name: str) -> None:
    size, row = figures_of_the_benchmark()
    cost = {server: float(medians[3]) for server, medians in row.items()}
    text = re.sub(r"\s+", " ", read(name))
    ours = cost["nannin"]
    shares = [
        server for server in ("Bun socket.io", "Node.js socket.io", "python-socketio") if server in cost
    ]
    for figure in (
        f"{size:,}",
        f"{ours / cost['epoll loop in C']:.1f}",
        *(f"{100 * ours / cost[server]:.0f} %" for server in shares),
        f" {float(row['nannin'][2]):.0f} ",
    ):
        assert figure in text
    assert 2.2 < cost["nannin, plain ASGI"] / ours < 2.8, "about two and a half times"


def test_every_file_that_contributing_names_exists() -> None:
    named = re.findall(r"`((?:src|tests|docs)/[^`]+)`", read("CONTRIBUTING.md"))
    assert len(named) > 14
    assert [path for path in named if not (ROOT / path).exists()] == []
