"""Who may join which page: pages, tokens, payloads, limits, crawlers, and the tally of those turned away."""

from __future__ import annotations

from typing import Any

import pytest

from nannin import ConnectionRefused, Socket
from nannin.access.admission import Admission, Verdict
from nannin.access.connect import Connect
from nannin.access.refusals import Refusal, Refusals
from nannin.audience.page_key import is_page_key
from nannin.audience.roster import Count
from nannin.settings import Settings
from support.fakes import House

CRAWLER, BROWSER = "Googlebot/2.1", "Mozilla/5.0"


def admission(verify: Any = None, refusals: Refusals | None = None, **settings: Any) -> Admission:
    return Admission(is_page_key, lambda key: True, Settings(**settings), refusals or Refusals(), verify)


def judge(
    admission: Admission,
    key: str = "/",
    *,
    observes: bool = False,
    has: dict[str, bool] | None = None,
    **auth: Any,
) -> str | None:
    """What it says to a CONNECT of a session that is on these pages, observing or not."""
    on = has or {}
    return admission.judge(
        key,
        Connect.read(auth),
        observes=observes,
        is_on=key in on,
        observed=sum(on.values()),
        joined=len(on) - sum(on.values()),
    )


def tokens(page: str, token: str) -> Verdict:
    """The token of a page is its key backwards, and an old one ends with a question mark."""
    if token == page[::-1] + "?":
        return Verdict.EXPIRED
    return Verdict.VALID if token == page[::-1] else Verdict.WRONG


# By itself


def test_whom_nothing_speaks_against_is_no_problem_and_not_tallied() -> None:
    refusals = Refusals()
    door = admission(refusals=refusals)
    assert judge(door) is None
    assert (
        judge(door, "/news", visitor="ann", updates="audience", visible=False, observe=False, token=5) is None
    )
    assert not refusals.tally


@pytest.mark.parametrize(
    ("key", "has", "auth", "refusal", "problem"),
    [
        ("news", {}, {}, "page", "Invalid namespace"),
        ("/" + "x" * 255, {}, {}, "page", "Invalid namespace"),
        ("/", {"/": False}, {}, "page", "Already connected"),
        ("/", {"/": True}, {}, "page", "Already connected"),
        ("/", {}, {"visitor": ""}, "payload", "Invalid visitor: expected a string of 1 to 64 bytes"),
        ("/", {}, {"visitor": "é" * 33}, "payload", "Invalid visitor: expected a string of 1 to 64 bytes"),
        ("/", {}, {"updates": "all"}, "payload", 'Invalid updates: "classic", "audience" or "none"'),
        ("/", {}, {"visible": 1}, "payload", "Invalid visible: true or false"),
        ("/", {}, {"visible": None}, "payload", "Invalid visible: true or false"),
        ("/", {}, {"observe": "yes"}, "payload", "Invalid observe: true or false"),
        ("/", {"/a": False, "/b": False}, {}, "limit", "Too many namespaces: one session may be on 2"),
    ],
)
def test_each_problem_has_its_words_and_its_place_in_the_tally(
    key: str, has: dict[str, bool], auth: dict[str, Any], refusal: str, problem: str
) -> None:
    refusals = Refusals()
    door = admission(refusals=refusals, max_namespaces=2)
    assert judge(door, key, has=has, **auth) == problem
    assert refusals.tally == {Refusal(refusal): 1}


def test_a_visitor_of_a_lone_surrogate_has_some_bytes_and_harms_nothing() -> None:
    assert judge(admission(), visitor="\ud800") is None


def test_only_the_first_problem_is_told_and_tallied() -> None:
    refusals = Refusals()
    door = admission(tokens, refusals)
    assert judge(door, "news", visitor=5, token="x") == "Invalid namespace"
    assert judge(door, "/", visitor=5, token="x") == "Invalid token: this page needs a signed token"
    assert judge(door, "/", visitor=5, token="/") == "Invalid visitor: expected a string of 1 to 64 bytes"
    assert refusals.tally == {Refusal.PAGE: 1, Refusal.TOKEN: 1, Refusal.PAYLOAD: 1}


