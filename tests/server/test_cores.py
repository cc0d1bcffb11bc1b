"""The cores that there are, and those that a container may use."""

from __future__ import annotations

import os
import pathlib

import pytest

from nannin.server.cores import usable_cores


@pytest.fixture
def four(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("max 100000\n", 4),
        ("150000 100000\n", 2),
        ("10000 100000\n", 1),
        ("0 100000\n", 1),
        ("900000 100000\n", 4),
        ("what", 4),
    ],
)
def test_a_container_has_no_more_cores_than_its_quota(tmp_path: pathlib.Path, quota: str, cores: int) -> None:
    path = tmp_path / "cpu.max"
    path.write_text(quota)
    assert usable_cores(path) == cores


@pytest.mark.usefixtures("four")
def test_without_a_quota_it_is_those_that_the_process_may_run_on(tmp_path: pathlib.Path) -> None:
    assert usable_cores(tmp_path / "cpu.max") == 4


def test_a_system_that_binds_no_process_to_cores_has_all_of_them(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores(tmp_path / "cpu.max") == 1
