"""Files that this process may not write, also where the tests run as root, who may write everything."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

# The user who owns nothing.
_NOBODY = 65_534


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter, which goes at the end of the block."""
    folder = Path(tempfile.mkdtemp(prefix="nannin-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Files are used without root's rights for as long as the block lasts."""
    if os.getuid() != 0:
        yield
        return
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
