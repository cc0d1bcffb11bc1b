"""Which pages a rule is for, and what is called for it."""

from __future__ import annotations

from collections.abc import Callable

from nannin.audience.page_key import KeyPattern, as_uri
from nannin.hooks.notices import Notice
from nannin.hooks.rules import Rule

__all__ = ["Call", "Followed"]

# What the application does with a notice.
Call = Callable[[Notice], None]


class Followed:
    """A rule, the pages that it is for, and the function that is called for it."""

    def __init__(self, rule: Rule, call: Call | None) -> None:
        self.rule = rule
        self.call = call
        self._key = as_uri(rule.hook.key)
        self._pattern = KeyPattern(self._key) if rule.hook.page else None

    @property
    def is_of_peaks(self) -> bool:
        """Whether it goes by how high the number ever was."""
        return self.rule.hook.on == "peak" and self.rule.hook.period == "ever"

    def is_for(self, key: str) -> bool:
        """Whether it goes by the count of a page, or of a group, which has a pattern for its key.

        Args:
            key: its key, as `as_uri` spells it.
        """
        if self._pattern is None:
            return key == self._key
        return not key.endswith("*") and self._pattern.match(key) is not None
