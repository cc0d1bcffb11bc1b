"""A Live under a path: the mount point with and without its last slash."""

from __future__ import annotations

from urllib.parse import urljoin

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import Message

from nannin import EngineIO, Live, Session
from nannin.app.dispatch import Rooted
from support.one_request import ask


def is_page(response: httpx.Response) -> bool:
    return response.status_code == 200 and "<html" in response.text


class Silent:
    """An Engine.IO application that says nothing."""

    def open(self, session: Session) -> None: ...

    def message(self, session: Session, data: str | bytes) -> None: ...

    def close(self, session: Session, reason: str) -> None: ...


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_mount_point_without_its_slash_leads_to_the_one_with_it(method: str) -> None:
    response = ask(Live(), "/live", root_path="/live", method=method)
    assert (response.status_code, response.headers["location"]) == (307, "live/")


def test_the_way_there_is_relative_to_wherever_the_mount_is_seen() -> None:
    response = ask(Live(), "/a/live", root_path="/a/live")
    assert response.headers["location"] == "live/"
    assert urljoin("https://example.com/shown/a/live", "live/") == "https://example.com/shown/a/live/"


@pytest.mark.parametrize("query", ["lang=ja", "q=%E4%BA%BA&a[]=1", "to=//example.com/?x:y"])
def test_the_query_is_kept(query: str) -> None:
    assert ask(Live(), f"/live?{query}", root_path="/live").headers["location"] == f"live/?{query}"


@pytest.mark.parametrize(
    ("root_path", "location"),
    [("/人", "%E4%BA%BA/"), ("/javascript:x", "javascript%3Ax/"), ("/a b", "a%20b/"), ("/a\\b", "a%5Cb/")],
)
def test_the_name_of_the_mount_can_not_be_mistaken_for_another_address(root_path: str, location: str) -> None:
    assert ask(Live(), root_path, root_path=root_path).headers["location"] == location


def test_behind_a_proxy_that_does_not_strip_the_path_it_leads_to_the_page() -> None:
    # What uvicorn makes of "GET /live" with --root-path /live: it puts the path in front of what came.
    response = ask(Rooted(Live(), "/live"), "/live/live", root_path="/live")
    assert (response.status_code, response.headers["location"]) == (307, "live/")


def test_the_mount_point_with_its_slash_is_the_page() -> None:
    assert is_page(ask(Live(), "/live/", root_path="/live"))
    assert is_page(ask(Starlette(routes=[Mount("/live", app=Live())]), "/live/"))


def test_the_root_is_the_page() -> None:
    assert is_page(ask(Live(), "/"))


@pytest.mark.parametrize(
    "path", ["/live/nothing", "/live/nothing/", "/live/nannin.js/", "/live//", "/lively", "/other"]
)
def test_nothing_else_is_redirected(path: str) -> None:
    assert ask(Live(), path, root_path="/live").status_code == 404


def test_a_mount_point_that_ends_in_a_slash_is_not_sent_to_the_root() -> None:
    assert "location" not in ask(Live(), "/live/", root_path="/live/").headers


def test_only_what_the_page_answers_is_redirected() -> None:
    assert ask(Live(), "/live", root_path="/live", method="POST").status_code == 404
    assert ask(EngineIO(Silent()), "/live", root_path="/live").status_code == 404


async def test_an_empty_path_is_not_sent_to_the_root() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "", "query_string": b"", "headers": []}
    await Live()(scope, receive, send)
    assert sent[0]["status"] == 404
