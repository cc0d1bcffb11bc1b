"""Makes a screenshot small: 256 colours are enough for pages of text and lines, and take half of the bytes.

Source: the PNG specification, 9 (filtering) and 11.2 (critical chunks).
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator

from support.pictures import SIGNATURE, size_of

_COLOURS = 256
Colour = tuple[int, int, int]


def with_few_colours(png: bytes) -> bytes:
    """The same picture with a palette.

    Args:
        png: 8 bits for each of red, green and blue, as Chromium makes a screenshot.
    """
    width, height = size_of(png)
    lines = [_colours_of(line) for line in _unfiltered(png, width)]
    places = _palette(Counter(colour for line in lines for colour in line))
    palette = sorted(set(places.values()))
    index = {colour: palette.index(place) for colour, place in places.items()}
    data = b"".join(b"\0" + bytes(index[colour] for colour in line) for line in lines)
    return b"".join(
        (
            SIGNATURE,
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", b"".join(map(bytes, palette))),
            _chunk(b"IDAT", zlib.compress(data, 9)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def _colours_of(line: bytes) -> list[Colour]:
    return list(zip(line[0::3], line[1::3], line[2::3], strict=True))


def _unfiltered(png: bytes, width: int) -> Iterator[bytes]:
    at, packed = len(SIGNATURE), b""
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            packed += png[at + 8 : at + 8 + size]
        at += 12 + size
    data, step = zlib.decompress(packed), 3 * width
    above = bytearray(step)
    for start in range(0, len(data), step + 1):
        line = bytearray(data[start + 1 : start + 1 + step])
        kind = data[start]
        for place in range(step if kind else 0):
            left, up = (line[place - 3] if place >= 3 else 0), above[place]
            corner = above[place - 3] if place >= 3 else 0
            guess = (0, left, up, (left + up) // 2, _paeth(left, up, corner))[kind]
            line[place] = line[place] + guess & 255
        yield bytes(line)
        above = line


def _paeth(left: int, up: int, corner: int) -> int:
    straight = left + up - corner
    return min((left, up, corner), key=lambda value: abs(straight - value))


def _palette(counts: Counter[Colour]) -> dict[Colour, Colour]:
    """For each colour the one that takes its place: the commonest of a box of colours that are alike.

    Source: Heckbert, Color Image Quantization for Frame Buffer Display, 1982 (median cut).
    """
    boxes = [list(counts)]
    while len(boxes) < _COLOURS and any(len(box) > 1 for box in boxes):
        box = max((box for box in boxes if len(box) > 1), key=lambda box: _spread(box)[0] ** 3 * len(box))
        boxes.remove(box)
        channel = _spread(box)[1]
        box.sort(key=lambda colour: colour[channel])
        boxes += [box[: len(box) // 2], box[len(box) // 2 :]]
    places = {}
    for box in boxes:
        commonest = max(box, key=lambda colour: counts[colour])
        places.update(dict.fromkeys(box, commonest))
    return places


def _spread(box: list[Colour]) -> tuple[int, int]:
    """By how much the colours of a box differ at most, and in which channel."""
    return max((max(values) - min(values), channel) for channel, values in enumerate(zip(*box, strict=True)))
