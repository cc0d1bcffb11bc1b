"""What is probably a mistake in a handler: its event is misspelt, or it is annotated for another event."""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec
import pytest

from nannin import Socket, Visitor
from nannin.hub.handlers import Handlers


def leave(socket: Socket) -> None:
    """A handler that any event could have."""


def edit(socket: Socket, text: str, more: str) -> None:
    """A handler that is called with what a client sent."""


@pytest.mark.parametrize(
    ("event", "meant"),
    [("conect", "connect"), ("disconect", "disconnect"), ("entr", "enter"), ("exti", "exit")],
)
def test_a_misspelt_built_in_event_is_told_and_answers_clients(
    event: str, meant: str, caplog: pytest.LogCaptureFixture
) -> None:
    handlers = Handlers()
    handlers.register("/news", event, leave)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        (
            "WARNING",
            f"the handler leave on page /news answers a client's event {event!r}: "
            f"did you mean the built-in event {meant!r}?",
        )
    ]
    assert handlers.resolve("/news").find(event) is not None


def test_what_the_built_in_event_could_not_call_is_no_mistake(caplog: pytest.LogCaptureFixture) -> None:
    handlers = Handlers()
    handlers.register("/", "conect", edit)
    handlers.register("/", "entr", lambda socket, text: None)
    handlers.register("/", "connected", leave)
    Handlers(warns=False).register("/", "conect", leave)
    assert caplog.records == []


def came(visitor: Visitor) -> None:
    """A handler of visitors."""


@pytest.mark.parametrize(
    ("event", "handler", "problem"),
    [
        ("enter", leave, "the handler leave of 'enter' gets a Visitor first, so socket can't be Socket"),
        ("exit", leave, "the handler leave of 'exit' gets a Visitor first, so socket can't be Socket"),
        ("connect", came, "the handler came of 'connect' gets a Socket first, so visitor can't be Visitor"),
        ("say", came, "the handler came of 'say' gets a Socket first, so visitor can't be Visitor"),
    ],
)
def test_a_handler_that_is_annotated_for_the_other_kind_is_refused(
    event: str, handler: Any, problem: str
) -> None:
    with pytest.raises(TypeError, match=f"^{re.escape(problem)}$"):
        Handlers().register("/", event, handler)


def test_a_clients_event_called_enter_has_a_socket() -> None:
    def enter(socket: Socket, room: str) -> None: ...

    def exit_(visitor: Visitor, room: str) -> None: ...

    handlers = Handlers()
    handlers.register("/", "enter", enter)
    assert handlers.resolve("/").find("enter") is not None
    with pytest.raises(TypeError, match="gets a Socket first, so visitor can't be Visitor"):
        handlers.register("/", "exit", exit_)


def test_an_annotation_that_only_a_type_checker_can_resolve_is_read_as_text() -> None:
    def enter(visitor: somewhere.Socket) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(TypeError, match="gets a Visitor first, so visitor can't be Socket"):
        Handlers().register("/", "enter", enter)


def test_an_annotation_that_only_a_type_checker_can_read_is_taken_as_it_is() -> None:
    def enter(visitor: OnlyForTypeCheckers) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    handlers = Handlers()
    handlers.register("/", "enter", enter)
    assert handlers.resolve("/").find_for_visitor("enter") is not None


class Chat:
    """A class whose methods are handlers of an object, and of nothing else."""

    def say(self, socket: Socket, text: str) -> None: ...

    @staticmethod
    def hear(socket: Socket, text: str) -> None: ...


def test_a_method_without_its_object_is_refused_where_it_is_registered() -> None:
    handlers = Handlers()
    with pytest.raises(TypeError, match=r"Chat\.say takes self, and nannin has no Chat to call it on"):
        handlers.register("/", "say", Chat.say)
    handlers.register("/", "say", Chat().say)
    handlers.register("/", "hear", Chat.hear)


def test_a_function_whose_socket_is_called_self_is_a_handler() -> None:
    def say(self: Socket, text: str) -> None: ...

    Handlers().register("/", "say", say)


@pytest.mark.parametrize("annotation", [int, str, "str | None", list, list[str], bytes, None, Literal["x"]])
def test_a_connect_handler_whose_auth_never_fits_is_refused_where_it_is_registered(annotation: Any) -> None:
    def arrived(socket: Socket, auth: Any) -> None: ...

    arrived.__annotations__["auth"] = annotation
    with pytest.raises(TypeError, match="arrived of 'connect' gets the client's auth as an object: annotate"):
        Handlers().register("/", "connect", arrived)


class Ticket(msgspec.Struct):
    """An auth with a field that must be there."""

    ticket: str


class Model:
    """What a class of pydantic looks like."""

    @classmethod
    def model_validate(cls, value: Any) -> Model:
        raise AssertionError("no client has come yet")


@pytest.mark.parametrize("annotation", [Any, object, dict, dict[str, int], Ticket, Model, "Ticket | int"])
def test_a_connect_handler_whose_auth_can_fit_is_taken(annotation: Any) -> None:
    def arrived(socket: Socket, auth: Any) -> None: ...

    def arrived_with_all(socket: Socket, *auth: Any) -> None: ...

    arrived.__annotations__["auth"] = arrived_with_all.__annotations__["auth"] = annotation
    Handlers().register("/", "connect", arrived)
    Handlers().register("/", "connect", arrived_with_all)


@pytest.mark.parametrize(
    ("page", "meant"),
    [("/chat/:room", "/chat/{room}"), ("/:a/b/:c_1", "/{a}/b/{c_1}"), ("/a:b", None), ("/:1", None)],
)
def test_a_parameter_with_a_colon_is_told_once(
    caplog: pytest.LogCaptureFixture, page: str, meant: str | None
) -> None:
    handlers = Handlers()
    handlers.register(page, "say", print)
    handlers.register(page, "hear", print)
    told = [f"the page {page} has a colon in its key, which is plain text: did you mean {meant}?"]
    assert caplog.messages == (told if meant else [])
