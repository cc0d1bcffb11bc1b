"""Builds what a release consists of: the sdist, the wheel, and the list of what they need (CycloneDX).

Whoever builds the same commit with the same versions of the tools gets the same bytes, wherever and whenever.
`make dist` runs it; SOURCE_DATE_EPOCH is the commit's time, unless it is set.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv

ROOT = pathlib.Path(__file__).parent.parent


def commit_time() -> str:
    """When the commit was made, in seconds since 1970."""
    asked = ["git", "log", "-1", "--format=%ct"]
    return subprocess.run(asked, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def build(into: pathlib.Path) -> list[pathlib.Path]:
    """Builds the sdist, and the wheel from it.

    Returns:
        The files.
    """
    if "SOURCE_DATE_EPOCH" not in os.environ:
        os.environ["SOURCE_DATE_EPOCH"] = commit_time()
    when = int(os.environ["SOURCE_DATE_EPOCH"])
    os.umask(0o022)  # a wheel keeps the permissions of its files
    into.mkdir(parents=True, exist_ok=True)
    # A build by itself would do without what draws the charts; a release does not.
    subprocess.run([sys.executable, "setup.py", "--quiet", "fetch_charts"], cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory() as folder:
        _build_one("--sdist", ROOT, folder)
        (sdist,) = pathlib.Path(folder).glob("*.tar.gz")
        settle(sdist, when)
        with tarfile.open(sdist) as archive:
            archive.extractall(folder, filter="data")
        _build_one("--wheel", pathlib.Path(folder, sdist.name.removesuffix(".tar.gz")), folder)
        (wheel,) = pathlib.Path(folder).glob("*.whl")
        return [pathlib.Path(shutil.move(path, into / path.name)) for path in (sdist, wheel)]


def settle(sdist: pathlib.Path, when: int) -> None:
    """Writes an sdist anew without what differs from one build to the next: times, owners, and the order."""
    plain = io.BytesIO()
    with (
        tarfile.open(sdist) as read,
        tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as made,
    ):
        for member in sorted(read.getmembers(), key=lambda each: each.name):
            member.mtime, member.uid, member.gid, member.uname, member.gname = when, 0, 0, "", ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.pax_headers = {}
            made.addfile(member, read.extractfile(member) if member.isfile() else None)
    sdist.write_bytes(gzip.compress(plain.getvalue(), mtime=when))


def list_needs(wheel: pathlib.Path, into: pathlib.Path) -> pathlib.Path:
    """Installs the wheel in an environment of its own, and lists what is in there then."""
    listed = into / f"{wheel.name.partition('-cp')[0]}.cdx.json"
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = pathlib.Path(folder, "bin", "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", wheel], check=True)
        subprocess.run(
            [python, "-m", "pip", "uninstall", "--quiet", "--yes", "pip", "setuptools"], check=True
        )
        command = [sys.executable, "-m", "cyclonedx_py", "environment", python, "--output-reproducible"]
        subprocess.run([*command, "--output-format", "JSON", "--output-file", listed], check=True)
    add_charts(listed)
    return listed


def add_charts(listed: pathlib.Path) -> None:
    """Adds to the list what the wheel itself contains of others: the library that draws the charts."""
    text = (ROOT / "setup.py").read_text()
    version, sha512 = (re.search(rf'^{name} = "(.+)"', text, re.M)[1] for name in ("UPLOT", "PACKAGE_SHA512"))
    contents = json.loads(listed.read_text())
    contents.setdefault("components", []).append(
        {
            "type": "library",
            "bom-ref": f"uplot=={version}",
            "name": "uplot",
            "version": version,
            "description": "Draws the charts of the dashboard; its files are in the wheel.",
            "purl": f"pkg:npm/uplot@{version}",
            "licenses": [{"license": {"id": "MIT"}}],
            "hashes": [{"alg": "SHA-512", "content": base64.b64decode(sha512).hex()}],
        }
    )
    listed.write_text(json.dumps(contents, indent=2) + "\n")


def _build_one(what: str, source: pathlib.Path, into: str) -> None:
    command = [sys.executable, "-m", "build", "--no-isolation", what, "--outdir", into, source]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Builds everything, and prints what each file's bytes come to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=pathlib.Path, default=ROOT / "dist")
    parser.add_argument("--without-list", action="store_true", help="without the list of what they need")
    arguments = parser.parse_args()
    made = build(arguments.into)
    if not arguments.without_list:
        made.append(list_needs(made[1], arguments.into))
    for path in made:
        print(hashlib.sha256(path.read_bytes()).hexdigest(), path.name)


if __name__ == "__main__":
    main()
