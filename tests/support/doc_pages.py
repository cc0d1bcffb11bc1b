"""The pages of the documentation as the tests read them: files included, blocks by language."""

from __future__ import annotations

import re
import shlex
from typing import NamedTuple

from support.servers import ROOT

DOCS = ROOT / "docs"
# The pages and the README; a page that is added is read as well.
PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in DOCS.glob("*.md"))]


class Block(NamedTuple):
    """A fenced block: its page, the heading above it, its language, and its text with files included."""

    page: str
    heading: str
    language: str
    text: str


def read(page: str) -> str:
    """A page, with the files that it includes."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.sub(r'^--8<-- "(.+)"\n', lambda m: (ROOT / m[1]).read_text(encoding="utf-8"), text, flags=re.M)


def blocks(page: str, *languages: str) -> list[Block]:
    """The blocks of a page in these languages, in order."""
    found = []
    heading = language = ""
    lines: list[str] | None = None
    for line in read(page).splitlines():
        if lines is not None and line == "```":
            found.append(Block(page, heading, language, "\n".join(lines) + "\n"))
            lines = None
        elif lines is not None:
            lines.append(line)
        elif line.startswith("```"):
            language, lines = line.removeprefix("```"), []
        elif line.startswith("#"):
            heading = line.lstrip("# ")
    assert lines is None, f"{page}: the last block has no end"
    return [block for block in found if block.language in languages]


def block(page: str, heading: str, language: str) -> Block:
    """The block of this language under a heading, which has one."""
    (found,) = [one for one in blocks(page, language) if one.heading == heading]
    return found


def command_lines(page: str) -> list[list[str]]:
    """Every command line that a page shows: in blocks, after prompts, and as a table's first cell."""
    texts = [block.text for block in blocks(page, "sh")]
    for console in blocks(page, "console"):
        texts += re.findall(r"^\$ (.*)$", console.text, re.M)
    texts += re.findall(r"^\| `(nannin[^`]*)` \|", read(page), re.M)
    lines = [line for text in texts for line in text.replace("\\\n", " ").splitlines()]
    return [words for line in lines if (words := shlex.split(line, comments=True))]
