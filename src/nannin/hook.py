"""What a hook is: which happening on which page is told to whom, and what each key of its table may hold."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from nannin.audience.groups import check_group_key
from nannin.audience.page_key import KeyPattern, is_page_key, normalise
from nannin.kinds import Choice, Float, Integer, Kind, OptionalText, Text, WrongValue

__all__ = ["Hook", "check_secrets", "check_url", "free_name", "make_hook", "make_hooks"]

# Maximum hooks of one server: each is asked about each change of a page that it is for.
_MOST_HOOKS: Final = 100
# Bytes of a secret, and how it is written.
# Source: Standard Webhooks 1.0.0, "Signature scheme".
_LEAST_SECRET_BYTES: Final = 24
_MOST_SECRET_BYTES: Final = 64
_PREFIX: Final = "whsec_"
_MAKE_ONE: Final = 'echo "whsec_$(openssl rand -base64 32)" makes one'
# Maximum bytes of a host's name, as it is written.
# Source: RFC 1035, section 2.3.4, less its two bytes for the ends.
_MOST_NAME_BYTES: Final = 253

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# A host's name or address; names of other scripts are encoded later.
_HOST = re.compile(r"[^\s/\\@%?#\[\]]+|\[[0-9a-fA-F:.]+\]")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One hook: what is told of which page, how often, and to whom. Values are checked by `make_hook`.

    Attributes:
        name: what the log, a notice and the queue call it.
        on: what is told: `occupied`, `vacated`, `threshold`, `spike` or `peak`.
        page: a page's key, or a pattern of keys: each page that fits is looked at by itself. "" for a group.
        group: a group's key, whose number is looked at; "" for pages.
        of: which number of a count it goes by: `visitors`, `connections` or `visible`.
        above, below: a threshold's limits; None where it has none on that side.
        hysteresis: the share by which a number must go back before the same may be told again.
        factor: how many times the mean a spike is.
        over: seconds over which a spike's mean is taken.
        least: the least number that counts as a spike or a peak.
        period: what a peak is the highest of: `ever`, or a `day` of 24 hours.
        repeat: `subsided`, `hourly` or `once`.
        debounce: seconds for which something must last before it is told.
        url, url_file, url_variable: where a notice is posted to, or what names it.
        secret, secret_file, secret_variable: what it is signed with, or what names that.
        command: what is run instead, as a list of arguments.
        format: the form of what is posted: `json`, `slack` or `discord`.
        language: of the sentences for people.
        timeout: seconds that posting or the command may take; None for the default.
    """

    name: str
    on: str
    page: str = ""
    group: str = ""
    of: str = "visitors"
    above: int | None = None
    below: int | None = None
    hysteresis: float = 0.1
    factor: float = 3.0
    over: float = 600.0
    least: int = 10
    period: str = "ever"
    repeat: str = "subsided"
    debounce: float = 10.0
    url: str = dataclasses.field(default="", repr=False)
    url_file: str = ""
    url_variable: str = ""
    secret: tuple[str, ...] = dataclasses.field(default=(), repr=False)
    secret_file: str = ""
    secret_variable: str = ""
    command: tuple[str, ...] = dataclasses.field(default=(), repr=False)
    format: str = "json"
    language: str = "en"
    timeout: float | None = None

    @property
    def key(self) -> str:
        """The page, the pattern or the group that it is for."""
        return self.group or self.page

    def __str__(self) -> str:
        return f"{self.name} ({self.on} of {self.key})"


class _Url(Kind):
    expected = "an address such as https://example.org/hook"
    is_secret = True  # its path may be one, as with Slack and Discord

    def check(self, value: object) -> object:
        check_url(value)
        return value


class _SigningSecrets(Kind):
    expected = "whsec_ and 24 to 64 bytes in Base64"
    is_secret = True

    def check(self, value: object) -> object:
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, (list, tuple)) or not values:
            raise ValueError
        check_secrets(values)
        return tuple(values)


class _Command(Kind):
    expected = 'a list of texts such as ["/usr/local/bin/tell", "me"]'
    is_secret = True  # an argument may be one

    def check(self, value: object) -> object:
        if not isinstance(value, (list, tuple)) or not value or not value[0]:
            raise ValueError
        if not all(isinstance(part, str) and "\0" not in part for part in value):
            raise ValueError
        return tuple(value)


class _PageKey(Kind):
    expected = "a page's key or a pattern of keys, such as /news or /news/*"

    def check(self, value: object) -> object:
        if not isinstance(value, str) or not is_page_key(value):
            raise ValueError
        KeyPattern(value)
        return normalise(value)


