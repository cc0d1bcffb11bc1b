"""Visitors, observers, crawlers, tokens and named pages, packet by packet."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from itsdangerous import Signer

from support.raw_links import Link
from support.raw_wire import Reply, WebSocket, get, polling, post, refused, websocket
from support.servers import Server, Way, served

# TLS has no part in what packets mean: the tests of Engine.IO and of clients try links over it.
pytestmark = pytest.mark.parametrize("way", [Way.DIRECT, Way.PLAIN], indirect=True, scope="session")

PATH = "/socket.io/"
SECRET, OLD_SECRET = "the first one of them signs", "an old one still verifies"
CALM = ("--ping-interval", "60", "--connect-timeout", "60", "--grace", "600", "--grace-lost", "600")
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def server(way: Way) -> Iterator[Server]:
    """nannin as it comes; every grace ends after the tests."""
    with served(way, None, *CALM, "--max-observed", "3") as server:
        yield server


@pytest.fixture(scope="module")
def guarded_server(way: Way) -> Iterator[Server]:
    """One whose pages are named and need a token."""
    with served(
        way, None, *CALM, "--pages", "/news/*,/何人", "--page-secret", f"{SECRET},{OLD_SECRET}"
    ) as server:
        yield server


@pytest.fixture
def page() -> str:
    """A page that no other test uses."""
    return f"/wire/{next(NUMBERS)}"


class Raw:
    """A session over a WebSocket, whose packets are compared as they are."""

    def __init__(self, server: Server, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._websocket = WebSocket(server, websocket(PATH), named)
        assert str(self._websocket.receive()).startswith("0{")

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self._websocket.close()

    def send(self, packet: str) -> None:
        self._websocket.send(packet)

    def receive(self) -> str:
        """The next packet."""
        packet = self._websocket.receive()
        assert isinstance(packet, str)
        return packet

    def connect(self, page: str, **auth: Any) -> None:
        """Joins or observes a page, and reads the answer; the update behind it is left to be read."""
        self.send(f"40{page}," + json.dumps({"updates": "audience", **auth}))
        answer = self.receive()
        assert answer.startswith(f'40{page},{{"sid":"'), answer

    def refusal(self, page: str, **auth: Any) -> str:
        """What a CONNECT is refused with, exactly."""
        self.send(f"40{page}," + json.dumps(auth))
        return self.receive()

    def is_told(self, page: str, connections: int, visitors: int, visible: int) -> None:
        """The next packet is this update, byte by byte."""
        assert self.receive() == update(page, connections, visitors, visible)

    def hears_nothing(self, page: str) -> None:
        """Nothing is under way: the answer to what is asked now is the next packet."""
        self.send(f'42{page},99["nannin:visible",0]')
        assert self.receive().startswith(f"43{page},99[")


def update(page: str, connections: int, visitors: int, visible: int) -> str:
    return (
        f'42{page},["audience",{{"page":"{page}","connections":{connections},'
        f'"visitors":{visitors},"visible":{visible}}}]'
    )


def connect_error(page: str, message: str) -> str:
    return f"44{page}," + json.dumps({"message": message}, separators=(",", ":"))


@pytest.fixture
def witness(server: Server, page: str) -> Iterator[Raw]:
    """An observer of the page, who has been told that nobody is there."""
    with Raw(server) as raw:
        raw.connect(page, observe=True)
        raw.is_told(page, 0, 0, 0)
        yield raw


# Visitors and their tabs


def test_two_tabs_of_one_visitor_are_two_connections(server: Server, witness: Raw, page: str) -> None:
    with Raw(server) as first, Raw(server) as second:
        first.connect(page, visitor="ann")
        first.is_told(page, 1, 1, 1)
        witness.is_told(page, 1, 1, 1)
        second.connect(page, visitor="ann")
        second.is_told(page, 2, 1, 1)
        first.is_told(page, 2, 1, 1)
        witness.is_told(page, 2, 1, 1)


def test_two_namespaces_of_one_session_are_two_pages(server: Server, witness: Raw, page: str) -> None:
    with Raw(server) as raw:
        raw.connect(page, visitor="ann")
        raw.is_told(page, 1, 1, 1)
        raw.connect(page + "/b", visitor="ann")
        raw.is_told(page + "/b", 1, 1, 1)
        witness.is_told(page, 1, 1, 1)
        witness.hears_nothing(page)


def test_the_classic_number_is_that_of_the_visitors(server: Server, page: str) -> None:
    with Raw(server) as classic, Raw(server) as second:
        classic.send(f'40{page},{{"visitor":"ann"}}')
        assert classic.receive().startswith(f"40{page},")
        assert classic.receive() == f'42{page},["user connected",1]'
        second.connect(page, visitor="ann")
        second.is_told(page, 2, 1, 1)
        with Raw(server) as third:
            third.connect(page)
            third.is_told(page, 3, 2, 2)
            assert classic.receive() == f'42{page},["user connected",2]', "the second tab was no news"
        assert classic.receive() == f'42{page},["user disconnected",1]'


def test_a_visitor_who_leaves_and_returns_is_no_news(server: Server, witness: Raw, page: str) -> None:
    with Raw(server) as raw:
        raw.connect(page, visitor="ann")
        witness.is_told(page, 1, 1, 1)
        raw.send(f"41{page},")
        raw.is_told(page, 1, 1, 1)  # behind its CONNECT, before it left
        raw.connect(page, visitor="ann")
        raw.is_told(page, 1, 1, 1)
        witness.hears_nothing(page)


def test_a_connection_without_an_id_leaves_at_once(server: Server, witness: Raw, page: str) -> None:
    with Raw(server) as raw:
        raw.connect(page)
        witness.is_told(page, 1, 1, 1)
        raw.send(f"41{page},")
        witness.is_told(page, 0, 0, 0)


# Visibility


def test_a_tab_that_goes_out_of_view_is_counted_and_not_visible(
    server: Server, witness: Raw, page: str
) -> None:
    with Raw(server) as raw:
        raw.connect(page, visitor="ann")
        raw.is_told(page, 1, 1, 1)
        witness.is_told(page, 1, 1, 1)
        raw.send(f'42{page},["nannin:visible",false]')
        raw.is_told(page, 1, 1, 0)
        witness.is_told(page, 1, 1, 0)
        raw.send(f'42{page},["nannin:visible",true]')
        raw.is_told(page, 1, 1, 1)
        witness.is_told(page, 1, 1, 1)


def test_a_tab_may_come_out_of_view(server: Server, witness: Raw, page: str) -> None:
    with Raw(server) as raw:
        raw.connect(page, visitor="ann", visible=False)
        raw.is_told(page, 1, 1, 0)
        witness.is_told(page, 1, 1, 0)


def test_a_visitor_is_visible_while_one_tab_is(server: Server, witness: Raw, page: str) -> None:
    with Raw(server) as front, Raw(server) as behind:
        front.connect(page, visitor="ann")
        front.is_told(page, 1, 1, 1)
        behind.connect(page, visitor="ann", visible=False)
        behind.is_told(page, 2, 1, 1)
        front.is_told(page, 2, 1, 1)
        behind.send(f'42{page},["nannin:visible",true]')
        behind.hears_nothing(page)
        front.send(f'42{page},["nannin:visible",false]')
        front.hears_nothing(page)
        behind.send(f'42{page},["nannin:visible",false]')
        front.is_told(page, 2, 1, 0)


def test_a_classic_client_is_visible_and_hears_nothing_of_it(server: Server, page: str) -> None:
    with Raw(server) as classic, Raw(server) as other:
        classic.send(f"40{page},")
        classic.receive()
        assert classic.receive() == f'42{page},["user connected",1]'
        other.connect(page)
        other.is_told(page, 2, 2, 2)
        assert classic.receive() == f'42{page},["user connected",2]'
        other.send(f'42{page},["nannin:visible",false]')
        other.is_told(page, 2, 2, 1)
        classic.hears_nothing(page)


def test_visible_is_acknowledged_where_that_is_asked_for(server: Server, page: str) -> None:
    with Raw(server) as raw:
        raw.connect(page, visitor="ann")
        raw.receive()
        raw.send(f'42{page},7["nannin:visible",true]')
        assert raw.receive() == f"43{page},7[]"


@pytest.mark.parametrize("arguments", ["", ',"yes"', ",1", ",null", ",true,true", ',{"visible":true}'])
def test_visible_of_the_wrong_type_changes_nothing(server: Server, page: str, arguments: str) -> None:
    with Raw(server) as raw:
        raw.connect(page, visitor="ann")
        raw.is_told(page, 1, 1, 1)
        raw.send(f'42{page},["nannin:visible"{arguments}]')
        raw.send(f'42{page},7["nannin:visible"{arguments}]')
        assert raw.receive() == f'43{page},7[{{"error":"nannin:visible takes one argument, true or false"}}]'


# Who is not counted


def test_an_observer_is_told_and_not_counted(server: Server, witness: Raw, page: str) -> None:
    with Raw(server) as raw, Raw(server) as visitor:
        raw.connect(page, visitor="ann", observe=True)
        raw.is_told(page, 0, 0, 0)
        visitor.connect(page, visitor="ann")
        visitor.is_told(page, 1, 1, 1)
        raw.is_told(page, 1, 1, 1)
        raw.send(f'42{page},["nannin:visible",false]')
        raw.hears_nothing(page)
        raw.send(f"41{page},")
        witness.is_told(page, 1, 1, 1)
        witness.hears_nothing(page)


def test_an_observer_may_become_a_visitor(server: Server, witness: Raw, page: str) -> None:
    with Raw(server) as raw:
        raw.connect(page, visitor="ann", observe=True)
        raw.is_told(page, 0, 0, 0)
        raw.send(f"41{page},")
        raw.connect(page, visitor="ann")
        raw.is_told(page, 1, 1, 1)
        witness.is_told(page, 1, 1, 1)


def test_a_crawler_is_told_and_not_counted(server: Server, page: str) -> None:
    with Raw(server, User_Agent=GOOGLEBOT) as crawler, Raw(server, User_Agent=FIREFOX) as browser:
        crawler.connect(page, visitor="bot")
        crawler.is_told(page, 0, 0, 0)
        browser.connect(page, visitor="ann")
        browser.is_told(page, 1, 1, 1)
        crawler.is_told(page, 1, 1, 1)


def test_a_crawler_that_polls_is_not_counted_either(server: Server, witness: Raw, page: str) -> None:
    agent = {"User-Agent": GOOGLEBOT}
    sid = json.loads(get(server, polling(PATH), agent).text[1:])["sid"]
    assert post(server, polling(PATH, sid), f"40{page},").text == "ok"
    answer = get(server, polling(PATH, sid)).text.split("\x1e")
    assert answer[1] == f'42{page},["user connected",0]'
    witness.hears_nothing(page)


def test_a_foreign_origin_is_refused_before_there_is_anybody_to_count(server: Server) -> None:
    foreign = {"Origin": "https://elsewhere.example"}
    assert get(server, polling(PATH), foreign).error == (403, 4, "Forbidden")
    assert refused(server, websocket(PATH), foreign).error == (403, 4, "Forbidden")


# Refusals, in their exact words


@pytest.mark.parametrize("value", ["yes", 1, None, [], {}])
@pytest.mark.parametrize("name", ["visible", "observe"])
def test_visible_and_observe_are_true_or_false(server: Server, page: str, name: str, value: object) -> None:
    with Raw(server) as raw:
        assert raw.refusal(page, **{name: value}) == connect_error(page, f"Invalid {name}: true or false")


@pytest.mark.parametrize("visitor", ["", "x" * 65, "何" * 22, 1, True, [], {}])
def test_a_visitors_id_is_a_short_text(server: Server, page: str, visitor: object) -> None:
    with Raw(server) as raw:
        expected = connect_error(page, "Invalid visitor: expected a string of 1 to 64 bytes")
        assert raw.refusal(page, visitor=visitor) == expected


@pytest.mark.parametrize("visitor", ["x", "x" * 64, "何" * 21, None])
def test_a_visitors_id_of_64_bytes_or_none_is_taken(server: Server, page: str, visitor: str | None) -> None:
    with Raw(server) as raw:
        raw.connect(page, visitor=visitor)
        raw.is_told(page, 1, 1, 1)


def test_a_session_is_on_four_pages_and_observes_some_more(server: Server, page: str) -> None:
    with Raw(server) as raw:
        for number in range(4):
            raw.connect(f"{page}/{number}", visitor="ann")
            raw.is_told(f"{page}/{number}", 1, 1, 1)
        too_many = connect_error(f"{page}/4", "Too many namespaces: one session may be on 4")
        assert raw.refusal(f"{page}/4", visitor="ann") == too_many
        for number in range(4, 7):
            raw.connect(f"{page}/{number}", observe=True)
            raw.is_told(f"{page}/{number}", 0, 0, 0)
        too_many = connect_error(f"{page}/7", "Too many namespaces: one session may observe 3")
        assert raw.refusal(f"{page}/7", observe=True) == too_many


def test_a_page_that_was_left_makes_room_for_another(server: Server, page: str) -> None:
    with Raw(server) as raw:
        for number in range(4):
            raw.connect(f"{page}/{number}", visitor="ann")
            raw.is_told(f"{page}/{number}", 1, 1, 1)
        raw.send(f"41{page}/0,")
        raw.connect(f"{page}/4", visitor="ann")
        raw.is_told(f"{page}/4", 1, 1, 1)


def test_a_page_is_joined_or_observed_and_not_both(server: Server, page: str) -> None:
    with Raw(server) as raw:
        raw.connect(page, visitor="ann")
        raw.is_told(page, 1, 1, 1)
        assert raw.refusal(page, observe=True) == connect_error(page, "Already connected")


def test_who_is_refused_was_never_counted(server: Server, witness: Raw, page: str) -> None:
    with Raw(server) as raw:
        raw.refusal(page, visitor="")
        raw.refusal(page, visible="no")
        witness.hears_nothing(page)


# Named pages and tokens


def token_of(page: str, secret: str = SECRET) -> str:
    """A page's token, made as docs/counting.md says."""
    signer = Signer(secret, salt="nannin.page", key_derivation="hmac", digest_method=hashlib.sha256)
    return signer.get_signature(page).decode()