@pytest.mark.parametrize(
    ("settings", "key", "auth", "line"),
    [
        ({}, "/", {}, None),
        ({}, "/tok", {"token": "kot/"}, None),
        (
            {},
            "/news",
            {},
            "'/news' is refused to a client with no token: page_secret is set; "
            "`nannin token PAGE` prints a page's token, for data-token of the tag or the client's auth",
        ),
        (
            {},
            "/news",
            {"token": "x"},
            "'/news' is refused to a client with a wrong token: page_secret is set; "
            "`nannin token PAGE` prints a page's token, for data-token of the tag or the client's auth",
        ),
        ({}, "news", {}, None),
        (
            {},
            "/shut",
            {},
            "'/shut' is refused as an invalid namespace, since only pages with handlers exist: "
            'live.page("/*") with a handler, or the setting pages, lets it in',
        ),
        (
            {"pages": ("/", "/news/*")},
            "/shut",
            {},
            "'/shut' is refused as an invalid namespace: it is not among the pages /,/news/*; "
            "add it to --pages, or wherever the setting pages is",
        ),
    ],
)
def test_the_advice_names_what_lets_a_client_onto_a_page(
    settings: dict[str, Any], key: str, auth: dict[str, Any], line: str | None
) -> None:
    def verify(page: str, token: str) -> Verdict:
        return Verdict.VALID if page == "/" else tokens(page, token)

    door = Admission(lambda page: page != "/shut", lambda key: True, Settings(**settings), Refusals(), verify)
    assert door.advise(key, Connect.read({"token": "any"} | auth if key == "/" else auth)) == line


def test_a_group_that_there_is_not_is_refused_to_those_who_would_observe_it() -> None:
    refusals = Refusals()
    door = Admission(is_page_key, lambda key: True, Settings(), refusals, None, lambda key: key == "/shop/*")
    words = "Unknown group: this server has no group of pages with this key"
    assert judge(door, "/shop/*", observes=True) == words
    assert judge(door, "/shop/*") is judge(door, "/news/*", observes=True) is None
    assert refusals.tally == {Refusal.PAGE: 1}
    advice = door.advise("/shop/*", Connect(observe=True))
    assert advice is not None
    assert "live.group(...)" in advice
    assert door.advise("/shop/*", Connect()) is None


def test_a_group_is_missed_as_a_group_also_where_only_some_pages_exist() -> None:
    settings, refusals = Settings(pages=("/", "/shop/1")), Refusals()
    door = Admission(
        lambda key: key in ("/", "/shop/1"),
        lambda key: True,
        settings,
        refusals,
        None,
        lambda key: key[-1] == "*",
    )
    assert judge(door, "/shop/*", observes=True) == (
        "Unknown group: this server has no group of pages with this key"
    )
    assert judge(door, "shop/*", observes=True) == judge(door, "/shop/*") == "Invalid namespace"
    advice = door.advise("/shop/*", Connect(observe=True))
    assert advice is not None
    assert "--groups" in advice


# Tokens


@pytest.mark.parametrize("token", [None, "", "swen", "/news", 5, True, b"swen/", ["swen/"]])
def test_where_pages_need_a_token_a_wrong_one_is_refused(token: Any) -> None:
    refusals = Refusals()
    door = admission(tokens, refusals)
    assert judge(door, "/news", token=token) == "Invalid token: this page needs a signed token"
    assert judge(door, "/news") == "Invalid token: this page needs a signed token"
    assert refusals.tally == {Refusal.TOKEN: 2}


def test_a_token_that_has_ended_is_told_as_such() -> None:
    refusals = Refusals()
    door = admission(tokens, refusals)
    assert judge(door, "/news", token="swen/?") == "Token expired: this page needs a newer token"
    assert judge(door, "/olds", token="swen/?") == "Invalid token: this page needs a signed token"
    assert refusals.tally == {Refusal.EXPIRED: 1, Refusal.TOKEN: 1}
    advice = door.advise("/news", Connect.read({"token": "swen/?"}))
    assert advice is not None
    assert "'/news' is refused to a client with an expired token" in advice
    assert "swen" not in advice


@pytest.mark.parametrize("observes", [True, False])
def test_the_token_of_a_page_opens_that_page_and_no_other(observes: bool) -> None:
    door = admission(tokens)
    assert judge(door, "/news", token="swen/", observes=observes) is None
    assert judge(door, "/olds", token="swen/", observes=observes) is not None


# Limits


def test_pages_that_are_observed_count_apart_from_those_that_one_is_on() -> None:
    refusals = Refusals()
    door = admission(refusals=refusals, max_namespaces=1, max_observed=2)
    assert judge(door, "/c", has={"/a": True, "/b": True}) is None
    assert judge(door, "/c", has={"/a": False, "/b": True}, observes=True) is None
    problem = "Too many namespaces: one session may observe 2"
    assert judge(door, "/c", has={"/a": True, "/b": True}, observes=True) == problem
    assert refusals.tally == {Refusal.LIMIT: 1}


