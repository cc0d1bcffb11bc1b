"""What type checkers know of the settings in code is what the settings are."""

from __future__ import annotations

import dataclasses
from typing import Any, Unpack, get_type_hints

import pytest

from nannin import EngineIO, Live, SettingsError
from nannin.app.defaults import Defaults
from nannin.settings import SETTINGS, Settings


def test_every_setting_that_code_may_give_has_a_type_and_no_other_has() -> None:
    assert Defaults.__annotations__.keys() == {s.name for s in SETTINGS.values() if s.in_code}


def test_each_type_is_that_of_the_setting_where_a_list_may_be_a_text_or_any_sequence() -> None:
    kept = {field.name: str(field.type) for field in dataclasses.fields(Settings)}
    kept["history"] = f"bool | {kept['history']}"  # True is on
    taken = {name: kind.__forward_arg__ for name, kind in Defaults.__annotations__.items()}
    wider = {"tuple[str, ...]": "str | Sequence[str]", "tuple[Hook, ...]": "Sequence[Mapping[str, Any]]"}
    for narrow, wide in wider.items():
        kept = {name: kind.replace(narrow, wide) for name, kind in kept.items()}
    assert taken == {name: kept[name] for name in taken}


@pytest.mark.parametrize("kind", [Live, EngineIO])
def test_what_takes_settings_takes_those(kind: type) -> None:
    assert get_type_hints(kind.__init__)["defaults"] == Unpack[Defaults]  # type: ignore[misc]


def test_a_misspelt_setting_is_refused_by_the_type_checker_and_at_the_start() -> None:
    # The unused ignore would be an error, so that mypy itself proves the refusal.
    with pytest.raises(SettingsError, match="did you mean ping_interval"):
        Live(ping_intervall=3)  # type: ignore[call-arg]
    wrong: Any = "soon"
    with pytest.raises(SettingsError, match="ping_interval"):
        Live(ping_interval=wrong)


def test_settings_that_are_read_from_elsewhere_are_passed_on() -> None:
    given: Defaults = {"ping_interval": 5, "allow_origins": ["https://example.com"]}
    assert Live(**given).settings.allow_origins == ("https://example.com",)
