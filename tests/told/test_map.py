"""The maps of the house, in architecture.md and CONTRIBUTING.md, show the rooms and files that there are."""

from __future__ import annotations

import re
from pathlib import Path

from support.servers import ROOT

SRC = ROOT / "src" / "nannin"
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """What stands below a heading, up to the next of its level."""
    level = re.escape(heading.split()[0])
    found = re.search(rf"^{re.escape(heading)}[^\n]*\n(.*?)(?=^{level} |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


def modules() -> list[str]:
    """Every module of the source, without the `__init__.py` of rooms, which hold nothing."""
    paths = [path.relative_to(SRC) for path in SRC.rglob("*.py")]
    return sorted(str(path) for path in paths if path.name != "__init__.py" or path == Path("__init__.py"))


def rooms() -> set[str]:
    return {path.name for path in SRC.iterdir() if (path / "__init__.py").exists()}


def drawn() -> list[tuple[str, str]]:
    """The files of the tree in architecture.md, and what is said of each."""
    _, _, rest = ARCHITECTURE.partition("Every file, with what it is for:")
    block = re.search(r"```text\nsrc/nannin/\n(.*?)```", rest, re.DOTALL)
    assert block
    files, folders = [], list[str]()
    for line in filter(str.strip, block[1].splitlines()):
        depth = (len(line) - len(line.lstrip())) // 2 - 1
        name, _, words = line.strip().partition(" ")
        folders = folders[:depth]
        if name.endswith("/"):
            folders.append(name.removesuffix("/"))
        else:
            files.append(("/".join([*folders, name]), words.strip()))
    return files


def test_the_tree_in_the_architecture_shows_every_file_and_no_other() -> None:
    shown = [file for file, _ in drawn()]
    assert sorted(shown) == modules()


def test_the_tree_says_of_every_file_what_it_is_for() -> None:
    assert [file for file, words in drawn() if not words] == []


def test_the_architecture_lists_every_room() -> None:
    assert {file.split("/")[0] for file, _ in drawn() if "/" in file} == rooms()


def test_contributing_lists_every_room_and_every_folder_of_tests() -> None:
    places = section(CONTRIBUTING, "## Where things live")
    assert set(re.findall(r"`src/nannin/(\w+)/`", places)) == rooms()
    folders = {path.name for path in (ROOT / "tests").iterdir() if list(path.glob("**/*.py"))}
    assert folders - rooms() <= set(re.findall(r"`tests/(\w+)/`", places))


def test_whoever_adds_something_is_sent_to_files_that_exist() -> None:
    table = section(ARCHITECTURE, "## I want to add")
    paths = re.findall(r"`([\w./]+\.py)`", table)
    assert len(paths) > 10
    files = [(ROOT if path.startswith("tests/") else SRC) / path for path in paths]
    assert [file for file in files if not file.exists()] == []


def test_the_rules_of_imports_know_every_room() -> None:
    rules = (ROOT / ".importlinter").read_text(encoding="utf-8")
    layers, _, _ = rules.partition("[importlinter:contract:engine]")
    assert set(re.findall(r"nannin\.(\w+)", layers)) >= rooms()
