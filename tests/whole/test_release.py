"""What a release consists of: whoever builds this commit gets the same bytes."""

from __future__ import annotations

import json
import os
import pathlib
import re
import runpy
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


CHARTS = "src/nannin/web/static/vendor"


def test_two_builds_of_one_commit_are_the_same_bytes(tmp_path: pathlib.Path) -> None:
    here = copy(tmp_path / "here")
    if (ROOT / CHARTS).exists():  # else it is fetched once more
        shutil.copytree(ROOT / CHARTS, here / CHARTS)
    first = build(here, tmp_path / "one", 0o022)
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
        assert {"uPlot.iife.min.js", "uPlot.min.css", "uPlot.LICENSE.txt"} == {
            pathlib.PurePath(name).name for name in archive.namelist() if "/vendor/" in name
        }
        assert "MIT License" in archive.read("nannin/web/static/vendor/uPlot.LICENSE.txt").decode()
    assert {f"{CHARTS}/uPlot.iife.min.js", f"{CHARTS}/uPlot.LICENSE.txt"} <= names


def test_the_list_of_what_a_release_needs_names_the_charts(tmp_path: pathlib.Path) -> None:
    listed = tmp_path / "nannin.cdx.json"
    listed.write_text(json.dumps({"components": [{"name": "click"}]}))
    runpy.run_path(str(ROOT / "release" / "build.py"))["add_charts"](listed)
    click, charts = json.loads(listed.read_text())["components"]
    assert click == {"name": "click"}
    assert re.fullmatch(r"pkg:npm/uplot@\d+\.\d+\.\d+", charts["purl"])
    assert re.fullmatch(r"[0-9a-f]{128}", charts["hashes"][0]["content"])
    assert charts["licenses"] == [{"license": {"id": "MIT"}}]


def run_setup(source: pathlib.Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Runs a command of setup.py without npm, and with no way to any registry."""
    alone = {"PATH": str(source), "https_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    return subprocess.run(
        [sys.executable, "setup.py", *command],
        cwd=source,
        env={**os.environ, "PYTHONPATH": "", **alone},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_where_the_charts_can_not_be_had_an_installation_goes_on_and_a_release_does_not(
    tmp_path: pathlib.Path,
) -> None:
    source = copy(tmp_path / "source")
    # What is there already, and is not what it has to be, goes into no package.
    (source / CHARTS).mkdir(parents=True)
    (source / CHARTS / "uPlot.iife.min.js").write_text("something else")
    built = run_setup(source, "build_py", "--build-lib", str(tmp_path / "built"))
    assert built.returncode == 0, built.stderr
    assert "uPlot was not fetched (there is no npm; https://registry.npmjs.org" in built.stderr
    assert "spark lines and tables" in built.stderr
    assert (tmp_path / "built/nannin/web/static/dashboard/main.js").exists()
    assert not list(tmp_path.rglob("uPlot*"))
    fetched = run_setup(source, "--quiet", "fetch_charts")
    assert fetched.returncode == 1
    assert fetched.stderr.startswith("nannin: uPlot was not fetched: there is no npm;")