class _GroupKey(_PageKey):
    expected = "a group of pages such as /shop/*"

    def check(self, value: object) -> object:
        return check_group_key(str(super().check(value)))


class _VariableName(Kind):
    expected = "the name of an environment variable"

    def check(self, value: object) -> object:
        if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
            raise ValueError
        return value


class _Key(NamedTuple):
    """A key of a table.

    Attributes:
        kind: what it may hold.
        only_on: what the hook must be on for the key to mean something; empty for all.
    """

    kind: Kind
    only_on: tuple[str, ...] = ()


_NUMBER: Final = Integer(0, 2**30)
_SECONDS: Final = Float(0, 86_400, "a number of seconds from 0 to 86400")
_HAPPENINGS: Final = ("occupied", "vacated", "threshold", "spike", "peak")
_PATH: Final = OptionalText("PATH")

# Every key of a table.
_KEYS: Final[Mapping[str, _Key]] = {
    "name": _Key(Text("NAME")),
    "on": _Key(Choice(*_HAPPENINGS)),
    "page": _Key(_PageKey()),
    "group": _Key(_GroupKey()),
    "of": _Key(Choice("visitors", "connections", "visible")),
    "above": _Key(_NUMBER, ("threshold",)),
    "below": _Key(Integer(1, 2**30), ("threshold",)),
    "hysteresis": _Key(Float(0, 0.5, "a share from 0 to 0.5"), ("threshold", "spike", "peak")),
    "factor": _Key(Float(1.5, 1000, "a number from 1.5 to 1000"), ("spike",)),
    "over": _Key(Float(60, 86_400, "a number of seconds from 60 to 86400"), ("spike",)),
    "least": _Key(Integer(1, 2**30), ("spike", "peak")),
    "period": _Key(Choice("ever", "day"), ("peak",)),
    "repeat": _Key(Choice("subsided", "hourly", "once")),
    "debounce": _Key(_SECONDS),
    "url": _Key(_Url()),
    "url_file": _Key(_PATH),
    "url_variable": _Key(_VariableName()),
    "secret": _Key(_SigningSecrets()),
    "secret_file": _Key(_PATH),
    "secret_variable": _Key(_VariableName()),
    "command": _Key(_Command()),
    "format": _Key(Choice("json", "slack", "discord")),
    "language": _Key(Choice("en", "ja")),
    "timeout": _Key(Float(0.1, 300, "a number of seconds from 0.1 to 300")),
}
_ADDRESSES: Final = ("url", "url_file", "url_variable")
_SECRETS: Final = ("secret", "secret_file", "secret_variable")


def make_hooks(tables: Sequence[object]) -> tuple[Hook, ...]:
    """The hooks of some tables; a hook among them stays as it is.

    Raises:
        WrongValue: one of them is wrong; the text says which.
    """
    if len(tables) > _MOST_HOOKS:
        raise WrongValue(f"there may be {_MOST_HOOKS} hooks, and these are {len(tables)}")
    hooks: list[Hook] = []
    for number, table in enumerate(tables, 1):
        if isinstance(table, Hook):
            hooks.append(table)
            continue
        if not isinstance(table, Mapping):
            raise WrongValue(f"number {number} is not a table")
        try:
            hook = make_hook(table)
            _check_destination(hook)
        except WrongValue as error:
            raise WrongValue(f"number {number}: {error}") from None
        if "name" in table and hook.name in (other.name for other in hooks):
            raise WrongValue(f"number {number}: another hook has the name {hook.name!r}")
        hooks.append(dataclasses.replace(hook, name=free_name(hook.name, hooks)))
    return tuple(hooks)


def make_hook(table: Mapping[str, Any]) -> Hook:
    """A hook from what a table or a call says, but for whom it tells.

    Raises:
        WrongValue: a key is unknown, a value wrong, or two of them contradict each other.
    """
    values: dict[str, Any] = {}
    for name, value in table.items():
        key = _KEYS.get(name)
        if key is None:
            raise WrongValue(f"{name!r} is not a key of a hook{_hint(str(name))}")
        try:
            values[name] = key.kind.check(value)
        except (ValueError, OverflowError) as error:
            came = "" if key.kind.is_secret else f", not {_shown(value)}"
            why = f": {error}" if isinstance(error, WrongValue) else ""
            raise WrongValue(f"{name} must be {key.kind.expected}{came}{why}") from None
    on = values.get("on")
    if on is None:
        raise WrongValue(f"on is missing: it is one of {', '.join(_HAPPENINGS)}")
    for name in values:
        if _KEYS[name].only_on and on not in _KEYS[name].only_on:
            raise WrongValue(f"{name} is for {' and '.join(_KEYS[name].only_on)}, not for {on}")
    if ("page" in values) is ("group" in values):
        both = "page and group exclude each other: set one of them"
        raise WrongValue(both if "page" in values else "page is missing: a key such as /, or a pattern")
    _check_threshold(on, values.get("above"), values.get("below"))
    values = {name: value for name, value in values.items() if value is not None}
    return Hook(**{"name": _name_of(values), **values})


