"""Each program of docs/mounting.md does what the page says it does, as it stands there."""

from __future__ import annotations

import asyncio
import base64
import json
import runpy
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import itsdangerous
import pytest
from starlette.requests import Request

from nannin.testing import Stage
from support.doc_pages import Block, block, blocks
from support.servers import Server, nannin

PAGE = "docs/mounting.md"
SECRET = "a secret of your own"  # as the page writes it

MOUNTED = [one for one in blocks(PAGE, "python") if one.heading == "Under a path"]
WRAPPING = [one for one in blocks(PAGE, "python") if one.heading == "An app that mounts nothing"]


def by_import(program: Block) -> str:
    """A program's framework, as the name of a test."""
    return program.text.split()[1].partition(".")[0]


def serve(program: Block, folder: Path) -> AbstractContextManager[Server]:
    """A server of a program, which is to be started."""
    (folder / "app.py").write_text(program.text, encoding="utf-8")
    return nannin("--app", f"{folder / 'app.py'}:app")


def test_every_program_of_the_page_is_tested_here() -> None:
    rest = [one for one in blocks(PAGE, "python") if one not in MOUNTED + WRAPPING]
    assert [one.heading for one in rest] == ["Your own authentication", "Sending from a route"]
    assert (len(MOUNTED), len(WRAPPING)) == (4, 2)


@pytest.mark.parametrize("program", MOUNTED, ids=by_import)
def test_what_is_mounted_answers_under_its_path_alone(program: Block, tmp_path: Path) -> None:
    with serve(program, tmp_path) as server:
        assert httpx.get(f"{server.url}/live/api/count").json()["visitors"] == 0
        assert httpx.get(f"{server.url}/live/nannin.js").status_code == 200
        assert httpx.get(f"{server.url}/api/count").status_code == 404


@pytest.mark.parametrize("program", WRAPPING, ids=by_import)
def test_what_wraps_an_app_answers_its_own_paths_alone(program: Block, tmp_path: Path) -> None:
    with serve(program, tmp_path) as server:
        assert httpx.get(f"{server.url}/api/count").json()["visitors"] == 0
        for path in ("/", "/api/users", "/static/site.css"):
            answer = httpx.get(server.url + path)
            assert (answer.status_code, "nannin" in answer.text) == (404, False)


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the program that asks for a session."""
    with serve(block(PAGE, "Your own authentication", "python"), tmp_path_factory.mktemp("app")) as server:
        yield f"{server.url}/live/socket.io/?EIO=4&transport=polling"


@pytest.mark.parametrize(
    ("session", "answer"), [({}, '44{"message":"Sign in first"}'), ({"name": "Ann"}, '40{"sid":')]
)
def test_the_session_decides_who_comes_in(members: str, session: dict[str, str], answer: str) -> None:
    content = base64.b64encode(json.dumps(session).encode())
    cookies = {"session": itsdangerous.TimestampSigner(SECRET).sign(content).decode()}
    with httpx.Client(cookies=cookies) as client:
        address = f"{members}&sid={json.loads(client.get(members).text[1:])['sid']}"
        assert client.post(address, content="40").text == "ok"
        assert client.get(address).text.startswith(answer)


def test_a_route_sends_as_a_handler_does(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text(block(PAGE, "Sending from a route", "python").text, encoding="utf-8")
    program = runpy.run_path(str(file), run_name="app")

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"It rains.", "more_body": False}

    async def act() -> None:
        async with Stage(program["live"]) as stage:
            reader = await stage.connect()
            answer = await program["publish"](Request({"type": "http", "method": "POST"}, receive))
            assert answer.status_code == 204
            await stage.advance(0.01)
            assert reader.received[-1] == ("news", "It rains.")

    asyncio.run(act())
