"""What a setting is: its name in each source, what it may hold, and how a value is checked."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Final

from nannin.errors import SettingsError
from nannin.kinds import Kind, WrongValue

__all__ = ["PREFIX", "Setting", "check_value"]

PREFIX: Final = "NANNIN_"


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its name, what it may hold, and what it is for."""

    name: str
    default: Any
    section: str
    kind: Kind
    help: str
    default_words: str | None = None  # the default in words, if its value would not tell

    @property
    def flag(self) -> str:
        """Its option on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return PREFIX + self.name.upper()

    @property
    def in_code(self) -> bool:
        """Whether the application's code may give a default, as Live(ping_interval=10) does."""
        return self.section not in ("Server", "TLS")


def check_value(setting: Setting, source: str, value: object, *, is_text: bool = False) -> Any:
    """The value as it is kept.

    Args:
        setting: whose value it is.
        source: where it comes from, for the error.
        value: what is to be checked.
        is_text: whether a text is to be read first, as one of the command line.

    Raises:
        SettingsError: one line that names the source.
    """
    try:
        return setting.kind.check(setting.kind.parse(value) if is_text and isinstance(value, str) else value)
    except (ValueError, OverflowError) as error:
        is_hidden = setting.kind.is_secret or setting.kind.hides_value
        came = "" if is_hidden else f", not {_shown(value)}"
        why = f": {error}" if isinstance(error, WrongValue) else ""
        raise SettingsError(f"{source} must be {setting.kind.expected}{came}{why}") from None


def _shown(value: object) -> str:
    """The value as one short line, with surrogates and control characters escaped."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    text = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
    return text if len(text) <= 80 else text[:77] + "..."
