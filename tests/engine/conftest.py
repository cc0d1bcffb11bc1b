"""What the tests of the engine's modules have in common."""

from __future__ import annotations

import pytest

from nannin.once import Once


@pytest.fixture(autouse=True)
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log has not been told of anything too large, though an earlier test may have been."""
    monkeypatch.setattr("nannin.engine.too_large._once", Once(64))
