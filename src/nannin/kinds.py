"""What a setting may hold: the kinds of values, each with its limits and the words for them."""

from __future__ import annotations

import ipaddress
import re

from nannin.audience.groups import MAX_GROUPS, check_group_key
from nannin.audience.page_key import MAX_PAGE_BYTES, is_page_key

__all__ = [
    "Choice",
    "Descriptor",
    "Float",
    "HistoryPlace",
    "HostNames",
    "Integer",
    "IntegerOrAutomatic",
    "Kind",
    "ListOf",
    "Networks",
    "OptionalText",
    "Origins",
    "PageGroups",
    "PagePatterns",
    "RootPath",
    "Secret",
    "Secrets",
    "Switch",
    "Text",
    "WrongValue",
]

MIN_SECRET_CHARACTERS = 16

_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[a-z0-9_.-]*)(:[0-9]{1,5})?(/.*)?")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
# A browser's Origin has the page's scheme, http or https, for WebSockets too.
_PAGE_SCHEMES = {"ws": "http", "wss": "https"}
# Schemes of origins that need no host.
_HOSTLESS = frozenset({"file"})
_HOST_NAME = re.compile(r"(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\.?|\[[0-9a-f:.]+\]|\*")
_ROOT_PATH = re.compile(r"(/[!$-.0->@-~]+)*")
_SECRET = re.compile(rf"[!-~]{{{MIN_SECRET_CHARACTERS},}}")
_REDIS = re.compile(r"(rediss?|unix|rediss?\+(sentinel|cluster))://[!-~]+")
_POSTGRES = re.compile(r"postgres(ql)?://[!-~]+")
# None of the characters that patterns of channels are made of.
_CHANNEL = re.compile(r"[A-Za-z0-9_.:/@-]{1,100}")
_YES, _NO = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})


class WrongValue(ValueError):
    """A value is not of its kind. The text says why, where the kind's own words don't."""


class Kind:
    """Any printable text, and the base of the other kinds.

    Attributes:
        expected: completes the sentence "--port must be ...".
        metavar: stands for the value in the help.
        is_secret: whether a value must never be shown, not even a wrong one.
        hides_value: whether a wrong value is not shown, since a part of it may be a secret.
    """

    expected = "a text"
    metavar = "TEXT"
    is_secret = False
    hides_value = False

    def parse(self, text: str) -> object:
        """A value from a flag or an environment variable.

        Raises:
            ValueError: the text is not a value of this kind.
        """
        return text

    def check(self, value: object) -> object:
        """The value as it is kept, whatever its source.

        Raises:
            ValueError: the value is not of this kind.
        """
        if not isinstance(value, str) or not value.isprintable():
            raise ValueError
        return value


class Text(Kind):
    """A text that is not empty."""

    expected = "a text that is not empty"

    def __init__(self, metavar: str) -> None:
        self.metavar = metavar

    def check(self, value: object) -> object:
        if value == "":
            raise ValueError
        return super().check(value)


class OptionalText(Text):
    """A text or None. An empty text in a flag or variable is None."""

    def __init__(self, metavar: str) -> None:
        super().__init__(metavar)
        self.expected = "a path" if metavar == "PATH" else f"a text such as {metavar}"

    def parse(self, text: str) -> object:
        return text or None

    def check(self, value: object) -> object:
        return None if value is None else super().check(value)


class Choice(Kind):
    """One of a few words, in any case."""

    def __init__(self, *words: str, metavar: str = "LEVEL") -> None:
        self.words = words
        self.metavar = metavar
        self.expected = f"one of {', '.join(words)}"

    def check(self, value: object) -> object:
        if not isinstance(value, str) or value.lower() not in self.words:
            raise ValueError
        return value.lower()


class Integer(Kind):
    """A whole number within limits, both included."""

    def __init__(self, least: int, most: int, metavar: str = "N") -> None:
        self.least, self.most, self.metavar = least, most, metavar
        self.expected = f"a whole number from {least} to {most}"

    def parse(self, text: str) -> object:
        # int() also takes "1_000", " 7 " and digits of other scripts. Nobody means those.
        if not re.fullmatch(r"-?[0-9]{1,20}", text):
            raise ValueError
        return int(text)

    def check(self, value: object) -> object:
        if type(value) is not int or not self.least <= value <= self.most:
            raise ValueError
        return value


