"""A page's key, and patterns of keys: what is allowed in a key, and which pages a pattern stands for."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import quote, unquote

MAX_PAGE_BYTES = 255
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_ESCAPES_OF_NOT_ASCII = re.compile(r"(?:%[89A-F][0-9A-F])+")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
# What stands for some text in a pattern: a parameter's name in braces, or a star.
_PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}|(\*)")


def is_page_key(key: str) -> bool:
    """Whether a text can be a page's key: `/` first, at most 255 bytes, nothing unprintable, no comma."""
    return (
        key.startswith("/") and key.isprintable() and "," not in key and len(key.encode()) <= MAX_PAGE_BYTES
    )


def normalise(key: str) -> str:
    """The one spelling of keys that name the same page: `/%e6` and `/%E6`, `/%7Eann` and `/~ann`.

    The tag does the same with a page's address, and so does whatever takes a key over HTTP. A client that
    joins a namespace by itself is on the page of exactly that name: its packets carry it.

    Source: RFC 3986, sections 6.2.2.1 and 6.2.2.2.
    """
    return _ESCAPE.sub(_spell, key) if "%" in key else key


def as_uri(key: str) -> str:
    """The one spelling of a key, with what is not ASCII percent-encoded, as in an address and by the tag.

    Source: RFC 3987, section 3.1.
    """
    key = normalise(key)
    return key if key.isascii() else _NOT_ASCII.sub(lambda text: quote(text[0], errors="replace"), key)


def as_iri(key: str) -> str:
    """The one spelling of a key, with its escapes of UTF-8 as the characters that they stand for.

    Source: RFC 3987, section 3.2.
    """
    key = normalise(key)
    try:
        return _ESCAPES_OF_NOT_ASCII.sub(lambda text: unquote(text[0], errors="strict"), key)
    except UnicodeDecodeError:
        return key


def find_key(key: str, pages: Collection[str]) -> str:
    """The key by which a page is found.

    Args:
        key: in any spelling.
        pages: the keys of the pages that somebody is on.

    Returns:
        The key as it stands if somebody is on that page. Else the one spelling of it, with what is not ASCII
        percent-encoded if somebody is on that page.
    """
    if key in pages:
        return key
    return uri if (uri := as_uri(key)) in pages else normalise(key)


def _spell(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if _UNRESERVED.fullmatch(character) else escape[0].upper()


def check_page_key(key: str) -> None:
    """Raises ValueError where a text can't be a page's key, or a pattern of keys."""
    if not is_page_key(key):
        raise ValueError(
            f"a page's key starts with /, has up to {MAX_PAGE_BYTES} bytes and no comma, not {key!r}"
        )


def is_pattern(key: str) -> bool:
    """Whether a key stands for many pages."""
    return _PARAMETER.search(key) is not None


def generality(pattern: str) -> tuple[bool, int, int]:
    """A key to sort patterns by: a whole page key first, then the pattern with the longest plain text."""
    return is_pattern(pattern), -len(_PARAMETER.sub("", pattern)), pattern.count("*")


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """The expression that matches the keys of a pattern, with a group for each of its parameters.

    Raises:
        ValueError: the pattern uses a parameter name twice.
    """
    expression, end = "", 0
    for match in _PARAMETER.finditer(pattern):
        expression += re.escape(pattern[end : match.start()])
        expression += ".*" if match[2] else f"(?P<{match[1]}>[^/]+)"
        end = match.end()
    try:
        return re.compile(expression + re.escape(pattern[end:]))
    except re.error:
        raise ValueError(f"{pattern!r} uses a parameter name twice") from None
