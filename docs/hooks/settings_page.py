"""Writes docs/settings.md from the settings themselves: `python docs/hooks/settings_page.py`."""

from __future__ import annotations

import pathlib
import sys

from nannin.cli.command import HEADINGS
from nannin.kinds import HistoryPlace, Switch
from nannin.setting import Setting
from nannin.settings import SETTINGS

PAGE = pathlib.Path(__file__).resolve().parent.parent / "settings.md"

HEAD = """# Settings

`make docs` writes this page from the settings themselves. `nannin --help` shows the same.

You can set each setting in four places. If several of them set it, the first in this table wins:

| where | what it is there | example |
|---|---|---|
| the command line | an option | `--ping-interval 10` |
| the environment | a variable | `NANNIN_PING_INTERVAL=10` |
| a file | a key | `ping_interval = 10` |
| the application's code | an argument | `Live(ping_interval=10)` |

The file is `nannin.toml` in the current directory, or the one that `--config` or `NANNIN_CONFIG` names.
Every key is at its top level, and there are no tables but those of [hooks](hooks.md). Code can't set what is
in the sections Server and TLS below, because it is read after the server has started.

The server does not start with an unknown option, variable or key, with a wrong value, or with values that
contradict each other. One line says which and why. Seconds may have fractions; sizes are in bytes. A list is
separated by commas; in the file and in code it can also be a list. A setting that is true or false has two
options, such as `--public` and `--no-public`.

A secret can be in a file, and the file can be named wherever the secret could be: `--emit-token-file PATH`,
`NANNIN_EMIT_TOKEN_FILE`, `emit_token_file`. White space around the secret is not part of it. A secret on the
command line is seen by every user of the machine (`ps`).
"""


def text() -> str:
    """The whole page."""
    return HEAD + "".join(map(_section, HEADINGS))


def _section(section: str) -> str:
    rows = "".join(_row(setting) for setting in SETTINGS.values() if setting.section == section)
    return f"\n## {section}\n\n| option | variable | key | default | what |\n|---|---|---|---|---|\n{rows}"


def _row(setting: Setting) -> str:
    options = f"`{setting.flag}`"
    if isinstance(setting.kind, Switch):
        options += f" `--no-{setting.flag[2:]}`"
    elif setting.kind.metavar:
        options = f"`{setting.flag} {setting.kind.metavar}`"
    if isinstance(setting.kind, HistoryPlace):
        options += f" `--no-{setting.flag[2:]}`"
    cells = [options, f"`{setting.variable}`", f"`{setting.name}`", default_of(setting)]
    cells.append(setting.help.replace("*", r"\*"))
    return f"| {' | '.join(cells)} |\n"


def default_of(setting: Setting) -> str:
    """The default, as a file would say it, or in words."""
    if setting.default_words:
        return setting.default_words
    if setting.default in (None, "", ()):
        return "none"
    if isinstance(setting.default, bool):
        return f"`{str(setting.default).lower()}`"
    if isinstance(setting.default, float):
        return f"`{setting.default:g}`"
    if isinstance(setting.default, tuple):
        return f"`{','.join(setting.default)}`"
    return f"`{setting.default}`"


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.name} is written\n")