@pytest.mark.parametrize("page", ["/news/1", "/news/", "/何人"])
@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
def test_a_token_of_its_page_opens_it(guarded_server: Server, page: str, secret: str) -> None:
    with Raw(guarded_server) as raw:
        raw.connect(page, token=token_of(page, secret))
        assert raw.receive().startswith(f'42{page},["audience",')


@pytest.mark.parametrize(
    "token", [None, "", 1, True, "x" * 43, token_of("/news/2"), token_of("/news/1", "x" * 20)]
)
@pytest.mark.parametrize("observe", [False, True])
def test_without_it_nobody_is_counted_or_told(guarded_server: Server, token: object, observe: bool) -> None:
    auth = {"observe": observe, **({} if token is None else {"token": token})}
    expected = connect_error("/news/1", "Invalid token: this page needs a signed token")
    with Raw(guarded_server) as raw:
        assert raw.refusal("/news/1", **auth) == expected


@pytest.mark.parametrize("page", ["/news", "/other", "/何人/1"])
def test_other_pages_than_the_named_ones_do_not_exist(guarded_server: Server, page: str) -> None:
    with Raw(guarded_server) as raw:
        assert raw.refusal(page, token=token_of(page)) == connect_error(page, "Invalid namespace")
    reply = api(guarded_server, "count", page)
    assert (reply.status, json.loads(reply.text)) == (404, {"error": f'there is no page "{quote(page)}"'})


