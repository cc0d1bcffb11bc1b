"""A path as whoever stands in front has left it: a host's slash is taken off, and a proxy's path once."""

from __future__ import annotations

import pytest
from starlette.types import Message, Receive, Scope, Send

from nannin.app.dispatch import Rooted, restore_path


@pytest.mark.parametrize(
    ("path", "raw_path", "restored"),
    [
        ("/nannin.js/", b"/live/nannin.js", ("/live/nannin.js", "/live")),
        ("/", b"/live", ("/live", "/live")),
        ("/%/", b"/live/%25", ("/live/%", "/live")),
        ("/socket.io/", b"/live/socket.io/", None),
        ("/nannin.js", b"/nannin.js", None),
        ("/other/", b"/live/nannin.js", None),
        ("/", None, None),
        ("/", b"", None),
    ],
)
def test_a_slash_that_a_host_put_behind_a_path_is_taken_off(
    path: str, raw_path: bytes | None, restored: tuple[str, str] | None
) -> None:
    scope = {"type": "http", "path": path, "root_path": "", "raw_path": raw_path}
    found = restore_path(scope)
    assert (found["path"], found["root_path"]) == (restored or (path, ""))
    assert scope["path"] == path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/live/", "/live/"),  # as uvicorn says it of a proxy that strips
        ("/live/live", "/live"),
        ("/live/live/x", "/live/x"),
        ("/live/lively", "/live/lively"),
        ("/live/x/live/", "/live/x/live/"),
    ],
)
async def test_a_root_path_that_came_with_the_request_is_taken_off_once(path: str, expected: str) -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    async def receive() -> Message:
        raise AssertionError("nobody asks")

    async def send(message: Message) -> None:
        raise AssertionError("nobody answers")

    scope = {"type": "http", "path": path, "raw_path": path.encode(), "root_path": "/live"}
    await Rooted(app, "/live")(scope, receive, send)
    assert (seen[0]["path"], seen[0]["raw_path"]) == (expected, expected.encode())
