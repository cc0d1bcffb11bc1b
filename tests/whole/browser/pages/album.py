"""For the tests that take the READMEs' pictures: screenshots on a wall, held against those in docs/."""

from __future__ import annotations

import base64
import os
from typing import Final

from support.palette import with_few_colours
from support.pictures import differences, parts_in, size_of, with_parts
from support.servers import ROOT

IS_UPDATE: Final = os.environ.get("UPDATE_SCREENSHOTS") == "1"
MOST_BYTES: Final = 130_000

WALL = """<style>
body { margin: 0; background: #dfe5ea; font: 13px system-ui, sans-serif; color: #5d6779 }
figure { position: absolute; margin: 0; border-radius: 10px; overflow: hidden; background: #eef1f4;
  box-shadow: 0 6px 24px #17233b33 }
figcaption { padding: 8px 14px }
figcaption:empty { display: none }
img { display: block }
</style>"""


def framed(shot: bytes, title: str, *, left: int, top: int, width: int) -> str:
    image = base64.b64encode(shot).decode()
    return (
        f'<figure style="left:{left}px;top:{top}px;width:{width}px"><figcaption>{title}</figcaption>'
        f'<img src="data:image/png;base64,{image}" width="{width}" alt=""></figure>'
    )


def hold(name: str, picture: bytes) -> None:
    """Compares a picture with the one in docs/, or puts it there.

    Raises:
        AssertionError: the one in docs/ is missing, out of date or too large.
    """
    artifacts = ROOT / "tests" / "artifacts"
    artifacts.mkdir(exist_ok=True)
    (artifacts / name).write_bytes(picture)
    path = ROOT / "docs" / name
    if IS_UPDATE:
        path.write_bytes(with_parts(with_few_colours(picture), parts_in(picture)))
    kept = path.read_bytes()
    assert len(kept) <= MOST_BYTES
    assert size_of(kept) == size_of(picture)
    shown, seen = parts_in(kept), parts_in(picture)
    assert set(shown) == set(seen)
    changed = {view: differences(shown[view], seen[view]) for view in shown}
    assert not any(changed.values()), f"docs/{name} is out of date: make pictures. {changed}"
    for text in ("README.md", "README.ja.md"):
        assert f"/docs/{name})" in (ROOT / text).read_text(encoding="utf-8")
