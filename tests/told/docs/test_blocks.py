"""What the pages show can be run: each block of Python, each command, each request."""

from __future__ import annotations

import base64
import json
import os
import pathlib
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import click
import httpx
import pytest
import uvicorn

from nannin.cli.command import cli, read_flags
from nannin.kinds import Secret
from nannin.list_kinds import Secrets
from nannin.settings import SETTINGS
from nannin.sources import load
from support.doc_pages import PAGES, Block, blocks, command_lines
from support.servers import ROOT, Server, nannin

TOKEN = "a-token-of-your-own"  # as the pages write it

# Runs each file as Python runs a program, but not as `__main__`, and says which one fails. SECRET, on a page,
# stands for the reader's own.
RUN = """
import pathlib, runpy, sys
sys.path.insert(0, str(pathlib.Path(sys.argv[1]).parent))
for path in map(pathlib.Path, sys.argv[1:]):
    try:
        runpy.run_path(str(path), {"SECRET": "the reader's own secret"}, path.stem)
    except BaseException as error:
        raise SystemExit(f"{path.name} raised {error!r}:\\n{path.read_text()}")
"""
# What a page tells its reader to put into the environment of a program.
READERS_OWN = {"HOOK_SECRET": "whsec_" + base64.b64encode(bytes(range(32))).decode()}
# They are shown beside ours, and what they need is not installed with the tests.
FOREIGN = ("flask_socketio",)


def is_foreign(block: Block) -> bool:
    """Whether a block is a program for another server."""
    return any(re.search(rf"^(from|import) {name}\b", block.text, re.M) for name in FOREIGN)


def commands() -> Iterator[tuple[str, list[str]]]:
    """Each command line of nannin, with its page: what stands behind the command's name."""
    for page in PAGES:
        for words in command_lines(page):
            while re.fullmatch(r"\w+=.*", words[0]):
                words = words[1:]
            if words[0].rpartition("/")[2] == "nannin":
                yield page, words[1:]


def as_id(value: str | list[str]) -> str:
    """A page or a command as part of a test's name."""
    return value if isinstance(value, str) else " ".join(value)[:60]


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")])
def test_every_block_of_python_runs(page: str, tmp_path: pathlib.Path) -> None:
    files = []
    for number, block in enumerate(blocks(page, "python")):
        if is_foreign(block):
            compile(block.text, block.heading, "exec")
            continue
        named = re.match(r"# (\w+\.py)\n", block.text)  # a program that others on the page import
        files.append(tmp_path / (named[1] if named else f"block_{number}.py"))
        files[-1].write_text(block.text, encoding="utf-8")
    command = [sys.executable, "-W", "ignore", "-c", RUN, *map(str, files)]
    environ = os.environ | READERS_OWN
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, env=environ)
    assert done.returncode == 0, done.stderr


def test_there_are_blocks_and_commands_on_the_pages() -> None:
    assert sum(len(blocks(page, "python")) for page in PAGES) > 40
    assert len(list(commands())) > 25


@pytest.mark.parametrize(("page", "words"), list(commands()), ids=as_id)
def test_every_command_of_nannin_is_one_that_it_takes(page: str, words: list[str]) -> None:
    context = cli.make_context("nannin", list(words), resilient_parsing=words in (["--help"], ["--version"]))
    if not context.args and not context._protected_args:
        return
    name, command, rest = cli.resolve_command(context, [*context._protected_args, *context.args])
    assert command is not None, page
    if "--help" in rest:
        rest.remove("--help")
    made = command.make_context(name, rest, parent=context)
    if name == "serve":
        flags = {key: value for key, value in made.params.items() if key != "config"}
        load(read_flags(flags), {})


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_command_names_is_there(page: str) -> None:
    named = [
        word.partition(":")[0]
        for words in command_lines(page)
        for word in words
        if word.startswith("examples/")
    ]
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_variable_that_is_shown_is_a_setting(page: str) -> None:
    known = {setting.variable: setting for setting in SETTINGS.values()}
    for words in command_lines(page):
        for name, value in re.findall(r"^(NANNIN_\w+)=(.*)$", "\n".join(words), re.M):
            kind = known[name].kind
            assert kind.check(kind.parse(value)), name
            assert not isinstance(kind, Secret | Secrets) or value == TOKEN


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_uvicorn_is_one_that_it_takes(page: str) -> None:
    for words in command_lines(page):
        if words[0] == "uvicorn":
            context = uvicorn.main.make_context("uvicorn", words[1:])
            assert context.params["ws"] == "nannin:DirectWebSocket"


@pytest.mark.parametrize("page", PAGES)
def test_every_target_of_make_that_is_shown_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert {words[1] for words in command_lines(page) if words[0] == "make"} <= targets


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    history = ("--history", "on", "--data-dir", str(tmp_path_factory.mktemp("data")))
    with nannin("--emit-token", TOKEN, "--read-token", TOKEN, "--groups", "/shop/*", *history) as server:
        # The first question opens the history, which may take longer than the others wait.
        assert httpx.get(f"{server.url}/api/history", timeout=30).status_code == 200
        yield server


def requests() -> list[list[str]]:
    """What the pages have curl ask nannin for, without streams, which have no end."""
    lines = [words[1:] for page in PAGES for words in command_lines(page) if words[0] == "curl"]
    return [words for words in lines if "-N" not in words and any("/api/" in word for word in words)]


@pytest.mark.parametrize("words", requests(), ids=" ".join)
def test_every_request_that_curl_is_shown_to_make_is_answered(server: Server, words: list[str]) -> None:
    @click.command()
    @click.argument("url")
    @click.option("-H", "headers", multiple=True)
    @click.option("-d", "body")
    @click.option("--fail", is_flag=True)
    @click.option("--max-time")
    def curl(url: str, headers: tuple[str, ...], body: str | None, **_: object) -> None:
        parts = urlsplit(url)
        sent = dict(header.split(": ", 1) for header in headers)
        where = f"{server.url}{parts.path}?{parts.query}"
        while (
            response := httpx.request("POST" if body else "GET", where, headers=sent, content=body)
        ).status_code == 503:  # all pages at once ask more often than a reader: "try again in a second"
            time.sleep(float(response.headers["Retry-After"]))
        assert response.status_code == 200, response.text
        json.loads(response.text)

    curl.main(list(words), standalone_mode=False)
