"""What a handler says its arguments are, and whether what a client sent fits."""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from nannin.errors import PayloadError
from nannin.wire.plain import BINARY_TYPES

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

# Maximum characters of the reason why an argument doesn't fit.
MAX_REASON = 300

# What the first parameter is annotated with where somebody forgot the socket.
_PLAIN = (str, int, float, bool, bytes, list, dict)
_NO_SOCKET = (*_PLAIN, *(kind.__name__ for kind in _PLAIN))


# Where the classes are that a handler can get: Socket and Visitor, and some that it can't.
_OURS = "nannin.hub.sockets"


class Payload:
    """The arguments of one handler after the socket.

    A parameter with an annotation takes what msgspec can convert to it: a Struct, a dataclass, a TypedDict, a
    plain or generic type, or a class with `model_validate`, as pydantic's. A parameter without an annotation
    takes anything.

    Args:
        handler: a function whose first parameter is the socket, or a visitor.
        first: which of the two, in the words of an error.
        before: how many arguments come between the socket and those that a client sent.

    Attributes:
        least: how many arguments it needs at least.
        most: how many it takes at most.

    Raises:
        TypeError: the handler can't be called with these, or an annotation can't be checked.
    """

    def __init__(self, handler: Callable[..., Any], before: int = 0, first: str = "socket") -> None:
        name = name_of(handler)
        parameters = _parameters_of(handler)
        taker = parameters[0] if parameters else None
        if taker is None or taker.kind not in (*_POSITIONAL, inspect.Parameter.VAR_POSITIONAL):
            raise TypeError(f"the handler {name} must take the {first} as its first argument")
        if taker.annotation in _NO_SOCKET:
            kind = getattr(taker.annotation, "__name__", taker.annotation)
            raise TypeError(f"the handler {name} gets the {first} first, so {taker.name} can't be {kind}")
        if taker.name == "self" and _is_of_class(handler):
            owner, method = name.split(".")[-2:]
            raise TypeError(
                f"the handler {name} takes self, and nannin has no {owner} to call it on: write a function "
                f"without a class, or register the method of an object, as in on(...)(one.{method})"
            )
        if inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
            raise TypeError(f"the handler {name} must not be a generator: it returns its answer")
        if taker.kind in _POSITIONAL:
            parameters = parameters[1:]
        needed = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
        if needed:
            raise TypeError(f"the handler {name} must not need the keyword argument {needed[0]}")
        plain = [p for p in parameters if p.kind in _POSITIONAL]
        rest = [p for p in parameters if p.kind is p.VAR_POSITIONAL]
        self._types = [_type_of(handler, p) for p in plain]
        self._rest = _type_of(handler, rest[0]) if rest else None
        self.least = sum(p.default is p.empty for p in plain)
        self._takes_any = not any(t is not Any for t in self._types) and self._rest in (Any, None)
        self.most = sys.maxsize if rest else len(plain)
        self._before = before

    def convert(self, args: Sequence[Any]) -> Sequence[Any]:
        """The arguments as the handler wants them.

        Raises:
            PayloadError: there are too few or too many, or one does not fit; the message says which and why.
        """
        if not self.least <= len(args) <= self.most:
            least, most = max(self.least - self._before, 0), self.most - self._before
            words = f"{least}" if least == most else f"{least} to {most}"
            words = f"{least} or more" if self.most == sys.maxsize else words
            noun = "argument" if words == "1" else "arguments"
            raise PayloadError(f"expected {words} {noun}, not {len(args) - self._before}")
        if self._takes_any:
            return args
        return [self._convert(number, value) for number, value in enumerate(args)]

    def takes_object(self) -> bool:
        """Whether the first argument can be a JSON object, which a client's auth always is."""
        if not self.most:
            return True
        wanted = self._types[0] if self._types else self._rest
        try:
            msgspec.convert({}, wanted, builtin_types=BINARY_TYPES, dec_hook=_take_any)
        except msgspec.ValidationError as error:
            return not str(error).endswith("got `object`")  # what lacks fields is an object all the same
        return True

    def _convert(self, number: int, value: Any) -> Any:
        wanted = self._types[number] if number < len(self._types) else self._rest
        if wanted is Any:
            return value
        try:
            return msgspec.convert(value, wanted, builtin_types=BINARY_TYPES, dec_hook=_convert_foreign)
        except msgspec.ValidationError as error:
            # What came is in some of these words, and it may be a megabyte.
            raise PayloadError(f"argument {number + 1 - self._before}: {error!s:.{MAX_REASON}}") from None


