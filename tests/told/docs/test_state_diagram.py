"""The diagram of a session's states is the one that the table makes."""

from __future__ import annotations

import runpy

from nannin.wire.engine_states import TABLE
from support.doc_pages import DOCS

DIAGRAM: str = runpy.run_path(str(DOCS / "hooks" / "state_diagram.py"))["text"]()


def test_the_page_holds_the_diagram_that_the_table_makes() -> None:
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    assert page.count("stateDiagram") == 1
    assert DIAGRAM in page, "run `python docs/hooks/state_diagram.py`"


def test_the_diagram_shows_every_move_that_changes_the_state_and_no_other() -> None:
    moves = {(before.name, after.name) for (before, _), (after, _) in TABLE.items() if before is not after}
    shown = {tuple(line.partition(":")[0].split(" --> ")) for line in DIAGRAM.split("\n  ")[1:]}
    assert shown == {*moves, ("[*]", "POLLING"), ("[*]", "WEBSOCKET")}
