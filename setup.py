"""What of the package is not Python: a part in C, and the library that draws the dashboard's charts.

Everything else about it is in pyproject.toml. The library is uPlot. Nothing of it is in the repository: a
build fetches one version, by npm where there is one, and checks that it is the one that is meant. The sdist
and the wheel contain it, so whoever installs from them needs neither npm nor a network.
"""

import base64
import hashlib
import io
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import urllib.request
from typing import ClassVar

from setuptools import Command, Extension, setup
from setuptools.command.build_py import build_py

# One build serves Python 3.11 and newer, but for those without a global lock, which have no limited API.
LIMITED = not sysconfig.get_config_var("Py_GIL_DISABLED")

SEND_ALL = Extension(
    "nannin.engine._send_all",
    ["src/nannin/engine/_send_all.c"],
    py_limited_api=LIMITED,
    # Without what a debugger would need, which has paths in it: the same source is the same bytes everywhere.
    extra_compile_args=[] if sys.platform == "win32" else ["-g0"],
    optional=True,  # where it cannot be built, its twin in Python does the same
)

UPLOT = "1.6.32"
# Of the registry's package, as `npm view uplot@1.6.32 dist.integrity` says it.
PACKAGE_SHA512 = "KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw=="
# Where each of its files goes, and what it is.
FILES = {
    "package/dist/uPlot.iife.min.js": (
        "uPlot.iife.min.js",
        "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    ),
    "package/dist/uPlot.min.css": (
        "uPlot.min.css",
        "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    ),
    "package/LICENSE": (
        "uPlot.LICENSE.txt",
        "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
    ),
}
VENDOR = pathlib.Path(__file__).parent / "src" / "nannin" / "web" / "static" / "vendor"
PATIENCE_S = 60


class Unfetched(Exception):
    """The charts' library could not be had."""


def is_there() -> bool:
    """Whether all files of the library are there, and are what they have to be."""
    paths = [(VENDOR / name, sha256) for name, sha256 in FILES.values()]
    return all(
        path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256 for path, sha256 in paths
    )


def ask_npm() -> bytes:
    """The package from the registry that npm is configured with."""
    npm = shutil.which("npm")
    if npm is None:
        raise Unfetched("there is no npm")
    with tempfile.TemporaryDirectory() as folder:
        command = [
            npm,
            "pack",
            f"uplot@{UPLOT}",
            "--pack-destination",
            folder,
            "--ignore-scripts",
            "--silent",
        ]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=PATIENCE_S)
            (package,) = pathlib.Path(folder).glob("*.tgz")
            return package.read_bytes()
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            raise Unfetched(f"npm pack failed: {error}") from error


def ask_registry() -> bytes:
    """The package from npm's own registry, without npm."""
    address = f"https://registry.npmjs.org/uplot/-/uplot-{UPLOT}.tgz"
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE_S) as answer:
            return bytes(answer.read())
    except OSError as error:
        raise Unfetched(f"{address}: {error}") from error


def fetch() -> None:
    """Puts the library's files in their place, unless they are there.

    Raises:
        Unfetched: it could not be had, or is not what it has to be.
    """
    if is_there():
        return
    VENDOR.mkdir(parents=True, exist_ok=True)
    for path in VENDOR.iterdir():  # of another version, or half of it
        path.unlink()
    troubles = []
    for ask in (ask_npm, ask_registry):
        try:
            package = ask()
        except Unfetched as trouble:
            troubles.append(str(trouble))
            continue
        if base64.b64encode(hashlib.sha512(package).digest()).decode() == PACKAGE_SHA512:
            break
        troubles.append(f"what came is not uPlot {UPLOT}: its SHA-512 differs")
    else:
        raise Unfetched("; ".join(troubles))
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        for member, (name, _) in FILES.items():
            content = archive.extractfile(member)
            assert content is not None
            (VENDOR / name).write_bytes(content.read())
            (VENDOR / name).chmod(0o644)
    if not is_there():
        raise Unfetched(f"a file of uPlot {UPLOT} is not what it has to be")


class FetchCharts(Command):
    """`python setup.py fetch_charts`: fetches the library, or fails."""

    description = "fetch the library that draws the dashboard's charts"
    user_options: ClassVar[list[tuple[str, str, str]]] = []

    def initialize_options(self) -> None:
        """There are none."""

    def finalize_options(self) -> None:
        """There are none."""

    def run(self) -> None:
        """Fetches it."""
        try:
            fetch()
        except Unfetched as trouble:
            raise SystemExit(f"nannin: uPlot was not fetched: {trouble}") from None


class BuildPy(build_py):
    """Looks for the library before the package's files are listed; an installation can do without it."""

    def finalize_options(self) -> None:
        """Fetches it, or says what will be missing."""
        try:
            fetch()
        except Unfetched as trouble:
            print(
                f"nannin: uPlot was not fetched ({trouble}). The dashboard will show spark lines and tables "
                "instead of charts. `python setup.py fetch_charts` tries again.",
                file=sys.stderr,
            )
        super().finalize_options()


setup(
    ext_modules=[] if sys.platform == "win32" or not LIMITED else [SEND_ALL],
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if LIMITED else {},
    cmdclass={"build_py": BuildPy, "fetch_charts": FetchCharts},
)
