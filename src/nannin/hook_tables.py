"""Hooks as tables of a setting. What a hook is stands in `hook.py`, which is loaded where there is one."""

from __future__ import annotations

from collections.abc import Mapping

from nannin.kinds import Kind, WrongValue

__all__ = ["HookTables"]


class HookTables(Kind):
    """Hooks, each as a table of nannin.toml, an object in JSON, or a dict in code."""

    expected = "tables [[hooks]], each with on and page"
    metavar = "JSON"
    hides_value = True

    def parse(self, text: str) -> object:
        if not text:
            return ()
        import msgspec  # hardly anybody gives hooks as a text

        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise WrongValue(f"not JSON: {error}") from None

    def check(self, value: object) -> object:
        if isinstance(value, Mapping):
            raise WrongValue("write [[hooks]], with two brackets on each side, above each of them")
        if not isinstance(value, (list, tuple)):
            raise ValueError
        if not value:
            return ()
        from nannin.hook import make_hooks  # most servers have none

        return make_hooks(value)
