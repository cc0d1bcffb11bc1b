"""The page of limits has every limit, with its default."""

from __future__ import annotations

import pytest

from nannin.settings import SETTINGS
from support.doc_pages import read

LIMITS = [setting for setting in SETTINGS.values() if setting.section == "Limits"]


def rows() -> dict[str, str]:
    """The line in which each setting stands."""
    lines = [line for line in read("docs/limits.md").splitlines() if line.startswith("|")]
    return {
        setting.name: next((line for line in lines if f"`{setting.name}`" in line), "") for setting in LIMITS
    }


@pytest.mark.parametrize("name", [setting.name for setting in LIMITS])
def test_each_limit_stands_in_the_table_with_its_default(name: str) -> None:
    row, default = rows()[name], SETTINGS[name].default
    assert row, f"{name} is missing"
    shown = {0: "", 2**22: "4 MiB", 2**26: "64 MiB"}.get(
        default, f"{default:,g}" if isinstance(default, float) else f"{default:,}"
    )
    assert shown in row
