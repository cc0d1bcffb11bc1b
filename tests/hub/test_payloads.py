"""What a handler says its arguments are, and what a client sent when it fits."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
import pytest

from nannin import PayloadError
from nannin.hub.payloads import Payload, name_of

if TYPE_CHECKING:
    from nannin import Socket


class Message(msgspec.Struct):
    """A payload as a Struct."""

    text: str
    loud: bool = False


@dataclasses.dataclass
class Point:
    """A payload as a dataclass."""

    x: float
    y: float = 0.0


class Vote(TypedDict):
    """A payload as a TypedDict."""

    choice: str
    weight: NotRequired[int]


class Thread(msgspec.Struct):
    """A payload that nests, itself too."""

    points: list[Point]
    image: bytes | None = None
    replies: list[Thread] = []


class Colour(enum.Enum):
    """A payload of few values."""

    RED = "red"


class Model:
    """What a class of pydantic looks like to us."""

    def __init__(self, name: str) -> None:
        self.name = name

    @classmethod
    def model_validate(cls, value: Any) -> Model:
        """Checks as pydantic does, whose ValidationError is a ValueError."""
        if not isinstance(value, dict) or set(value) != {"name"}:
            raise ValueError("1 validation error for Model")
        return cls(value["name"])


class Foreign:
    """A class that says nothing of what it is made of."""


def convert(handler: Callable[..., Any], *args: Any) -> list[Any]:
    """A client's arguments as the handler gets them."""
    return list(Payload(handler).convert(args))


def problem(handler: Callable[..., Any], *args: Any) -> str:
    """Why a client's arguments do not fit."""
    with pytest.raises(PayloadError) as caught:
        Payload(handler).convert(args)
    return str(caught.value)


# What fits


def test_a_handler_without_annotations_gets_anything_as_it_came() -> None:
    args = (1, {"a": [b"\x00"]}, None)
    assert Payload(lambda socket, *args: None).convert(args) is args
    assert Payload(lambda socket, a, b, c=5: None).convert(args) is args


def test_a_struct_a_dataclass_and_a_typed_dict_are_made_of_objects() -> None:
    def handler(socket: Socket, message: Message, point: Point, vote: Vote) -> None: ...

    message, point, vote = convert(
        handler, {"text": "hi", "other": 1}, {"x": 1}, {"choice": "a", "weight": 2}
    )
    assert message == Message("hi")
    assert (point, type(point.x)) == (Point(1.0, 0.0), float)
    assert vote == {"choice": "a", "weight": 2}


def test_what_nests_is_made_all_the_way_down() -> None:
    def handler(socket: Socket, thread: Thread) -> None: ...

    inner = {"points": [], "image": b"\x00\xff"}
    (thread,) = convert(handler, {"points": [{"x": 1, "y": 2}], "replies": [inner]})
    assert thread == Thread([Point(1, 2)], replies=[Thread([], b"\x00\xff")])


def test_plain_and_generic_types_take_what_json_has_for_them() -> None:
    def handler(
        socket: Socket, number: int, ratio: float, ok: bool, names: list[str], by_name: dict[str, Point]
    ) -> None: ...

    args = (1, 2, True, ["a"], {"a": {"x": 1}})
    assert convert(handler, *args) == [1, 2.0, True, ["a"], {"a": Point(1)}]


def test_a_literal_an_enum_a_bound_and_a_date_are_checked() -> None:
    def handler(
        socket: Socket,
        size: Literal["s", "m"],
        colour: Colour,
        age: Annotated[int, msgspec.Meta(ge=0)],
        day: datetime.date,
    ) -> None: ...

    good = ("s", "red", 5, "2011-03-11")
    assert convert(handler, *good) == ["s", Colour.RED, 5, datetime.date(2011, 3, 11)]
    for number, bad in enumerate(["xl", "blue", -1, "yesterday"]):
        args = [*good[:number], bad, *good[number + 1 :]]
        assert problem(handler, *args).startswith(f"argument {number + 1}: ")


def test_what_is_optional_may_be_none_and_what_has_a_default_may_be_left_out() -> None:
    def handler(socket: Socket, a: int | None, b: str = "b", c: list[int] | None = None) -> None: ...

    assert convert(handler, None) == [None]
    assert convert(handler, 1, "x", None) == [1, "x", None]
    assert problem(handler, 1, None) == "argument 2: Expected `str`, got `null`"
    assert problem(handler) == "expected 1 to 3 arguments, not 0"