def check_taker(handler: Callable[..., Any], event: str, expected: str) -> None:
    """Raises where a handler's first parameter is annotated with another of our classes than it gets.

    Args:
        handler: one that takes something.
        event: the event that it answers.
        expected: the name of the class that it gets.

    Raises:
        TypeError: the annotation says otherwise.
    """
    taker = next(iter(_parameters_of(handler)))
    annotation = taker.annotation
    if isinstance(annotation, str):
        with contextlib.suppress(Exception):  # such as for a name that is imported for type checkers only
            annotation = _evaluate(handler, annotation)
    if isinstance(annotation, str):
        kind = annotation.rpartition(".")[2]
        is_ours = kind in ("Socket", "Visitor")
    else:
        kind = getattr(annotation, "__name__", "")
        is_ours = getattr(annotation, "__module__", "") == _OURS
    if is_ours and kind != expected:
        problem = f"so {taker.name} can't be {kind}"
        raise TypeError(f"the handler {name_of(handler)} of {event!r} gets a {expected} first, {problem}")


def name_of(handler: Callable[..., Any]) -> str:
    """A handler's name, for messages."""
    return getattr(_function_of(handler), "__qualname__", None) or repr(handler)


def _is_of_class(handler: Callable[..., Any]) -> bool:
    """Whether this is a function as a class has it, called on no object."""
    owner = name_of(handler).rpartition(".")[0]
    return bool(owner) and not owner.endswith("<locals>")


def _function_of(handler: Callable[..., Any]) -> Any:
    """The function that was written with `def`: below decorators, partials and methods."""
    while isinstance(handler := inspect.unwrap(handler), functools.partial):
        handler = handler.func
    if not inspect.isroutine(handler) and not inspect.isclass(handler):
        handler = getattr(type(handler), "__call__", handler)  # noqa: B004 - it was called callable before
    return getattr(handler, "__func__", handler)


def _parameters_of(handler: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(handler).parameters.values())
    except ValueError:  # a builtin without a signature
        return [inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL)]


def _evaluate(handler: Callable[..., Any], annotation: str) -> Any:
    """What an annotation means where the handler was written. It may raise anything."""
    function = _function_of(handler)
    names = {**getattr(function, "__globals__", {}), **_closure_of(function)}
    return eval(annotation, names)  # noqa: S307 - the application's own source


def _type_of(handler: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    annotation = parameter.annotation
    if annotation in (parameter.empty, object, "object"):
        return Any
    if isinstance(annotation, str):
        try:
            annotation = _evaluate(handler, annotation)
        except Exception as error:  # noqa: BLE001 - it may be any expression
            problem = f"the annotation {annotation!r} of {parameter.name} can't be read: {error}"
            raise TypeError(f"{name_of(handler)}: {problem}") from None
    try:
        foreign = list(_foreign_in(msgspec.inspect.type_info(annotation), set()))
    except (TypeError, NameError) as error:
        raise TypeError(f"{name_of(handler)}: {parameter.name} can't be checked: {error}") from None
    for kind in foreign:
        if not hasattr(kind, "model_validate"):
            problem = f"{parameter.name} can't be checked: {kind!r} is not what a client can send"
            raise TypeError(f"{name_of(handler)}: {problem}")
    return annotation


def _foreign_in(kind: Any, seen: set[int]) -> Iterator[Any]:
    """The classes in a type that msgspec does not know."""
    if id(kind) in seen:
        return
    seen.add(id(kind))
    if isinstance(kind, msgspec.inspect.CustomType):
        yield kind.cls
    elif isinstance(kind, msgspec.inspect.Type | msgspec.inspect.Field):
        for name in kind.__struct_fields__:
            inner = getattr(kind, name)
            for one in inner if isinstance(inner, tuple) else (inner,):
                yield from _foreign_in(one, seen)


def _closure_of(function: Any) -> dict[str, Any]:
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    cells = getattr(function, "__closure__", None) or ()
    return {name: cell.cell_contents for name, cell in zip(names, cells, strict=False)}


def _convert_foreign(wanted: type, value: Any) -> Any:
    validate = getattr(wanted, "model_validate", None)
    if validate is not None:
        try:
            return validate(value)
        except ValueError as error:
            raise ValueError(_first_problem(error)) from None
    raise TypeError(f"expected {wanted.__name__}")


def _take_any(wanted: type, value: Any) -> Any:
    raise ValueError(f"{wanted.__name__} decides for itself")


def _first_problem(error: ValueError) -> str:
    """What is wrong, in one line: pydantic's own text has several, with its version and what came."""
    problems: list[dict[str, Any]] = getattr(error, "errors", list)()
    if not problems:
        return str(error)
    where = ".".join(map(str, problems[0]["loc"]))
    return f"{problems[0]['msg']} - at `{where}`" if where else str(problems[0]["msg"])
