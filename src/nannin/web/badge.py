"""A page's number as a small picture, for a README or any other place that shows images."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final
from xml.sax.saxutils import escape

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from nannin.access.origin import find_header
from nannin.web.counts import CountSource, learn_page
from nannin.web.files import names_tag
from nannin.web.query import Query, show

STYLES: Final = ("flat", "flat-square", "plain")
COLORS: Final = {
    "black": "#24292f",
    "blue": "#1f6feb",
    "gray": "#6e7781",
    "green": "#2da44e",
    "orange": "#d4691a",
    "purple": "#8250df",
    "red": "#cf222e",
    "teal": "#12807c",
    "yellow": "#d9a514",
}
_OTHER_NAMES: Final = {"grey": "gray"}
# The number stands on green while somebody is there.
ANYBODY, NOBODY = "green", "gray"
MAX_LABEL_CHARACTERS: Final = 64
DEFAULT_LABEL: Final = "online"
# What stands before a number that may be old, and what is said of it.
ABOUT: Final = "≈ "
OLD: Final = "may be out of date"
# A label has no control characters (those that change the direction of text included) and none that XML 1.0
# forbids.
LABEL_PATTERN: Final = r"^[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\ufffe\uffff]*$"

_LABEL_COLOR: Final = "#4a5058"
# Legible on white and on black, 4.5 : 1 and 4.6 : 1.
_PLAIN_LABEL_COLOR: Final = "#767676"
_LIGHT_INK, _DARK_INK = "#fff", "#16191d"
_LABEL = re.compile(LABEL_PATTERN)
_HEX = re.compile(r"#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")

_HEIGHT, _BASELINE, _MARGIN, _FONT_PX, _GAP_PX = 20, 14, 6, 11, 2
_FONT: Final = f'font-family="Verdana,DejaVu Sans,sans-serif" font-size="{_FONT_PX}"'
# The least number whose digits are grouped by three.
_LEAST_GROUPED: Final = 10_000

# Widths in em, measured on DejaVu Sans, which Verdana is close to.
_WIDTHS: Final = {
    character: width
    for width, characters in {
        0.25: "'",
        0.3: " ,.IJijl",
        0.35: "-/:;\\f|",
        0.4: "!()[]rt",
        0.45: '"',
        0.5: "*_`sz",
        0.55: "?Lc",
        0.6: "FPTYaekovxy",
        0.65: "$0123456789EKSbdghnpqu{}",
        0.7: "ABCRVXZ",
        0.75: "DGHNU",
        0.8: "&OQw",
        0.85: "#+<=>M^~≈",
        0.95: "%m",
        1.0: "@W",
    }.items()
    for character in characters
}
_OTHER_WIDTH, _WIDE_WIDTH = 0.65, 1.0
_BOLDER: Final = 1.12


# Image proxies such as GitHub's keep an image while they may. This makes them ask each time.
_HEADERS: Final = {"cache-control": "no-cache, max-age=0"}


class Badge:
    """Answers `/badge.svg`."""

    def __init__(self, source: CountSource) -> None:
        self._source = source

    async def __call__(self, query: Query, scope: Scope) -> Response:
        """Answers with the badge of one page, or with 304 if the client has that very badge."""
        page = await learn_page(self._source, query.text("page", "/"))
        count = self._source.count(page)
        number = count.visitors
        label = read_label(query.text("label", DEFAULT_LABEL))
        style = query.choice("style", STYLES, STYLES[0])
        color = read_color(query.text("color", ANYBODY if number else NOBODY))
        picture = draw(label, number, color, style, stale=count.stale).encode()
        tag = f'"{blake2b(picture, digest_size=12).hexdigest()}"'
        headers = {**_HEADERS, "etag": tag}
        if names_tag(find_header(scope["headers"], b"if-none-match"), tag):
            return Response(status_code=304, headers=headers)
        return _picture(picture, headers)

    @staticmethod
    def excuse(refusal: HTTPException) -> Response:
        """A gray badge whose title says why. Its status is 200: image proxies show nothing for another."""
        # What was asked may be quoted, with characters that XML does not allow.
        reason = "".join(c if _LABEL.fullmatch(c) else "?" for c in str(refusal.detail))
        return _picture(draw("nannin", "?", COLORS[NOBODY], STYLES[0], spoken=reason).encode(), _HEADERS)


def _picture(picture: bytes, headers: Mapping[str, str]) -> Response:
    policy = {"content-security-policy": "default-src 'none'"}
    return Response(picture, headers={**headers, **policy}, media_type="image/svg+xml")


def read_label(text: str) -> str:
    """The label.

    Raises:
        HTTPException: 400 if it is too long, or has a control character or one that XML forbids.
    """
    if len(text) > MAX_LABEL_CHARACTERS:
        raise HTTPException(400, f"label has up to {MAX_LABEL_CHARACTERS} characters, not {len(text)}")
    if not _LABEL.fullmatch(text):
        raise HTTPException(400, "label has a control character, or one that XML does not allow")
    return text


def read_color(text: str) -> str:
    """The colour as `#` and six digits.

    Raises:
        HTTPException: 400 if it is not a colour.
    """
    known = COLORS.get(_OTHER_NAMES.get(text, text))
    if known is not None:
        return known
    match = _HEX.fullmatch(text)
    if match is None:
        raise HTTPException(
            400, f"color must be {', '.join(COLORS)} or 3 or 6 digits such as 2da44e, not {show(text)}"
        )
    digits = match[1].lower()
    return f"#{digits if len(digits) == 6 else ''.join(digit * 2 for digit in digits)}"


def draw(
    label: str, number: int | str, color: str, style: str, *, stale: bool = False, spoken: str | None = None
) -> str:
    """The picture.

    Args:
        label: the text left of the number; empty for none.
        number: the number, or a word in its place.
        color: `#` and six digits.
        style: one of STYLES.
        stale: whether the number may be old.
        spoken: what a screen reader says; None for label and number.
    """
    label = label.strip()
    groups = group(number)
    if stale:
        groups[0] = ABOUT + groups[0]
    label_px = width_px(label)
    number_px = sum(map(width_px, groups)) + _GAP_PX * (len(groups) - 1)
    if style == "plain":
        number_px = math.ceil(number_px * _BOLDER)
        left_px = label_px + _MARGIN if label else 0
        width = left_px + number_px
        drawn = _text(label, 0, label_px, _PLAIN_LABEL_COLOR) + _number(groups, left_px, color, "bold")
    else:
        left_px = label_px + 2 * _MARGIN if label else 0
        width = left_px + number_px + 2 * _MARGIN
        drawn = (
            _boxes(left_px, width, color, rounded=style == "flat")
            + _text(label, _MARGIN, label_px, _LIGHT_INK)
            + _number(groups, left_px + _MARGIN, ink_on(color), "normal")
        )
    if spoken is None:
        words = f"about {number} ({OLD})" if stale else str(number)
        spoken = f"{label}: {words}" if label else words
    spoken = escape(spoken, {'"': "&quot;"})
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{_HEIGHT}" role="img" '
        f'aria-label="{spoken}"><title>{spoken}</title>{drawn}</svg>\n'
    )


def group(number: int | str) -> list[str]:
    """The number's digits; from 10,000 on in groups of three, with a thin gap between them in the picture."""
    if isinstance(number, int) and number >= _LEAST_GROUPED:
        return f"{number:,}".split(",")
    return [str(number)]