def test_any_number_of_arguments_may_have_one_type() -> None:
    def handler(socket: Socket, first: str, *rest: int) -> None: ...

    assert convert(handler, "a") == ["a"]
    assert convert(handler, "a", 1, 2, 3) == ["a", 1, 2, 3]
    assert problem(handler, "a", 1, "2") == "argument 3: Expected `int`, got `str`"
    assert problem(handler) == "expected 1 or more arguments, not 0"


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_are_what_came_as_bytes_and_no_text(kind: type) -> None:
    def handler(socket: Socket, blob: Any) -> None: ...

    handler.__annotations__["blob"] = kind
    assert bytes(convert(handler, b"\x00\xff")[0]) == b"\x00\xff"
    assert problem(handler, "aGVsbG8=") == "argument 1: Expected `bytes`, got `str`"


def test_a_class_that_validates_itself_does() -> None:
    def handler(socket: Socket, model: Model, more: list[Model]) -> None: ...

    model, (other,) = convert(handler, {"name": "ann"}, [{"name": "bob"}])
    assert (model.name, other.name) == ("ann", "bob")
    assert problem(handler, {"nom": "ann"}, []) == "argument 1: 1 validation error for Model"
    assert "argument 2: 1 validation error" in problem(handler, {"name": "ann"}, [{}])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "argument 1: Object missing required field `text`"),
        ({"text": 5}, "argument 1: Expected `str`, got `int` - at `$.text`"),
        ({"text": "hi", "loud": "yes"}, "argument 1: Expected `bool`, got `str` - at `$.loud`"),
        ("hi", "argument 1: Expected `object`, got `str`"),
        (["hi", True], "argument 1: Expected `object`, got `array`"),
        (None, "argument 1: Expected `object`, got `null`"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_place_and_the_reason(value: Any, message: str) -> None:
    def handler(socket: Socket, message: Message) -> None: ...

    assert problem(handler, value) == message


@pytest.mark.parametrize(("wanted", "value"), [(int, True), (int, 1.5), (int, "1"), (str, 1), (bool, 1)])
def test_nothing_is_taken_for_something_else(wanted: type, value: Any) -> None:
    def handler(socket: Socket, argument: Any) -> None: ...

    handler.__annotations__["argument"] = wanted
    assert problem(handler, value).startswith("argument 1: Expected ")


@pytest.mark.parametrize(
    ("handler", "args", "message"),
    [
        (lambda socket: None, (1,), "expected 0 arguments, not 1"),
        (lambda socket, a: None, (), "expected 1 argument, not 0"),
        (lambda socket, a, b: None, (1, 2, 3), "expected 2 arguments, not 3"),
    ],
)
def test_too_few_or_too_many_arguments_are_refused(
    handler: Callable[..., Any], args: tuple[Any, ...], message: str
) -> None:
    assert problem(handler, *args) == message


def test_an_argument_of_ours_in_front_is_not_among_those_that_the_client_counts() -> None:
    def handler(socket: Socket, event: str, number: int) -> None: ...

    payload = Payload(handler, before=1)
    assert payload.convert(("say", 5)) == ["say", 5]
    with pytest.raises(PayloadError, match=r"^argument 1: Expected `int`, got `str`$"):
        payload.convert(("say", "5"))
    with pytest.raises(PayloadError, match=r"^expected 1 argument, not 2$"):
        payload.convert(("say", 5, 6))


# What can be a handler


def plain(socket: Socket, message: Message) -> str:
    """A handler whose first annotation is for type checkers only."""
    return message.text


class Chat:
    """Handlers as methods."""

    def say(self, socket: Socket, message: Message) -> None:
        """A method."""

    @classmethod
    def shout(cls, socket: Socket, message: Message) -> None:
        """A method of the class."""

    @staticmethod
    def whisper(socket: Socket, message: Message) -> None:
        """A function in the class."""

    def __call__(self, socket: Socket, message: Message) -> None:
        """The object itself."""


def logged(handler: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator as people write them."""

    @functools.wraps(handler)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return handler(*args, **kwargs)

    return wrapper


def with_room(room: str, socket: Socket, message: Message) -> None:
    """A handler that needs something of the application's first."""


async def later(socket: Socket, message: Message) -> None:
    """An async handler."""


@pytest.mark.parametrize(
    ("handler", "name"),
    [
        (plain, "plain"),
        (later, "later"),
        (Chat().say, "Chat.say"),
        (Chat.shout, "Chat.shout"),
        (Chat.whisper, "Chat.whisper"),
        (Chat(), "Chat.__call__"),
        (logged(plain), "plain"),
        (logged(logged(later)), "later"),
        (functools.partial(with_room, "lobby"), "with_room"),
        (functools.partial(functools.partial(with_room), "lobby"), "with_room"),
        (functools.partial(Chat().say), "Chat.say"),
        (logged(functools.partial(with_room, "lobby")), "with_room"),
    ],
)
def test_whatever_can_be_called_has_its_annotations_read_and_its_name(
    handler: Callable[..., Any], name: str
) -> None:
    assert convert(handler, {"text": "hi"}) == [Message("hi")]
    assert problem(handler, {"text": 5}) == "argument 1: Expected `str`, got `int` - at `$.text`"
    assert name_of(handler) == name


def test_a_type_that_is_local_to_a_function_is_found_where_the_handler_uses_it() -> None:
    class Local(msgspec.Struct):
        number: int

    def handler(socket: Socket, local: Local) -> int:
        return Local(local.number).number

    assert convert(handler, {"number": 5}) == [Local(5)]


def test_a_builtin_takes_what_it_takes() -> None:
    assert convert(print, 1, "two") == [1, "two"]


# What can not


def unreadable(socket: Socket, message: Missing) -> None:  # type: ignore[name-defined]  # noqa: F821
    """A handler whose annotation names nothing."""


def no_type(socket: Socket, message: 5) -> None:  # type: ignore[valid-type]
    """A handler whose annotation is a value."""


def two_lists(socket: Socket, items: list[int] | tuple[str, ...]) -> None:
    """A handler that wants two things that look the same on the wire."""


def foreign(socket: Socket, items: dict[str, list[Foreign]]) -> None:
    """A handler that wants what nobody can send."""


def a_function(socket: Socket, other: Callable[[], None]) -> None:
    """A handler that wants a function."""


@dataclasses.dataclass
class Broken:
    """A payload that can't be read."""

    inner: Missing  # type: ignore[name-defined]  # noqa: F821


def broken_inside(socket: Socket, broken: Broken) -> None:
    """A handler whose payload can't be read."""


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (unreadable, "unreadable: the annotation 'Missing' of message can't be read: name 'Missing'"),
        (no_type, "no_type: message can't be checked: Type '5' is not supported"),
        (two_lists, "two_lists: items can't be checked: Type unions may not"),
        (foreign, "foreign: items can't be checked: <class '.*Foreign'> is not what a client can send"),
        (
            a_function,
            "a_function: other can't be checked: .*Callable.* is not what a client can send",
        ),
        (broken_inside, "broken_inside: broken can't be checked: name 'Missing'"),
    ],
)
def test_an_annotation_that_can_not_be_checked_raises_at_once_and_says_which(
    handler: Callable[..., Any], words: str
) -> None:
    with pytest.raises(TypeError, match=words):
        Payload(handler)


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (lambda: None, "must take the socket as its first argument"),
        (lambda *, socket: None, "must take the socket as its first argument"),
        (lambda **all_: None, "must take the socket as its first argument"),
        (lambda socket, *, room: None, "must not need the keyword argument room"),
    ],
)
def test_what_can_not_be_called_as_a_handler_is_raises_at_once(
    handler: Callable[..., Any], words: str
) -> None:
    with pytest.raises(TypeError, match=words):
        Payload(handler)