def test_observing_can_be_switched_off() -> None:
    assert judge(admission(max_observed=0), observes=True) == "Too many namespaces: one session may observe 0"


# In the house


def test_a_session_may_be_on_some_pages_and_observe_others() -> None:
    house = House(max_namespaces=1, max_observed=2)
    client = house.client("/on")
    for page in ("/a", "/b", "/c"):
        client.connect(page, observe=True)
    client.connect("/off")
    assert client.refusals() == [
        ("/c", {"message": "Too many namespaces: one session may observe 2"}),
        ("/off", {"message": "Too many namespaces: one session may be on 1"}),
    ]
    client.leave("/a")
    client.connect("/c", observe=True)
    assert len(client.refusals()) == 2


def test_a_page_that_is_observed_is_joined_by_leaving_it_first() -> None:
    house = House()
    client = house.client("/", observe=True)
    client.connect("/")
    assert client.refusals() == [("/", {"message": "Already connected"})]
    client.leave("/")
    client.connect("/")
    assert house.count() == Count(1, 1, 1)


def test_whoever_is_refused_is_never_counted_and_told_nothing_else() -> None:
    house = House(judge_token=tokens)
    client = house.client("/news", token="wrong", updates="audience")
    watching = house.client("/news", token="wrong", observe=True)
    for refused in (client, watching):
        assert [packet.data for packet in refused.packets] == [
            {"message": "Invalid token: this page needs a signed token"}
        ]
    assert (house.count("/news"), len(house.hub.teller.observers("/news"))) == (Count(), 0)
    assert house.client("/news", token="swen/").house.count("/news") == Count(1, 1, 1)


def test_the_tally_knows_every_kind_of_refusal() -> None:
    house = House(max_namespaces=1, judge_token=tokens)
    house.on("connect", refuse, "/refusing")
    house.hub.handlers.declare("/news")
    client = house.client("/", token="/")
    client.emit("something")  # it has heard that it is on the page
    for page, auth in (
        ("/olds", {}),
        ("/", {"token": "/"}),
        ("/news", {"token": "wrong"}),
        ("/news", {"token": "swen/", "visitor": 5}),
        ("/news", {"token": "swen/"}),
    ):
        client.connect(page, **auth)
    house.client("/refusing", token="gnisufer/")
    assert house.hub.refusals.tally == {
        Refusal.PAGE: 2,
        Refusal.TOKEN: 1,
        Refusal.PAYLOAD: 1,
        Refusal.LIMIT: 1,
        Refusal.APPLICATION: 1,
    }


def refuse(_: Socket) -> None:
    raise ConnectionRefused("no")


# Crawlers


def is_crawler(user_agent: str) -> bool:
    return "bot" in user_agent


@pytest.mark.parametrize("polling", [True, False])
def test_a_crawler_is_told_and_not_counted(polling: bool) -> None:
    house = House(is_crawler=is_crawler)
    crawler = house.client("/", polling=polling, user_agent=CRAWLER, visitor="ann")
    reader = house.client("/", polling=polling, user_agent=BROWSER)
    house.clock.advance(1)
    assert crawler.heard() == [0, 1]
    assert reader.heard() == [1]
    assert (house.count(), house.hub.crawlers) == (Count(1, 1, 1), 1)


def test_a_crawler_that_goes_leaves_nothing() -> None:
    house = House(is_crawler=is_crawler)
    house.client("/", user_agent=CRAWLER, visitor="ann").lose()
    house.assert_empty()
    assert house.hub.crawlers == 1


def test_crawlers_are_tallied_by_session_and_nobody_else_is() -> None:
    house = House(is_crawler=is_crawler)
    crawler = house.client("/a", user_agent=CRAWLER)
    crawler.connect("/b")
    house.client("/a", user_agent=CRAWLER)
    house.client("/a", user_agent=BROWSER)
    house.client("/a")
    assert house.hub.crawlers == 2
    assert not house.hub.refusals.tally


def test_a_crawlers_pages_are_observed_ones() -> None:
    house = House(is_crawler=is_crawler, max_namespaces=1, max_observed=2)
    crawler = house.client(user_agent=CRAWLER)
    for page in ("/a", "/b", "/c"):
        crawler.connect(page, observe=False)
    assert crawler.refusals() == [("/c", {"message": "Too many namespaces: one session may observe 2"})]
    assert [house.count(page) for page in ("/a", "/b")] == [Count(), Count()]