def width_px(text: str) -> int:
    """About how wide the text is."""
    return round(sum(map(_width_em, text)) * _FONT_PX)


def ink_on(color: str) -> str:
    """The ink that stands out more on a colour.

    Source: WCAG 2.2, "relative luminance" and "contrast ratio".
    """
    return _LIGHT_INK if 1.05 / (_luminance(color) + 0.05) >= 4 else _DARK_INK


def _luminance(color: str) -> float:
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _width_em(character: str) -> float:
    width = _WIDTHS.get(character)
    if width is not None:
        return width
    if unicodedata.combining(character):
        return 0.0
    return _WIDE_WIDTH if unicodedata.east_asian_width(character) in "WF" else _OTHER_WIDTH


def _boxes(left_px: int, width: int, color: str, *, rounded: bool) -> str:
    if not rounded:
        left = f'<path fill="{_LABEL_COLOR}" d="M0 0h{left_px}v{_HEIGHT}H0z"/>' if left_px else ""
        return f'{left}<path fill="{color}" d="M{left_px} 0H{width}v{_HEIGHT}H{left_px}z"/>'
    # Each box rounded on its outer side.
    right = f"M{left_px} 0H{width - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3H{left_px}z"
    if not left_px:
        return f'<rect fill="{color}" width="{width}" height="{_HEIGHT}" rx="3"/>'
    left = f"M{left_px} 0H3a3 3 0 0 0-3 3v14a3 3 0 0 0 3 3h{left_px - 3}z"
    return f'<path fill="{_LABEL_COLOR}" d="{left}"/><path fill="{color}" d="{right}"/>'


def _text(text: str, x: int, width: int, ink: str) -> str:
    """The text, fitted into its width whatever font the viewer has."""
    if not text:
        return ""
    place = f'x="{x}" y="{_BASELINE}" textLength="{width}"'
    return f'<text {place} fill="{ink}" {_FONT}>{escape(text)}</text>'


def _number(groups: list[str], x: int, ink: str, weight: str) -> str:
    first, *others = groups
    digits = first + "".join(f'<tspan dx="{_GAP_PX}">{digits}</tspan>' for digits in others)
    bold = f' font-weight="{weight}"' if weight != "normal" else ""
    return f'<text x="{x}" y="{_BASELINE}" fill="{ink}" {_FONT}{bold}>{digits}</text>'
