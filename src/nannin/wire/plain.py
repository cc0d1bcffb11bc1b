"""An application's objects in the form that JSON has for them, and what is said of one that has no form."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import PurePath
from typing import Any, Final

import msgspec

# msgspec would encode bytes as base64 text, and decode any text into bytes. Listing these types turns both
# off.
BINARY_TYPES: Final = (bytes, bytearray, memoryview)

_AS_TEXT: Final = (PurePath, IPv4Address, IPv6Address, IPv4Network, IPv6Network)
# The packages whose types, such as URLs and secrets, are sent as their `str`. A secret's tells nothing of it.
_PYDANTIC: Final = frozenset({"pydantic", "pydantic_core", "pydantic_extra_types"})
_HALF: Final = "half a character (a lone surrogate)"
# Maximum characters of a value in an error message.
_SHOWN: Final = 80
# Maximum characters in it of what an object's own code said.
_SHOWN_ERROR: Final = 200


def to_plain(value: Any) -> Any:
    """An object that msgspec does not know, as one that it does; a hook for its encoder.

    Subclasses of str, int, float and bytes are plain text, numbers and bytes. Models of pydantic's are what
    FastAPI makes of them, except that bytes stay bytes.

    Raises:
        TypeError: JSON has no form for the object, or its own code raised the cause.
    """
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, bytes):
        return bytes(value)
    if isinstance(value, deque):
        return list(value)
    if hasattr(value, "model_dump"):
        return _dump(value)
    if isinstance(value, _AS_TEXT) or type(value).__module__.partition(".")[0] in _PYDANTIC:
        return str(value)
    raise TypeError(f"JSON has no form for {type(value).__name__}")


def explain(arguments: list[Any], event: object = None) -> str:
    """Which of these arguments can't be sent, and what in it; empty if all can.

    Args:
        arguments: of an event or an ack, of which one was too much for the encoder.
        event: the event's name, which may be what can't be sent.
    """
    if isinstance(event, str) and _why_not(event) is not None:
        return f"an event of this name can't be sent: {_HALF}, {_show(event)}"
    of = f" of {_show(event)}" if event is not None else ""
    for number, argument in enumerate(arguments, 1):
        for place, problem in _find_odd(argument, "$"):
            inside = "" if place == "$" else f" ({place})"
            return f"argument {number}{of} can't be sent: {problem}{inside}"
    return ""


def _dump(model: Any) -> Any:
    try:
        if not hasattr(model, "__pydantic_serializer__"):  # it looks like a model of pydantic's, and is none
            return model.model_dump()
        plain = model.model_dump(by_alias=True)
        return plain if _holds_bytes(plain) else model.model_dump(by_alias=True, mode="json")
    except RecursionError:
        raise
    except Exception as error:
        raise TypeError(f"the model_dump of {type(model).__name__} raised {error!r}") from error


def _holds_bytes(plain: Any) -> bool:
    if isinstance(plain, dict):
        return any(map(_holds_bytes, plain.values()))
    if isinstance(plain, list | tuple | set | frozenset):
        return any(map(_holds_bytes, plain))
    return isinstance(plain, BINARY_TYPES)


def _find_odd(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """Where the smallest part is that can't be sent, and what it is."""
    error = _why_not(value)
    if error is None:
        return
    for step, inner in _parts(value):
        if not isinstance(step, str | int | float):
            yield place, f"JSON has no key such as {_show(step)}"
        elif _why_not(step) is not None:
            yield place, f"{_HALF} in the key {_show(step)}"
        else:
            named = isinstance(step, str) and step.isidentifier()
            yield from _find_odd(inner, f"{place}.{step}" if named else f"{place}[{step!r}]")
    if isinstance(value, str):
        yield place, f"{_HALF} in {_show(value)}"
    elif error.__cause__ is not None or not isinstance(error, TypeError):
        yield place, f"{_cut(str(error), _SHOWN_ERROR)}, here {_show(value)}"
    else:
        yield place, f"JSON has no form for {type(value).__name__}, here {_show(value)}"


def _why_not(value: Any) -> Exception | None:
    """What the encoder says of a value; None if it can be sent."""
    try:
        plain = msgspec.to_builtins(value, builtin_types=BINARY_TYPES, str_keys=True, enc_hook=to_plain)
        msgspec.json.encode(plain)
    except Exception as error:  # noqa: BLE001 - an object's own code may raise anything
        return error
    return None


def _parts(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list | tuple | deque | set | frozenset):
        yield from enumerate(value)
    elif isinstance(value, msgspec.Struct):
        yield from ((name, getattr(value, name)) for name in value.__struct_fields__)
    elif dataclasses.is_dataclass(value):
        yield from ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
    elif hasattr(value, "model_dump"):
        yield from getattr(value, "__dict__", {}).items()


def _show(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - as above
        text = object.__repr__(value)
    return _cut(text, _SHOWN)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}..."
