"""Writes the diagram of a session's states into architecture.md: `python docs/hooks/state_diagram.py`."""

from __future__ import annotations

import pathlib

from nannin.wire.engine_states import STATES, State

PAGE = pathlib.Path(__file__).resolve().parent.parent / "architecture.md"
BEGIN, END = "```mermaid\nstateDiagram-v2\n", "```\n"

# A session begins in the state of the transport that its handshake came by.
_BEGINNINGS = {State.POLLING: "handshake by GET", State.WEBSOCKET: "handshake by WebSocket"}


def text() -> str:
    """The diagram: each move from one state to another, with the events that cause it."""
    lines = [f"  [*] --> {state.name}: {event}" for state, event in _BEGINNINGS.items()]
    for (before, after), events in _moves().items():
        lines.append(f"  {before.name} --> {after.name}: {', '.join(events)}")
    return BEGIN + "\n".join(lines) + "\n" + END


def _moves() -> dict[tuple[State, State], list[str]]:
    """The names of the events that lead from one state to another, in the order of the states."""
    moves: dict[tuple[State, State], list[str]] = {}
    for before, rows in STATES.items():
        for event, row in rows.items():
            if isinstance(row, tuple):
                moves.setdefault((before, row[0]), []).append(event.name.lower().replace("_", " "))
    order = list(State)
    return dict(sorted(moves.items(), key=lambda move: [order.index(state) for state in move[0]]))


def write() -> None:
    """Puts the diagram in the place of the one that the page holds."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + text() + after, encoding="utf-8")


if __name__ == "__main__":
    write()