def test_a_keyword_argument_with_a_default_is_left_alone() -> None:
    assert convert(lambda socket, a, *, room="lobby", **more: None, 1) == [1]


@pytest.mark.parametrize("annotation", [str, "str", int, dict])
def test_a_handler_that_forgot_the_socket_is_told_so(annotation: Any) -> None:
    def say(text: Any) -> None: ...

    say.__annotations__["text"] = annotation
    with pytest.raises(TypeError, match="gets the socket first, so text can't be"):
        Payload(say)


def test_a_handler_is_no_generator() -> None:
    def say(socket: Socket) -> Any:
        yield 1

    async def tell(socket: Socket) -> Any:
        yield 1

    for handler in (say, tell):
        with pytest.raises(TypeError, match="must not be a generator"):
            Payload(handler)


class Guest:
    """What a class of pydantic looks like that refuses: its error is long and tells too much."""

    @classmethod
    def model_validate(cls, value: Any) -> Guest:
        class Refused(ValueError):
            def errors(self) -> list[dict[str, Any]]:
                return [{"loc": ("name", 0), "msg": "too short"}, {"loc": (), "msg": "and more"}]

        raise Refused("2 problems\nwith versions and input_value='secret'")


def test_what_a_model_refuses_is_told_in_one_line() -> None:
    def enter(socket: Socket, guest: Guest) -> None: ...

    with pytest.raises(PayloadError, match=r"^argument 1: too short - at `name\.0`$"):
        Payload(enter).convert([{}])
