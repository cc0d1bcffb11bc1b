"""The part in C: built where a compiler is, and quietly left out where none is."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

from support.places import ROOT


def build(into: pathlib.Path, compiler: str | None) -> subprocess.CompletedProcess[str]:
    """Builds the extension, as an installation does, with this compiler."""
    env = {**os.environ, "PYTHONPATH": ""} | ({"CC": compiler, "LDSHARED": compiler} if compiler else {})
    command = ["setup.py", "build_ext", f"--build-lib={into}", f"--build-temp={into}"]
    return subprocess.run(
        [sys.executable, *command], env=env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_one_build_serves_every_version_of_python_from_3_11_on(tmp_path: pathlib.Path) -> None:
    result = build(tmp_path, None)
    assert result.returncode == 0, result.stderr
    assert [path.name for path in tmp_path.glob("nannin/engine/*")] == ["_send_all.abi3.so"]
    assert "warning" not in result.stderr


@pytest.mark.parametrize("compiler", ["false", "there-is-none"])
def test_without_a_compiler_the_build_succeeds_and_leaves_it_out(
    tmp_path: pathlib.Path, compiler: str
) -> None:
    result = build(tmp_path, compiler)
    assert result.returncode == 0, result.stderr
    assert list(tmp_path.glob("nannin/engine/*.so")) == []