def _check_threshold(on: str, above: int | None, below: int | None) -> None:
    if on != "threshold":
        return
    if above is None and below is None:
        raise WrongValue("a threshold needs above, below or both")
    if above is not None and below is not None and below > above:
        raise WrongValue(f"below must not be over above: {below} is over {above}")


def _check_destination(hook: Hook) -> None:
    """Raises WrongValue where it isn't plain whom a hook tells, and how it signs."""
    addresses = [name for name in _ADDRESSES if getattr(hook, name)]
    secrets = [name for name in _SECRETS if getattr(hook, name)]
    if hook.command:
        if addresses or secrets:
            raise WrongValue(f"command and {[*addresses, *secrets][0]} exclude each other: set one of them")
        if hook.format != "json":
            raise WrongValue("a command gets JSON: leave out format")
        return
    if len(addresses) != 1:
        problem = (
            " and ".join(addresses) + " exclude each other" if addresses else "url or command is missing"
        )
        raise WrongValue(problem)
    if len(secrets) > 1:
        raise WrongValue(f"{' and '.join(secrets)} exclude each other: set one of them")
    if hook.format == "json" and not secrets:
        raise WrongValue(f"secret is missing, with which the receiver knows that it is us: {_MAKE_ONE}")


def check_url(url: object) -> None:
    """Raises ValueError where a value is not an address that can be posted to."""
    if not isinstance(url, str) or not url.isprintable() or " " in url:
        raise ValueError
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise WrongValue("its host or its port is wrong") from None
    if parts.scheme not in ("https", "http"):
        raise WrongValue("it starts with https://, or http:// where it must")
    if "@" in parts.netloc:
        raise WrongValue("leave out the name and the password")
    if (
        not host
        or port == 0
        or not _HOST.fullmatch(parts.netloc.rpartition(":")[0] if port else parts.netloc)
    ):
        raise WrongValue("its host or its port is wrong")
    if parts.fragment:
        raise WrongValue("leave out # and what follows it")
    try:
        encoded = host.encode("idna") if len(host) <= 2 * _MOST_NAME_BYTES else b""
    except UnicodeError:
        encoded = b""
    if not 0 < len(encoded.removesuffix(b".")) <= _MOST_NAME_BYTES:
        raise WrongValue(
            f"a host's name has 1 to 63 characters between two dots, and {_MOST_NAME_BYTES} in all at most"
        )


def check_secrets(secrets: Iterable[object]) -> list[bytes]:
    """The keys that secrets stand for, the newest first.

    Raises:
        WrongValue: one of them is not `whsec_` and Base64. The text never has the secret itself.
    """
    keys = []
    for secret in secrets:
        if not isinstance(secret, str) or not secret.startswith(_PREFIX):
            raise WrongValue(f"it starts with whsec_; {_MAKE_ONE}")
        try:
            key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            raise WrongValue(f"what follows whsec_ is not Base64; {_MAKE_ONE}") from None
        if not _LEAST_SECRET_BYTES <= len(key) <= _MOST_SECRET_BYTES:
            raise WrongValue(f"it has {len(key)} bytes; {_MAKE_ONE}")
        keys.append(key)
    return keys


def _name_of(values: Mapping[str, Any]) -> str:
    """A name for a hook that was given none: the same after every start."""
    limits = [f"{name} {values[name]}" for name in ("above", "below") if name in values]
    return " ".join([values["on"], values.get("group") or values["page"], *limits])


def free_name(name: str, hooks: Collection[Hook]) -> str:
    """The name, with a number if one of these hooks has it."""
    taken = {hook.name for hook in hooks}
    names = (name if number == 1 else f"{name} ({number})" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def _hint(name: str) -> str:
    from difflib import get_close_matches  # only where something is wrong

    close = get_close_matches(name, list(_KEYS), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def _shown(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 80 else text[:77] + "..."
