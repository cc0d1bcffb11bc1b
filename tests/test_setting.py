"""What a setting is called, and how a value for it is checked."""

from __future__ import annotations

import pytest

from nannin.errors import SettingsError
from nannin.kinds import Integer, Kind, Secret, Text
from nannin.list_kinds import Origins
from nannin.setting import Setting, check_value


def setting(kind: Kind, section: str = "Limits") -> Setting:
    return Setting("max_pages", None, section, kind, "Maximum pages.")


def error_of(kind: Kind, value: object, *, is_text: bool = False) -> str:
    """The words with which a value is refused."""
    with pytest.raises(SettingsError) as raised:
        check_value(setting(kind), "--max-pages", value, is_text=is_text)
    return str(raised.value)


def test_a_setting_has_a_name_in_each_source() -> None:
    pages = setting(Integer(1, 9))
    assert (pages.name, pages.flag, pages.variable) == ("max_pages", "--max-pages", "NANNIN_MAX_PAGES")


def test_what_belongs_to_the_process_has_no_default_in_an_applications_code() -> None:
    sections = ("Server", "TLS", "Limits")
    assert [setting(Kind(), section).in_code for section in sections] == [False, False, True]


def test_a_value_is_kept_as_its_kind_keeps_it() -> None:
    assert check_value(setting(Integer(1, 9)), "--max-pages", 5) == 5
    assert check_value(setting(Integer(1, 9)), "--max-pages", "5", is_text=True) == 5
    assert check_value(setting(Integer(1, 9)), "--max-pages", 5, is_text=True) == 5


def test_an_error_says_where_a_value_comes_from_what_was_expected_and_what_came() -> None:
    assert error_of(Integer(1, 9), 10) == "--max-pages must be a whole number from 1 to 9, not 10"
    assert error_of(Integer(1, 9), "5") == '--max-pages must be a whole number from 1 to 9, not "5"'
    assert error_of(Integer(1, 9), "x", is_text=True) == (
        '--max-pages must be a whole number from 1 to 9, not "x"'
    )


def test_an_error_says_why_where_the_kind_knows() -> None:
    assert error_of(Origins(), ["a.example"]) == (
        '--max-pages must be origins such as https://example.com, or *, not ["a.example"]: '
        "an origin starts with https:// or http://"
    )


def test_an_error_never_shows_a_secret() -> None:
    assert "short" not in error_of(Secret(), "short")
    kind = Text("TEXT")
    kind.hides_value = True
    assert error_of(kind, "") == "--max-pages must be a text that is not empty"


def test_an_error_is_one_short_line_whatever_the_value() -> None:
    assert error_of(Kind(), "何\n\ud800") == '--max-pages must be a text, not "何\\n\\ud800"'
    assert error_of(Kind(), "\x7f") == '--max-pages must be a text, not "\\u007f"'
    shown = error_of(Integer(1, 9), "x" * 1_000).partition("not ")[2]
    assert shown == '"' + "x" * 76 + "..."


def test_a_value_that_json_has_no_form_for_is_shown_as_python_shows_it() -> None:
    assert error_of(Integer(1, 9), {1}) == '--max-pages must be a whole number from 1 to 9, not "{1}"'
