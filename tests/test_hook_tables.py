"""The setting of hooks: tables, or JSON, and what is neither."""

from __future__ import annotations

import json

import pytest

from nannin.errors import SettingsError
from nannin.hook_tables import HookTables
from nannin.kinds import WrongValue
from nannin.settings import Settings


def test_a_variable_holds_hooks_as_json() -> None:
    kind = HookTables()
    assert kind.parse(json.dumps([{"on": "occupied"}])) == [{"on": "occupied"}]
    assert kind.parse("") == ()
    with pytest.raises(WrongValue, match="not JSON"):
        kind.parse("[{")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"on": "occupied"}, "write \\[\\[hooks\\]\\], with two brackets"),
        (["occupied"], "number 1 is not a table"),
        ([{}] * 101, "there may be 100 hooks, and these are 101"),
    ],
)
def test_what_is_no_list_of_tables_is_refused(value: object, words: str) -> None:
    with pytest.raises(WrongValue, match=words):
        HookTables().check(value)


def test_what_is_no_list_at_all_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"hooks must be tables \[\[hooks\]\], each with on and page$"):
        Settings(hooks=3)  # type: ignore[arg-type]
