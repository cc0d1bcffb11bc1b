"""What a release consists of: whoever builds this commit gets the same bytes."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import zipfile

from support.places import ROOT

WHEN = "1700000000"


def build(source: pathlib.Path, into: pathlib.Path, umask: int) -> list[pathlib.Path]:
    """Builds from a copy of the source, as somebody with other habits would."""
    command = [sys.executable, "release/build.py", "--without-list", "--into", str(into)]
    env = {**os.environ, "SOURCE_DATE_EPOCH": WHEN, "PYTHONPATH": ""}
    made = subprocess.run(
        command, cwd=source, env=env, capture_output=True, text=True, timeout=120, check=False, umask=umask
    )
    assert made.returncode == 0, made.stderr
    return sorted(into.iterdir())


def copy(into: pathlib.Path) -> pathlib.Path:
    """The files of the repository, with times of their own."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        if name.startswith(("src/", "release/", "pyproject", "setup.py", "README", "LICENSE")):
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, into / name)
    return into


def test_two_builds_of_one_commit_are_the_same_bytes(tmp_path: pathlib.Path) -> None:
    first = build(copy(tmp_path / "here"), tmp_path / "one", 0o022)
    second = build(copy(tmp_path / "a folder elsewhere"), tmp_path / "two", 0o077)
    assert [path.name for path in first] == [path.name for path in second]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
    wheel, sdist = first
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers()}
    assert {"src/nannin/engine/_send_all.c", "src/nannin/web/static/nannin.js", "LICENSE"} <= names
    with zipfile.ZipFile(wheel) as archive:
        assert "nannin/engine/_send_all.abi3.so" in archive.namelist()
        assert "nannin/web/static/nannin.js" in archive.namelist()
