"""Files that a test writes: applications to load, settings, what a command is given."""

from __future__ import annotations

import pathlib
import textwrap


def write(path: pathlib.Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return str(path)
