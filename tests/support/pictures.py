"""Pictures of pages, and what they show: so that a test can tell a picture that is out of date.

Numbers and dates differ each time. So what is compared is where the headings, labels and charts are. That is
kept in the picture itself, as a text.
"""

from __future__ import annotations

import json
import struct
import zlib
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from playwright.sync_api import Page

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_KEYWORD: Final = b"nannin"
# It is day in one of them at any time, even after their clocks were changed.
_ZONES: Final = ("Asia/Tokyo", "Europe/Berlin", "America/Chicago")
# By how many pixels a part may have moved: numbers of other lengths move what is beside them.
_NEAR_PX: Final = 40
# The share of parts that may have come or gone: some are there only at times.
_MAY_DIFFER: Final = 0.1

# What a reader would name: headings, labels, charts and areas, with their places. Digits are left out.
_PARTS: Final = """() => {
  const areas = "header, main, footer, table, canvas, svg";
  const named = "h1, h2, h3, th, label, legend, button, summary, nav a, code, dt";
  const parts = [];
  for (const element of document.querySelectorAll(`${areas}, ${named}`)) {
    const { left, top, width, height } = element.getBoundingClientRect();
    const isSeen = width && height && left < innerWidth && top < innerHeight;
    if (!isSeen || element.closest("tbody")) continue;
    const words = element.matches(areas) ? "" : element.textContent;
    const text = words.replace(/[\\d.,:]+/g, "#").replace(/\\s+/g, " ").trim().slice(0, 40);
    parts.push([`${element.localName} ${text}`.trim(), ...[left, top, width, height].map(Math.round)]);
  }
  return parts;
}"""


def zone_by_day() -> str:
    """The name of a time zone in which it is day, when many people are there."""
    hours = {name: datetime.now(ZoneInfo(name)).hour for name in _ZONES}
    return next(name for name, hour in hours.items() if 10 <= hour < 20)


Parts = list[list[Any]]


def parts_of(page: Page) -> Parts:
    """What is to be seen on a page, and where: name, left, top, width, height of each part."""
    parts: Parts = page.evaluate(_PARTS)
    return parts


def differences(kept: Parts, seen: Parts) -> list[str]:
    """The parts of which one of two pictures of a page has no like, unless they are few."""
    missing = [f"is gone: {part}" for part in kept if not _has(seen, part)]
    new = [f"is new: {part}" for part in seen if not _has(kept, part)]
    return [*missing, *new] if len(missing) + len(new) > _MAY_DIFFER * (len(kept) + len(seen)) else []


def _has(parts: Parts, part: list[Any]) -> bool:
    name, left, top, *_ = part
    return any(
        other[0] == name and abs(other[1] - left) <= _NEAR_PX and abs(other[2] - top) <= _NEAR_PX
        for other in parts
    )


def with_parts(png: bytes, parts: dict[str, Parts]) -> bytes:
    """The picture with what it shows.

    Source: the PNG specification, 11.3.3.3 (zTXt).
    """
    content = zlib.compress(json.dumps(parts, separators=(",", ":")).encode("ascii"), 9)
    body = b"zTXt" + _KEYWORD + b"\0\0" + content
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    at = png.rindex(b"IEND") - 4
    return png[:at] + chunk + png[at:]


def parts_in(png: bytes) -> dict[str, Parts]:
    """What a picture shows, as `with_parts` has kept it."""
    at = png.index(b"zTXt" + _KEYWORD)
    (size,) = struct.unpack(">I", png[at - 4 : at])
    parts: dict[str, Parts] = json.loads(zlib.decompress(png[at + 4 + len(_KEYWORD) + 2 : at + 4 + size]))
    return parts


def size_of(png: bytes) -> tuple[int, int]:
    """A picture's width and height."""
    assert png.startswith(SIGNATURE)
    width, height = struct.unpack(">II", png[16:24])
    return width, height
