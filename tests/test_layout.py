"""The tests' folders mirror the rooms: each module has its tests in its room, and nothing else is there."""

from __future__ import annotations

import ast
import gc
from pathlib import Path

TESTS = Path(__file__).parent
SRC = TESTS.parent / "src" / "nannin"
# Modules that only a process can try, and the tests that do it.
IN_PROCESSES = {
    "__main__": "whole/test_start.py",
    "cli/bench/command": "whole/bench/test_command.py",
    "cli/bench/crowd": "whole/bench/test_crowd.py",
    "cli/bench/process": "whole/bench/test_process.py",
    "cli/demo/command": "whole/test_demo.py",
    "cli/demo/crowd": "whole/test_demo.py",
    "cli/watch/command": "whole/test_watch_server.py",
    "hooks/command": "whole/test_hooks.py",
    "nodes/redis": "whole/test_redis.py",
    "nodes/redis_connection": "whole/test_redis.py",
    "server/process": "whole/test_server.py",
    "server/serving": "whole/test_shutdown.py",
    "server/supervisor": "whole/test_workers.py",
}
# Modules that hold only a Protocol, so that there is nothing to run.
NOTHING_TO_RUN = {
    "engine/host",
    "engine/receiver",
    "nodes/backplane",
    "web/history_source",
    "web/metric_parts",
}
# Folders that are no rooms: real processes, what documents say, what tests share, attacks, and this file.
OTHERS = {"whole", "told", "support", "torture"}
# What a process or a real server would come from.
FORBIDDEN = {
    "subprocess",
    "multiprocessing",
    "playwright",
    "support.commands",
    "support.cutting",
    "support.raw_client",
    "support.raw_links",
    "support.raw_wire",
    "support.servers",
}

# What is in a room and is for none of its modules: fixtures, the package's names, a contract of all links.
NO_MODULE = {"conftest.py", "test_init.py", "test_link_contract.py"}

MODULES = sorted(
    str(path.relative_to(SRC).with_suffix("")) for path in SRC.rglob("*.py") if path.name != "__init__.py"
)
FILES = sorted(
    str(path.relative_to(TESTS))
    for path in TESTS.rglob("*.py")
    if path.relative_to(TESTS).parts[0] not in OTHERS and path != Path(__file__)
)


def owner(file: str) -> str | None:
    """The module that a test file is for: its own name, or that with an aspect behind a `_`."""
    folder, _, name = file.rpartition("/")
    names = name.removesuffix(".py").removeprefix("test_").split("_")
    for end in range(len(names), 0, -1):
        module = "/".join(filter(None, [folder, "_".join(names[:end])]))
        if module in MODULES:
            return module
    return None


def imports(path: Path) -> set[str]:
    """The modules that a file imports, with the packages that they are in."""
    names = set()
    gc.disable()  # Python 3.11 raises a SystemError if finalizers run while it makes the tree
    tree = ast.parse(path.read_text(encoding="utf-8"))
    gc.enable()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names | {name.partition(".")[0] for name in names}


def test_every_module_has_its_tests_in_its_room() -> None:
    tested = {owner(file) for file in FILES} | IN_PROCESSES.keys() | NOTHING_TO_RUN
    assert [module for module in MODULES if module not in tested] == []


def test_nothing_else_is_in_the_rooms() -> None:
    assert [file for file in FILES if owner(file) is None and Path(file).name not in NO_MODULE] == []


def test_what_needs_a_process_is_tested_with_processes() -> None:
    assert [file for file in IN_PROCESSES.values() if not (TESTS / file).exists()] == []
    assert [module for module in IN_PROCESSES if module not in MODULES] == []


def test_no_test_of_a_room_starts_a_process() -> None:
    starters = {file: imports(TESTS / file) & FORBIDDEN for file in FILES if file != "conftest.py"}
    assert {file: names for file, names in starters.items() if names} == {}
