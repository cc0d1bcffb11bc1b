"""Who may read the lists of pages."""

from __future__ import annotations

import asyncio

import pytest

from nannin.audience.roster import Count
from support.fake_audiences import LOCAL, Lookout

TOKEN = "a-token-for-those-who-read"
LISTS = ["/api/pages", "/api/explain", "/api/explain?page=/a"]
EVERYWHERE = "/api/stream?page=*"
AWAY = ("203.0.113.9", 50_000)
LOCAL_ONLY = "lists of pages are for the server's own machine; the setting read_token opens them"


def opens(lookout: Lookout, target: str, client: tuple[str, int] | None, **headers: str) -> int:
    """The status of an answer whose body may never end."""

    async def main() -> int:
        call = lookout.call(target, "GET", client, **headers)
        await call.sends(1)
        assert call.task is not None
        call.task.cancel()
        return call.status

    return asyncio.run(main())


@pytest.mark.parametrize("target", [*LISTS, EVERYWHERE, "/api/stream?page=/a&page=*"])
@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_a_program_on_this_machine_may_read_them(target: str, address: str) -> None:
    lookout = Lookout()
    assert opens(lookout, target, (address, 1), host="localhost:8124") == 200
    assert lookout.refused_lists == 0


@pytest.mark.parametrize("target", [*LISTS, EVERYWHERE])
@pytest.mark.parametrize("client", [AWAY, ("2001:db8::7", 1), ("testclient", 1), ("", 0), None])
def test_nobody_else_may_without_a_token(target: str, client: tuple[str, int] | None) -> None:
    lookout = Lookout()
    assert lookout.error(target, client=client) == (403, LOCAL_ONLY)
    assert lookout.refused_lists == 1


@pytest.mark.parametrize(
    "header",
    [
        "forwarded",
        "x_forwarded",
        "x_forwarded_for",
        "x_forwarded_host",
        "x_forwarded_proto",
        "x_real_ip",
        "via",
        "cf_connecting_ip",
        "true_client_ip",
    ],
)
@pytest.mark.parametrize("value", ["127.0.0.1", ""])
def test_what_a_proxy_on_this_machine_passes_on_comes_from_elsewhere(header: str, value: str) -> None:
    assert Lookout().ask("/api/pages", "GET", LOCAL, **{header: value}).status == 403


@pytest.mark.parametrize(
    "host",
    [
        "live.example.com",
        "127.0.0.1.evil.example",
        "",
        "[",
        "192.0.2.7:8124",
        "evil@localhost",
        "localhost/evil",
    ],
)
def test_a_name_that_was_made_to_lead_here_opens_nothing(host: str) -> None:
    assert Lookout().error("/api/pages", host=host)[0] == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "file://"])
def test_a_page_of_another_site_may_not_read_them_from_its_readers_machine(origin: str) -> None:
    assert Lookout().error("/api/pages", origin=origin)[0] == 403


@pytest.mark.parametrize(
    "origin", ["http://127.0.0.1:8124", "http://localhost:3000", "https://friend.example"]
)
def test_our_own_pages_and_those_that_are_allowed_may(origin: str) -> None:
    assert Lookout(allow_origins=("https://friend.example",)).ask("/api/pages", origin=origin).status == 200


@pytest.mark.parametrize("target", [*LISTS, EVERYWHERE])
@pytest.mark.parametrize("client", [AWAY, LOCAL, None])
def test_whoever_has_the_token_may_read_them(target: str, client: tuple[str, int] | None) -> None:
    lookout = Lookout(read_token=TOKEN)
    sent = {"authorization": f"Bearer {TOKEN}", "host": "live.example.com", "x_forwarded_for": "203.0.113.9"}
    assert opens(lookout, target, client, **sent) == 200


@pytest.mark.parametrize("target", [*LISTS, EVERYWHERE])
def test_without_the_token_they_are_closed_and_say_what_is_needed(target: str) -> None:
    lookout = Lookout(read_token=TOKEN)
    assert lookout.error(target, client=AWAY) == (
        401,
        "this needs the header Authorization: Bearer with the read_token of the server",
    )
    assert lookout.ask(target, client=AWAY).header("www-authenticate") == "Bearer"


@pytest.mark.parametrize("client", [AWAY, LOCAL])
def test_a_wrong_token_opens_nothing_wherever_it_comes_from(client: tuple[str, int]) -> None:
    status, words = Lookout(read_token=TOKEN).error(
        "/api/pages", client=client, authorization="Bearer another-token-of-someone"
    )
    assert (status, words) == (401, "this token is not the read_token of the server")


def test_a_token_in_the_address_is_no_token() -> None:
    lookout = Lookout(read_token=TOKEN)
    assert lookout.error(f"/api/pages?read_token={TOKEN}", client=AWAY)[0] == 400


@pytest.mark.parametrize("path", ["/api/count", "/api/openapi.json", "/badge.svg", "/embed", "/api/shield"])
def test_the_count_of_a_page_whose_key_is_known_stays_public(path: str) -> None:
    lookout = Lookout({"/": Count(1, 1, 1)}, read_token=TOKEN)
    assert lookout.ask(path, client=AWAY).status == 200
    assert opens(lookout, "/api/stream?page=/&page=/a", AWAY) == 200


def test_a_head_of_a_list_is_as_private() -> None:
    assert Lookout().ask("/api/pages", "HEAD", AWAY).status == 403
