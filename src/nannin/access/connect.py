"""What a client says of itself in its CONNECT packet: the keys of the payload that are the server's own.

The application finds the whole payload, other keys included, in `socket.auth`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any, Final, Self

import msgspec

# Maximum bytes of a visitor's id. Those of the tag have 22 characters, a UUID has 36.
MAX_VISITOR_BYTES: Final = 64


class Format(enum.Enum):
    """What a client asked for with `updates` in its CONNECT payload."""

    __hash__ = object.__hash__  # Enum's own is written in Python, and members key tables

    CLASSIC = "classic"  # the pair of the sample of 2011, one number
    AUDIENCE = "audience"  # one event with the whole count
    NONE = "none"


class Connect(msgspec.Struct, frozen=True):
    """The payload of one CONNECT packet, checked.

    Args:
        visitor: the visitor's id, or None: then the connection is a visitor of its own.
        updates: how the client wants to be told counts; None: as is usual on the page.
        token: the page's token.
        visible: whether the visitor sees the page.
        observe: whether the client is told the count without being counted.
        recover: whether the client wants to be able to come back after a lost link; None: as the server's
            settings say.
        pid: the secret by which a client that comes back is recognised.
        offset: the last event that such a client got.
        problem: what is wrong with the payload, in the words of the `connect_error`; empty if nothing is.
    """

    visitor: str | None = None
    updates: Format | None = None
    token: str | None = None
    visible: bool = True
    observe: bool = False
    recover: bool | None = None
    pid: str | None = None
    offset: str | None = None
    problem: str = ""

    @classmethod
    def read(cls, auth: Mapping[str, Any], size_bytes: int = 0, max_bytes: int = 0) -> Self:
        """Checks a payload; what is wrong in it counts as missing, and `problem` tells the first such thing.

        Args:
            auth: what came with the CONNECT packet; other keys than ours may hold anything.
            size_bytes: about how large it is.
            max_bytes: how large it may be; 0 for any size.
        """
        if not auth:
            return cls()
        fields, problem = {}, ""
        if 0 < max_bytes < size_bytes:
            problem = f"Invalid auth: expected up to {max_bytes} bytes, not {size_bytes}"
        for name, (is_right, words) in _CHECKED.items():
            if name in auth:
                if is_right(auth[name]):
                    fields[name] = auth[name]
                else:
                    problem = problem or words
        for name in _TEXTS:
            if isinstance(auth.get(name), str):
                fields[name] = auth[name]
        if "updates" in fields:
            fields["updates"] = _FORMATS[fields["updates"]]
        return cls(**fields, problem=problem)


def is_visitor(value: object) -> bool:
    """Whether this can be a visitor's id, or stands for none."""
    return value is None or (
        isinstance(value, str) and 0 < len(value.encode(errors="replace")) <= MAX_VISITOR_BYTES
    )


def _is_format(value: object) -> bool:
    return isinstance(value, str) and value in _FORMATS


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


_FORMATS: Final = {form.value: form for form in Format}
_CHECKED: Final[dict[str, tuple[Callable[[object], bool], str]]] = {
    "visitor": (is_visitor, f"Invalid visitor: expected a string of 1 to {MAX_VISITOR_BYTES} bytes"),
    "updates": (_is_format, 'Invalid updates: "classic", "audience" or "none"'),
    "visible": (_is_bool, "Invalid visible: true or false"),
    "observe": (_is_bool, "Invalid observe: true or false"),
    "recover": (_is_bool, "Invalid recover: true or false"),
}
# Whatever else comes under these names fits no page's token, and belongs to no client that was here.
_TEXTS: Final = ("token", "pid", "offset")
