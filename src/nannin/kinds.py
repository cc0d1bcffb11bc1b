"""What a setting may hold: the kinds of single values, each with its limits and the words for them."""

from __future__ import annotations

import re

__all__ = [
    "MIN_SECRET_CHARACTERS",
    "Choice",
    "Descriptor",
    "Float",
    "HistoryPlace",
    "Integer",
    "IntegerOrAutomatic",
    "Kind",
    "OptionalText",
    "RedisAddress",
    "RootPath",
    "Secret",
    "Switch",
    "Text",
    "WrongValue",
]

MIN_SECRET_CHARACTERS = 16

_ROOT_PATH = re.compile(r"(/[!$-.0->@-~]+)*")
_SECRET = re.compile(rf"[!-~]{{{MIN_SECRET_CHARACTERS},}}")
_REDIS = re.compile(r"(rediss?|unix|rediss?\+(sentinel|cluster))://[!-~]+")
_POSTGRES = re.compile(r"postgres(ql)?://[!-~]+")
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
