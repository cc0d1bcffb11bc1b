"""Which handler answers which event on which page, and which pages there are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nannin.audience.page_key import as_uri, is_page_key
from nannin.hub.handlers import Handlers, PageHandlers


def found(handlers: Handlers, page: str, event: str) -> Any:
    """The function that answers an event on a page, or None."""
    handler = handlers.resolve(page).find(event)
    return handler.function if handler is not None else None


def first(*args: Any) -> None:
    """A handler."""


def second(*args: Any) -> None:
    """Another handler."""


def third(*args: Any) -> None:
    """One more handler."""


# Which pages exist


def test_before_any_page_is_named_every_page_exists() -> None:
    handlers = Handlers()
    assert handlers.exists("/")
    assert handlers.exists("/news/1")


def test_a_handler_names_no_page() -> None:
    handlers = Handlers()
    handlers.register("/", "say", first)
    assert handlers.exists("/news/1")


@settings(deadline=None, max_examples=200, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300).map("/".__add__))
def test_any_text_that_is_not_a_page_key_does_not_exist(key: str) -> None:
    assert is_page_key(as_uri(key)) == Handlers().exists(key)


def test_what_is_no_page_key_never_exists() -> None:
    handlers = Handlers()
    assert not handlers.exists("news")
    assert not handlers.exists("/" + "x" * 255)
    handlers.declare("/*")
    assert not handlers.exists("/a\nb")
    assert not handlers.exists("/" + "x" * 255)


def test_once_a_page_is_named_only_named_pages_and_the_default_one_exist() -> None:
    handlers = Handlers()
    handlers.declare("/custom")
    assert handlers.exists("/custom")
    assert handlers.exists("/")
    assert not handlers.exists("/other")
    assert not handlers.exists("/custom/")
    assert not handlers.exists("/customs")
    assert not handlers.exists("/Custom")


def test_a_pattern_names_all_pages_that_it_matches() -> None:
    handlers = Handlers()
    handlers.declare("/chat/*")
    assert handlers.exists("/chat/1")
    assert handlers.exists("/chat/a/b")
    assert handlers.exists("/chat/")
    assert not handlers.exists("/chat")
    assert not handlers.exists("/x/chat/1")


def test_a_star_may_stand_in_the_middle_and_more_than_once() -> None:
    handlers = Handlers()
    handlers.declare("/*/comments/*")
    assert handlers.exists("/news/1/comments/2")
    assert not handlers.exists("/news/1")


@pytest.mark.parametrize("pattern", ["/a.c", "/a+", "/(a)", "/[ab]", "/a|b", "/a\\d", "/^a$", "/a?"])
def test_nothing_but_the_star_is_special_in_a_pattern(pattern: str) -> None:
    handlers = Handlers()
    handlers.declare(pattern)
    assert handlers.exists(pattern)
    assert not any(map(handlers.exists, ("/abc", "/aa", "/a", "/b", "/a1")))


def test_more_pages_may_be_named_and_one_twice() -> None:
    handlers = Handlers()
    handlers.declare("/a")
    handlers.declare("/b")
    handlers.declare("/a")
    assert [handlers.exists(page) for page in ("/a", "/b", "/c")] == [True, True, False]


@pytest.mark.parametrize("pattern", ["", "news", "*", "/a,b", "/a\n", "/" + "x" * 255])
def test_naming_what_is_no_page_key_is_an_error_and_closes_no_list(pattern: str) -> None:
    handlers = Handlers()
    with pytest.raises(ValueError, match="a page's key starts with /"):
        handlers.declare(pattern)
    assert handlers.exists("/anything")


# Registration


def test_a_handler_is_found_by_its_page_and_event() -> None:
    handlers = Handlers()
    handlers.register("/", "say", first)
    assert found(handlers, "/", "say") is first
    assert found(handlers, "/", "shout") is None
    assert found(handlers, "/news", "say") is None


def test_each_page_has_handlers_of_its_own() -> None:
    handlers = Handlers()
    handlers.register("/", "say", first)
    handlers.register("/news", "say", second)
    assert found(handlers, "/", "say") is first
    assert found(handlers, "/news", "say") is second


def test_the_connect_and_disconnect_of_a_connection_can_be_handled() -> None:
    handlers = Handlers()
    handlers.register("/", "connect", first)
    handlers.register("/", "disconnect", second)
    assert found(handlers, "/", "connect") is first
    assert found(handlers, "/", "disconnect") is second


@pytest.mark.parametrize("event", ["connect_error", "disconnecting", "newListener", "removeListener"])
def test_an_event_that_is_reserved_for_the_protocol_can_not_be_handled(event: str) -> None:
    handlers = Handlers()
    with pytest.raises(ValueError, match=event):
        handlers.register("/", event, first)
    assert not handlers.resolve("/").is_handled


@pytest.mark.parametrize("event", ["say", "connect", "disconnect"])
def test_a_second_handler_of_one_event_on_one_page_is_an_error(event: str) -> None:
    handlers = Handlers()
    handlers.register("/", event, first)
    with pytest.raises(ValueError, match=event):
        handlers.register("/", event, second)
    assert found(handlers, "/", event) is first


def test_one_function_may_handle_many_events() -> None:
    handlers = Handlers()
    handlers.register("/", "say", first)
    handlers.register("/", "shout", first)
    assert found(handlers, "/", "say") is found(handlers, "/", "shout")


@pytest.mark.parametrize("event", [None, 1, b"say", first])
def test_an_events_name_is_a_text(event: Any) -> None:
    with pytest.raises(TypeError, match="str"):
        Handlers().register("/", event, first)


@pytest.mark.parametrize("handler", [None, "say", 1])
def test_a_handler_is_a_function(handler: Any) -> None:
    handlers = Handlers()
    with pytest.raises(TypeError, match="'say'"):
        handlers.register("/", "say", handler)
    assert found(handlers, "/", "say") is None


# Which of several patterns


@pytest.mark.parametrize("order", [1, -1])
def test_a_page_that_is_named_in_full_comes_before_any_pattern(order: int) -> None:
    handlers = Handlers()
    rows = [("/chat/*", first), ("/chat/lobby", second), ("/chat/lobby*", third)]
    for pattern, handler in rows[::order]:
        handlers.register(pattern, "say", handler)
    assert found(handlers, "/chat/lobby", "say") is second
    assert found(handlers, "/chat/lobby2", "say") is third
    assert found(handlers, "/chat/1", "say") is first


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_patterns_the_longest_comes_first(order: int) -> None:
    handlers = Handlers()
    rows = [("/*", first), ("/chat/*", second), ("/chat/room/*", third)]
    for pattern, handler in rows[::order]:
        handlers.register(pattern, "say", handler)
    assert found(handlers, "/chat/room/1", "say") is third
    assert found(handlers, "/chat/1", "say") is second
    assert found(handlers, "/news", "say") is first


def test_a_pattern_answers_the_events_that_the_named_page_does_not() -> None:
    handlers = Handlers()
    handlers.register("/chat/*", "say", first)
    handlers.register("/chat/*", "connect", first)
    handlers.register("/chat/lobby", "say", second)
    assert found(handlers, "/chat/lobby", "say") is second
    assert found(handlers, "/chat/lobby", "connect") is first


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_as_long_the_one_with_fewer_stars_comes_first(order: int) -> None:
    handlers = Handlers()
    for pattern, handler in [("/chat/{room}", first), ("/chat/*", second)][::order]:
        handlers.register(pattern, "say", handler)
    assert found(handlers, "/chat/1", "say") is first
    assert found(handlers, "/chat/1/2", "say") is second


# Named parts


def test_a_named_part_is_any_text_without_a_slash() -> None:
    handlers = Handlers()
    handlers.register("/{section}/article-{number}", "say", first)
    assert handlers.resolve("/news/article-5").params == {"section": "news", "number": "5"}
    assert handlers.resolve("/何/article-a b").params == {"section": "何", "number": "a b"}
    for page in ("/news/article-", "//article-5", "/a/b/article-5", "/news/article-5/more", "/news"):
        assert not handlers.exists(page)
        assert handlers.resolve(page).params == {}


def test_of_several_patterns_the_one_that_says_the_most_names_a_part() -> None:
    handlers = Handlers()
    handlers.register("/{a}/{b}", "say", first)
    handlers.register("/chat/{a}", "shout", second)
    assert handlers.resolve("/chat/1").params == {"a": "1", "b": "1"}


def test_what_is_no_name_in_braces_is_plain_text() -> None:
    handlers = Handlers()
    handlers.register("/{}/{1}/{a b}", "say", first)
    assert found(handlers, "/{}/{1}/{a b}", "say") is first
    assert not handlers.exists("/x/y/z")


def test_a_pattern_that_names_a_part_twice_raises() -> None:
    with pytest.raises(ValueError, match="twice"):
        Handlers().register("/{a}/{a}", "say", first)


@pytest.mark.parametrize("text", [".", "+", "(a", "[a]", "^$", "\\d", "a|b"])
def test_a_pattern_has_no_other_signs(text: str) -> None:
    handlers = Handlers()
    handlers.register(f"/{text}/*", "say", first)
    assert found(handlers, f"/{text}/1", "say") is first
    assert not handlers.exists("/a/1")


# Any event


def test_a_star_answers_what_has_no_handler_of_its_own() -> None:
    handlers = Handlers()
    handlers.register("/", "*", first)
    handlers.register("/", "say", second)
    assert found(handlers, "/", "say") is second
    assert found(handlers, "/", "shout") is first


@pytest.mark.parametrize("event", ["connect", "disconnect"])
def test_a_star_answers_neither_connect_nor_disconnect(event: str) -> None:
    handlers = Handlers()
    handlers.register("/", "*", first)
    assert found(handlers, "/", event) is None


def test_a_handler_on_any_pattern_goes_before_a_star_on_the_page_itself() -> None:
    handlers = Handlers()
    handlers.register("/chat/*", "say", first)
    handlers.register("/chat/1", "*", second)
    assert found(handlers, "/chat/1", "say") is first
    assert found(handlers, "/chat/1", "shout") is second


def test_a_handler_of_any_event_must_take_its_name() -> None:
    with pytest.raises(TypeError, match="must take the event's name"):
        Handlers().register("/", "*", lambda socket: None)


@pytest.mark.parametrize("event", ["connect", "disconnect"])
def test_connect_and_disconnect_give_two_arguments_at_most(event: str) -> None:
    with pytest.raises(TypeError, match="no more"):
        Handlers().register("/", event, lambda socket, one, two: None)


# Middleware


async def around(socket: Any, event: str, args: tuple[Any, ...], call_next: Any) -> Any:
    """Middleware."""
    return await call_next()


async def inside(socket: Any, event: str, args: tuple[Any, ...], call_next: Any) -> Any:
    """More of it."""
    return await call_next()


def test_middleware_of_all_patterns_that_fit_runs_in_the_order_of_its_registration() -> None:
    handlers = Handlers()
    handlers.use("/chat/1", around)
    handlers.use("/chat/*", inside)
    handlers.use("/chat/1", inside)
    assert handlers.resolve("/chat/1").middleware == (around, inside, inside)
    assert handlers.resolve("/chat/2").middleware == (inside,)
    assert handlers.resolve("/").middleware == ()


def test_middleware_names_its_pages_and_handles_none() -> None:
    handlers = Handlers()
    handlers.use("/chat/*", around)
    assert [handlers.exists(page) for page in ("/", "/chat/1", "/news")] == [True, True, False]
    assert handlers.is_used
    assert not handlers.resolve("/chat/1").is_handled


@pytest.mark.parametrize("wrong", [None, first, 5, lambda *args: None])
def test_middleware_is_an_async_function(wrong: Any) -> None:
    with pytest.raises(TypeError, match="async function"):
        Handlers().use("/", wrong)


def test_middleware_takes_what_it_gets() -> None:
    async def as_in_node(socket: Any, call_next: Any) -> None: ...

    with pytest.raises(TypeError, match="as_in_node must take socket, event, args and call_next"):
        Handlers().use("/", as_in_node)  # type: ignore[arg-type]


def test_the_arrival_of_a_client_is_not_called_as_in_node() -> None:
    with pytest.raises(ValueError, match="'connect', not 'connection'"):
        Handlers().register("/", "connection", first)


def test_what_is_registered_later_counts_for_pages_that_were_asked_for_before() -> None:
    handlers = Handlers()
    assert found(handlers, "/", "say") is None
    handlers.register("/", "say", first)
    handlers.use("/", around)
    assert found(handlers, "/", "say") is first
    assert handlers.resolve("/").middleware == (around,)


def test_only_so_many_pages_are_remembered() -> None:
    handlers = Handlers(max_resolved=10)
    handlers.register("/*", "say", first)
    for number in range(100):
        assert found(handlers, f"/{number}", "say") is first
        assert len(handlers._resolved) <= 10


def test_those_of_all_pages_that_there_are_stay_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    handlers = Handlers(max_resolved=10)
    handlers.count_pages = lambda: 100
    handlers.register("/{name}", "say", first)
    looked_up: list[str] = []
    look_up = handlers._resolve

    def counted(page: str) -> PageHandlers:
        looked_up.append(page)
        return look_up(page)

    monkeypatch.setattr(handlers, "_resolve", counted)
    for number in [*range(100)] * 3:
        handlers.resolve(f"/{number}")
    assert len(looked_up) == 100
    for number in range(1_000):
        handlers.resolve(f"/{number}")
        assert len(handlers._resolved) <= 200


def test_pages_without_parameters_share_what_is_remembered() -> None:
    handlers = Handlers()
    assert handlers.resolve("/a") is handlers.resolve("/b")
    handlers.register("/*", "say", first)
    assert handlers.resolve("/a") is handlers.resolve("/b")
    handlers.use("/a", around)
    assert handlers.resolve("/a") is not handlers.resolve("/b")
    handlers.register("/rooms/{name}", "say", second)
    assert handlers.resolve("/rooms/1").params == {"name": "1"}
    assert handlers.resolve("/rooms/2").params == {"name": "2"}
    handlers.register("/c", "say", second)
    assert found(handlers, "/c", "say") is second


# What the application handles


def test_a_page_with_any_handler_is_handled() -> None:
    handlers = Handlers()
    handlers.register("/news", "disconnect", first)
    handlers.register("/chat/*", "say", first)
    assert [handlers.resolve(page).is_handled for page in ("/", "/news", "/chat/1", "/chat")] == [
        False,
        True,
        True,
        False,
    ]


def test_a_page_that_is_only_named_is_not_handled() -> None:
    handlers = Handlers()
    handlers.declare("/news")
    assert not handlers.resolve("/news").is_handled


def test_handlers_are_used_once_one_is_registered() -> None:
    handlers = Handlers()
    assert not handlers.is_used
    handlers.declare("/news")
    assert not handlers.is_used
    handlers.register("/", "connect", print)
    assert handlers.is_used


def test_a_page_is_known_by_every_spelling_of_its_key() -> None:
    handlers = Handlers()
    handlers.declare("/%7Eann")
    handlers.register("/news/%e6%97%a5", "say", lambda socket: None)
    for page in ("/~ann", "/%7Eann", "/%7eann", "/news/%E6%97%A5", "/news/%e6%97%a5"):
        assert handlers.exists(page)
    assert not handlers.exists("/ann")
    for page in ("/news/%E6%97%A5", "/news/%e6%97%a5"):
        assert handlers.resolve(page).find("say") is not None


def test_a_page_is_known_in_letters_and_as_an_address() -> None:
    handlers = Handlers()
    handlers.register("/人/{room}", "say", lambda socket: None)
    handlers.declare("/ann")
    for page, room in (("/人/日", "日"), ("/%E4%BA%BA/%E6%97%A5", "日"), ("/%e4%ba%ba/x", "x")):
        assert handlers.exists(page)
        assert handlers.resolve(page).params == {"room": room}
        assert handlers.resolve(page).find("say") is not None
    assert not handlers.exists("/%E4%BA")


def test_a_pattern_has_one_spelling_and_its_parameters_are_in_letters() -> None:
    handlers = Handlers()
    handlers.register("/news/{title}", "say", lambda socket: None)
    for page in ("/news/日", "/news/%E6%97%A5"):
        assert handlers.resolve(page).params == {"title": "日"}
    handlers.register("/人", "say", lambda socket: None)
    with pytest.raises(ValueError, match="has a handler"):
        handlers.register("/%E4%BA%BA", "say", lambda socket: None)
