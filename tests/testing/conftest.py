"""The stage is tried on both loops."""

from __future__ import annotations

import pytest


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """asyncio's own loop, and uvloop."""
    return "asyncio", {"use_uvloop": request.param}
