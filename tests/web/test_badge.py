"""The badge: its words, its colours, its size, and what nobody may put into it."""

from __future__ import annotations

import re
from urllib.parse import quote
from xml.etree import ElementTree

import pytest

from nannin.audience.roster import Count, StaleCount
from nannin.web.badge import COLORS, STYLES, draw, group, ink_on, width_px
from support.asgi import Call
from support.fake_audiences import Lookout

SVG = "{http://www.w3.org/2000/svg}"
TWELVE = Count(15, 12, 9)


def badge(query: str = "", counts: dict[str, Count] | None = None) -> ElementTree.Element:
    """The badge, as the XML it is."""
    call = Lookout(counts or {"/": TWELVE}).ask(f"/badge.svg?{query}")
    assert call.status == 200, call.body
    return ElementTree.fromstring(call.body)


def texts(picture: ElementTree.Element) -> list[str]:
    return ["".join(text.itertext()) for text in picture.iter(f"{SVG}text")]


def fills(picture: ElementTree.Element) -> set[str]:
    return {str(part.get("fill")) for part in picture.iter() if part.get("fill")}


# --- what it says ---


def test_it_shows_the_visitors_of_the_page() -> None:
    assert texts(badge()) == ["online", "12"]
    assert texts(badge("page=/news", {"/news": Count(9, 4, 1)})) == ["online", "4"]


def test_it_says_the_same_to_who_can_not_see() -> None:
    picture = badge("label=here now")
    title = picture.find(f"{SVG}title")
    assert title is not None
    assert title.text == picture.get("aria-label") == "here now: 12"
    assert picture.get("role") == "img"


@pytest.mark.parametrize("label", ["ここにいる人", "👩‍👧 now", "a & b", "<b>", "']]>\"", "&#x3c;", "%00"])
@pytest.mark.parametrize("style", STYLES)
def test_any_other_label_is_shown_as_it_is(label: str, style: str) -> None:
    picture = badge(f"style={style}&label={quote(label)}")
    assert texts(picture) == [label, "12"]
    assert not [part for part in picture.iter() if part.tag in (f"{SVG}b", f"{SVG}script")]


def test_without_a_label_there_is_the_number_alone() -> None:
    for style in STYLES:
        picture = badge(f"label=&style={style}")
        assert texts(picture) == ["12"]
        assert picture.get("aria-label") == "12"


@pytest.mark.parametrize(
    ("number", "groups"),
    [(0, ["0"]), (9_999, ["9999"]), (10_000, ["10", "000"]), (1_234_567, ["1", "234", "567"])],
)
def test_long_numbers_stand_in_groups(number: int, groups: list[str]) -> None:
    assert group(number) == groups
    assert texts(badge("", {"/": Count(number, number, 0)})) == ["online", str(number)]


def test_a_number_that_may_be_old_is_marked_in_the_picture_and_in_words() -> None:
    picture = badge("label=here", {"/": StaleCount(40, 12_345, 9)})
    assert texts(picture) == ["here", "≈ 12345"]
    assert picture.get("aria-label") == "here: about 12345 (may be out of date)"
    alone = badge("label=&style=plain", {"/": StaleCount(40, 0, 0)})
    assert (texts(alone), alone.get("aria-label")) == (["≈ 0"], "about 0 (may be out of date)")
    sure = badge("label=here", {"/": Count(40, 12_345, 9)})
    mark_px = width_px("≈ ")
    assert int(picture.get("width", "0")) == int(sure.get("width", "0")) + mark_px


# --- how it looks ---


@pytest.mark.parametrize("name", [*COLORS, "grey"])
def test_colours_have_names(name: str) -> None:
    assert COLORS[name.replace("grey", "gray")] in fills(badge(f"color={name}"))


@pytest.mark.parametrize(
    ("color", "fill"),
    [("%23abc", "#aabbcc"), ("abc", "#aabbcc"), ("A1B2C3", "#a1b2c3"), ("%23A1B2C3", "#a1b2c3")],
)
def test_colours_have_numbers(color: str, fill: str) -> None:
    assert fill in fills(badge(f"color={color}"))


def test_an_empty_page_is_grey_and_another_one_green() -> None:
    assert COLORS["gray"] in fills(badge("", {"/other": TWELVE}))
    assert COLORS["green"] in fills(badge())


@pytest.mark.parametrize(
    ("color", "ink"), [("#000000", "#fff"), ("#ffffff", "#16191d"), ("#ffff00", "#16191d")]
)
def test_the_number_stands_out_from_its_colour(color: str, ink: str) -> None:
    assert ink_on(color) == ink


