"""What a setting with several values may hold: the kinds of their parts."""

from __future__ import annotations

import ipaddress
import re

from nannin.audience.groups import MAX_GROUPS, check_group_key
from nannin.audience.page_key import MAX_PAGE_BYTES, is_page_key
from nannin.kinds import MIN_SECRET_CHARACTERS, Kind, WrongValue

__all__ = [
    "ChannelNames",
    "HostNames",
    "ListOf",
    "Networks",
    "Origins",
    "PageGroups",
    "PagePatterns",
    "Secrets",
]

_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[a-z0-9_.-]*)(:[0-9]{1,5})?(/.*)?")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
# A browser's Origin has the page's scheme, http or https, for WebSockets too.
_PAGE_SCHEMES = {"ws": "http", "wss": "https"}
# Schemes of origins that need no host.
_HOSTLESS = frozenset({"file"})
_HOST_NAME = re.compile(r"(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\.?|\[[0-9a-f:.]+\]|\*")
# None of the characters that patterns of channels are made of.
_CHANNEL = re.compile(r"[A-Za-z0-9_.:/@-]{1,100}")


class ListOf(Kind):
    """The base of lists: comma-separated in a text, or a list. A part that comes twice is kept once."""

    def parse(self, text: str) -> object:
        return tuple(part.strip() for part in text.split(",") if part.strip())

    def check(self, value: object) -> object:
        if isinstance(value, str):
            value = self.parse(value)
        if not isinstance(value, (list, tuple)):
            raise ValueError
        return tuple(dict.fromkeys(map(self.check_part, value)))

    def check_part(self, value: object) -> str:
        """One part as it is kept.

        Raises:
            ValueError: the part is not allowed.
        """
        raise NotImplementedError


class Origins(ListOf):
    """Origins as browsers send them, or `*`.

    `null` has to be named: every sandboxed frame sends it, and every saved file.
    """

    expected = "origins such as https://example.com, or *"
    metavar = "ORIGIN,..."

    def check_part(self, value: object) -> str:
        if not isinstance(value, str):
            raise ValueError
        if value.lower() in ("*", "null"):
            return value.lower()
        match = _ORIGIN.fullmatch(value.lower())
        if match is None:
            raise _explain_origin(value)
        scheme, host, port, path = match.groups(default="")
        if not host and scheme not in _HOSTLESS:
            raise ValueError
        if path not in ("", "/"):  # the address bar shows a slash where nothing else follows
            raise WrongValue("an origin ends after the host and the port")
        scheme = _PAGE_SCHEMES.get(scheme, scheme)
        # A browser never sends the default port of a scheme.
        return f"{scheme}://{host}{'' if port == _DEFAULT_PORTS.get(scheme) else port}"


def _explain_origin(value: str) -> ValueError:
    """Why a text is not an origin, where it is a frequent mistake."""
    if len(value.split()) > 1:
        return WrongValue("separate origins with commas, not with spaces")
    if "*" in value:
        return WrongValue("an origin has no wildcard: name each of them, or * for all")
    if value and "://" not in value:
        return WrongValue("an origin starts with https:// or http://")
    return ValueError()


class Networks(ListOf):
    """IP addresses and networks, or `*` for all."""

    expected = "addresses and networks such as 127.0.0.1,10.0.0.0/8, or *"
    metavar = "ADDRESS,..."

    def check_part(self, value: object) -> str:
        if value == "*":
            return "*"
        if not isinstance(value, str) or "%" in value:
            raise ValueError
        if "/" not in value:
            return str(ipaddress.ip_address(value))
        return str(ipaddress.ip_network(value, strict=False))


class HostNames(ListOf):
    """Names by which a server is called, or `*`. `*.example.org` stands for all names below example.org."""

    expected = "host names such as live.example.org, or *"
    metavar = "NAME,..."

    def check_part(self, value: object) -> str:
        if not isinstance(value, str):
            raise ValueError
        name = value.lower()
        if "://" in name or "/" in name:
            raise WrongValue("leave out https:// and whatever follows the name")
        if re.fullmatch(r"[^\[\]:]+:[0-9]+|\[.*\]:[0-9]+", name):
            raise WrongValue("a name counts for every port: leave out the port")
        if not _HOST_NAME.fullmatch(name):
            raise ValueError
        return name.removesuffix(".")


class PagePatterns(ListOf):
    """Page keys, in which each `*` stands for any text."""

    expected = f"page keys such as / or /news/*, each of at most {MAX_PAGE_BYTES} bytes"
    metavar = "PAGE,..."

    def check_part(self, value: object) -> str:
        if not isinstance(value, str) or not is_page_key(value):
            raise ValueError
        return value


class PageGroups(ListOf):
    """Keys of groups of pages, each with one `*`, at its end."""

    expected = f"up to {MAX_GROUPS} groups of pages such as /shop/* or /*, each with one *, at its end"
    metavar = "GROUP,..."

    def check(self, value: object) -> object:
        groups = super().check(value)
        assert isinstance(groups, tuple)
        if len(groups) > MAX_GROUPS:
            raise ValueError
        return groups

    def check_part(self, value: object) -> str:
        if not isinstance(value, str):
            raise ValueError
        return check_group_key(value)


class ChannelNames(ListOf):
    """Names of channels in Redis, or `none`."""

    expected = "names of channels, of letters, digits and ._:/@-, or none"
    metavar = "NAME,..."

    def check_part(self, value: object) -> str:
        if not isinstance(value, str) or not _CHANNEL.fullmatch(value):
            raise ValueError
        return value


class Secrets(ListOf):
    """One secret or several, or None. An empty text in a flag or variable is None."""

    expected = f"at least {MIN_SECRET_CHARACTERS} characters for each secret"
    metavar = "SECRET,..."
    is_secret = True

    def parse(self, text: str) -> object:
        return super().parse(text) or None

    def check(self, value: object) -> object:
        if value is None:
            return None
        # An empty secret in a file or in code is a mistake. Taken for None, it would open every page.
        return super().check(value or None)

    def check_part(self, value: object) -> str:
        if not isinstance(value, str) or len(value) < MIN_SECRET_CHARACTERS or "," in value:
            raise ValueError
        if not value.isprintable():
            raise ValueError
        return value
