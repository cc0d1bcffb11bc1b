"""A page's key, and patterns of keys: what is allowed in a key, and which pages a pattern stands for."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

MAX_PAGE_BYTES = 255
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_ESCAPES_OF_NOT_ASCII = re.compile(r"(?:%[89A-F][0-9A-F])+")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
# What stands for some text in a pattern: a parameter's name in braces, or a star.
_PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}|(\*)")
_STAR: Final = "*"


def is_page_key(key: str) -> bool:
    """Whether a text can be a page's key: `/` first, at most 255 bytes, nothing unprintable, no comma."""
    return (
        key.startswith("/") and key.isprintable() and "," not in key and len(key.encode()) <= MAX_PAGE_BYTES
    )


def normalise(key: str) -> str:
    """The one spelling of a key's escapes: `/%e6` and `/%E6`, `/%7Eann` and `/~ann`.

    What it returns it would return again: `/%%341` is `/A`, as `/%41` is.

    Source: RFC 3986, sections 6.2.2.1 and 6.2.2.2.
    """
    while "%" in key and (spelled := _ESCAPE.sub(_spell, key)) != key:
        key = spelled
    return key


def as_uri(key: str) -> str:
    """The one spelling of a key, by which its page is kept and found: what is not ASCII is percent-encoded.

    Every key that comes in is spelled so, whoever sends it. With one page for each spelling, whoever joined
    another one could choose what a reader of that page sees. The tag has the same spelling.

    Source: RFC 3987, section 3.1.
    """
    key = normalise(key)
    return key if key.isascii() else _NOT_ASCII.sub(lambda text: quote(text[0], errors="replace"), key)


def as_iri(key: str) -> str:
    """A key as people read it, with its escapes of UTF-8 as the characters that they stand for.

    Source: RFC 3987, section 3.2.
    """
    key = normalise(key)
    try:
        return _ESCAPES_OF_NOT_ASCII.sub(lambda text: unquote(text[0], errors="strict"), key)
    except UnicodeDecodeError:
        return key


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


class KeyPattern:
    """Which keys a pattern stands for. Where a key can be read in two ways, the first star or parameter takes
    as much as it can, then the next one.

    A regular expression would try every way to share a key out among many stars and parameters: seconds for a
    key that somebody chose for that. So with more than two of them it is not asked.

    Args:
        pattern: a page's key with `*` for any text, and `{name}` for any text without a `/`.

    Raises:
        ValueError: the pattern uses a parameter name twice.
    """

    def __init__(self, pattern: str) -> None:
        self._tokens: list[_Token] = []
        end = 0
        for match in _PARAMETER.finditer(pattern):
            self._tokens += [_Token(pattern[end : match.start()], None), _Token("", match[1] or _STAR)]
            end = match.end()
        self._tokens.append(_Token(pattern[end:], None))
        names = [token.name for token in self._tokens if token.name not in (None, _STAR)]
        if len(names) > len(set(names)):
            raise ValueError(f"{pattern!r} uses a parameter name twice")
        self._expression = re.compile("".join(token.expression() for token in self._tokens), re.DOTALL)
        self._is_simple = len(self._tokens) <= 5

    def match(self, key: str) -> dict[str, str] | None:
        """The values of the parameters, if the key is one of the pattern's; else None."""
        if self._is_simple:
            found = self._expression.fullmatch(key)
            return found.groupdict() if found is not None else None
        return self._share_out(key)

    def _share_out(self, key: str) -> dict[str, str] | None:
        # From which places on the rest of the key is matched by the rest of the pattern; the end last.
        fits = [bytes(len(key)) + b"\1"]
        for token in reversed(self._tokens):
            fits.append(token.fits(key, fits[-1]))
        fits.reverse()
        if not fits[0][0]:
            return None
        values: dict[str, str] = {}
        at = 0
        for token, after in zip(self._tokens, fits[1:], strict=True):
            end = token.end(key, at, after)
            if token.name not in (None, _STAR):
                values[str(token.name)] = key[at:end]
            at = end
        return values


class _Token(NamedTuple):
    """A part of a pattern.

    Attributes:
        text: the text that it stands for, if it is plain.
        name: a parameter's name, or a star; None if it is plain.
    """

    text: str
    name: str | None

    def expression(self) -> str:
        """The part as a regular expression."""
        if self.name is None:
            return re.escape(self.text)
        return ".*" if self.name == _STAR else f"(?P<{self.name}>[^/]+)"

    def fits(self, key: str, after: bytes) -> bytes:
        """From which places on this part fits, if what comes after it fits from those."""
        here = bytearray(len(after))
        if self.name is None:
            length = len(self.text)
            for at in range(len(after) - length):
                here[at] = after[at + length] and key.startswith(self.text, at)
        elif self.name == _STAR:
            here[: after.rfind(1) + 1] = b"\1" * (after.rfind(1) + 1)
        else:
            for at in range(len(key) - 1, -1, -1):
                here[at] = key[at] != "/" and (after[at + 1] or here[at + 1])
        return bytes(here)

    def end(self, key: str, at: int, after: bytes) -> int:
        """Where this part ends that begins at a place: as far on as what comes after it allows."""
        if self.name is None:
            return at + len(self.text)
        slash = key.find("/", at) if self.name != _STAR else -1
        return after.rfind(1, at, slash + 1 if slash >= 0 else len(after))