def test_styles_differ_in_form() -> None:
    pictures = {style: draw("online", 12, "#2da44e", style) for style in STYLES}
    assert "a3 3" in pictures["flat"]
    assert "a3 3" not in pictures["flat-square"]
    assert "<path" in pictures["flat-square"]
    assert "<path" not in pictures["plain"]
    assert "<rect" not in pictures["plain"]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("label", ["i", "online", "W" * 64, "人" * 64])
def test_everything_fits_into_its_width(style: str, label: str) -> None:
    picture = ElementTree.fromstring(draw(label, 1_234_567, "#2da44e", style))
    text, number = picture.iter(f"{SVG}text")
    end = int(text.get("x", "")) + int(text.get("textLength", ""))
    assert end <= int(number.get("x", ""))
    assert int(number.get("x", "")) + width_px("1234567") <= int(picture.get("width", ""))


# --- what it can't show ---

NO_LABEL = "label has a control character, or one that XML does not allow"


def excused(query: str) -> str:
    """The title of a badge that shows no number: gray, and with 200."""
    call = Lookout().ask(f"/badge.svg?{query}")
    assert (call.status, call.header("content-type")) == (200, "image/svg+xml")
    assert call.header("cache-control") == "no-cache, max-age=0"
    picture = ElementTree.fromstring(call.body)
    assert texts(picture) == ["nannin", "?"]
    assert COLORS["gray"] in fills(picture)
    title = picture.findtext("{http://www.w3.org/2000/svg}title")
    assert title == picture.get("aria-label")
    return title or ""


@pytest.mark.parametrize("label", ["x" * 65, "x" * 10_000])
def test_a_label_that_is_too_long_is_not_shown(label: str) -> None:
    assert excused(f"label={label}") == f"label has up to 64 characters, not {len(label)}"


@pytest.mark.parametrize(
    "character", ["%00", "%0A", "%1B", "%7F", "%C2%85", "%E2%80%AE", "%EF%BF%BF", "%E2%81%A6"]
)
def test_a_label_with_control_characters_is_not_shown(character: str) -> None:
    assert excused(f"label=a{character}b") == NO_LABEL


@pytest.mark.parametrize(
    "color", ["", "pink", "%23ab", "%23abcd", "red%22%20onload=%22x", "url(//x.example)", "a" * 10_000]
)
def test_what_is_no_colour_is_not_shown(color: str) -> None:
    words = excused(f"color={color}")
    assert words.startswith("color must be black, blue, ")
    assert len(words) < 300


@pytest.mark.parametrize("style", ["", "round", "../plain"])
def test_an_unknown_style_is_not_shown(style: str) -> None:
    assert excused(f"style={style}").startswith("style must be one of flat, flat-square, plain")


@pytest.mark.parametrize(
    "query",
    [
        "page=",
        "page=news",
        "page=/a%00b",
        "page=/closed/1",
        "page=%3Cscript%3E",
        "page=/a&page=/b",
        "page=%ff",
        "color=%00",
        "page=%EF%BF%BF",
    ],
)
def test_whatever_is_asked_is_a_picture(query: str) -> None:
    assert excused(query)


# --- caches ---


def test_image_proxies_ask_again_each_time() -> None:
    call = Lookout().ask("/badge.svg")
    assert call.header("cache-control") == "no-cache, max-age=0"
    assert call.header("content-type") == "image/svg+xml"
    assert call.header("content-security-policy") == "default-src 'none'"


@pytest.mark.parametrize("form", ["{}", "W/{}", '"x", {}', "*"])
def test_who_has_the_picture_is_not_sent_it_again(form: str) -> None:
    lookout = Lookout({"/": TWELVE})
    tag = lookout.ask("/badge.svg").header("etag")
    assert tag is not None
    assert re.fullmatch('"[0-9a-f]{24}"', tag)
    call: Call = lookout.ask("/badge.svg", if_none_match=form.format(tag))
    assert (call.status, call.body) == (304, b"")
    assert call.header("etag") == tag
    assert call.header("cache-control") == "no-cache, max-age=0"


@pytest.mark.parametrize("tag", ['"x"', "", "x" * 8_000])
def test_who_has_another_picture_is_sent_the_new_one(tag: str) -> None:
    lookout = Lookout({"/": TWELVE})
    before = lookout.ask("/badge.svg").header("etag")
    lookout.source.counts["/"] = Count(1, 1, 1)
    assert lookout.ask("/badge.svg", if_none_match=tag or str(before)).status == 200