def test_the_default_page_exists_beside_the_named_ones(guarded_server: Server) -> None:
    with Raw(guarded_server) as raw:
        raw.send("40" + json.dumps({"token": token_of("/")}))
        assert raw.receive().startswith('40{"sid":"')
        assert raw.receive() == '42["user connected",1]'


def api(server: Server, what: str, page: str) -> Reply:
    return get(server, f"/api/{what}?page=" + "".join(f"%{byte:02x}" for byte in page.encode()))


# What an answer over HTTP says of it


def test_a_count_over_http_is_the_same_three_numbers(server: Server, page: str) -> None:
    with Raw(server) as front, Raw(server) as behind:
        front.connect(page, visitor="ann")
        behind.connect(page, visitor="bob", visible=False)
        reply = api(server, "count", page)
        assert reply.status == 200
        assert reply.text == f'{{"page":"{page}","connections":2,"visitors":2,"visible":1}}'
    empty = page + "/empty"
    assert (
        api(server, "count", empty).text == f'{{"page":"{empty}","connections":0,"visitors":0,"visible":0}}'
    )


def test_an_upgrade_of_a_visitor_is_no_news(server: Server, witness: Raw, page: str) -> None:
    with Link(server, "polling") as link:
        link.send(f'40{page},{{"visitor":"ann","updates":"audience"}}')
        assert str(link.receive()).startswith(f"40{page},")
        assert link.receive() == update(page, 1, 1, 1)
        witness.is_told(page, 1, 1, 1)
        link.upgrade()
        link.send(f'42{page},1["nannin:visible",true]')
        assert link.receive() == f"43{page},1[]"
        witness.hears_nothing(page)