class IntegerOrAutomatic(Integer):
    """A whole number within limits, or 0, which leaves the choice to the server."""

    def __init__(self, least: int, most: int) -> None:
        super().__init__(least, most)
        self.expected = f"0 or {self.expected}"

    def check(self, value: object) -> object:
        return 0 if type(value) is int and value == 0 else super().check(value)


class Descriptor(Integer):
    """The number of an open file, or None. An empty text in a flag or variable is None."""

    def __init__(self) -> None:
        super().__init__(0, 2**20, "N")
        self.expected = "the number of an open socket, such as 3"

    def parse(self, text: str) -> object:
        return super().parse(text) if text else None

    def check(self, value: object) -> object:
        return None if value is None else super().check(value)


class Float(Kind):
    """A number within limits, both included. A text must have no exponent."""

    def __init__(self, least: float, most: float, expected: str, metavar: str = "SECONDS") -> None:
        self.least, self.most, self.expected, self.metavar = least, most, expected, metavar

    def parse(self, text: str) -> object:
        if not re.fullmatch(r"[0-9]{0,20}\.?[0-9]{1,20}", text):
            raise ValueError
        return float(text)

    def check(self, value: object) -> object:
        # Not between the limits is NaN, too. True is not a number here.
        if type(value) not in (int, float) or not self.least <= value <= self.most:  # type: ignore[operator]
            raise ValueError
        return float(value)  # type: ignore[arg-type]


class Switch(Kind):
    """True or False."""

    expected = "true or false"
    metavar = ""

    def parse(self, text: str) -> object:
        if text.lower() not in _YES | _NO:
            raise ValueError
        return text.lower() in _YES

    def check(self, value: object) -> object:
        if type(value) is not bool:
            raise ValueError
        return value


class RootPath(Kind):
    """Nothing, or a path that starts with `/`. A `/` at its end is dropped."""

    expected = "a path such as /live, in ASCII"
    metavar = "PATH"

    def check(self, value: object) -> object:
        if not isinstance(value, str) or not _ROOT_PATH.fullmatch(value.rstrip("/")):
            raise ValueError
        return value.rstrip("/")


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


class Secret(Kind):
    """A secret that fits into an HTTP header, or None. An empty text in a flag or variable is None."""

    expected = f"at least {MIN_SECRET_CHARACTERS} letters, digits and signs in ASCII, without a space"
    metavar = "SECRET"
    is_secret = True

    def parse(self, text: str) -> object:
        return text or None

    def check(self, value: object) -> object:
        if value is not None and not (isinstance(value, str) and _SECRET.fullmatch(value)):
            raise ValueError
        return value


class RedisAddress(Kind):
    """Where Redis or Valkey is, or None. It may hold a password."""

    expected = "an address such as redis://127.0.0.1:6379/0, rediss://, unix:// or redis+sentinel://"
    metavar = "URL"
    is_secret = True

    def parse(self, text: str) -> object:
        return text or None

    def check(self, value: object) -> object:
        if value is not None and not (isinstance(value, str) and _REDIS.fullmatch(value)):
            raise ValueError
        return value


class HistoryPlace(Kind):
    """Whether there is history, or the PostgreSQL that it is kept in, or None. It may hold a password."""

    expected = "on, off, or an address such as postgresql://nannin@127.0.0.1/nannin"
    metavar = "WHERE"
    is_secret = True

    def parse(self, text: str) -> object:
        return text or None

    def check(self, value: object) -> object:
        if value is None:
            return None
        if isinstance(value, bool):
            return "on" if value else "off"
        if not isinstance(value, str):
            raise ValueError
        if value.lower() in _YES | _NO:
            return "on" if value.lower() in _YES else "off"
        if not _POSTGRES.fullmatch(value):
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
