"""Which apps take a WebSocket without a call."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from nannin.engine.link import DirectLink
from nannin.engine.opener import open_at_once


class Opening:
    def __init__(self, *, opens: bool = True) -> None:
        self.opens = opens
        self.opened: list[Any] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An app."""

    def open_websocket(self, scope: Scope, link: DirectLink) -> bool:
        self.opened.append((scope, link))
        return self.opens


class Named(Opening):
    """Changes nothing of it."""


class Guarded(Opening):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Looks at each request first."""


class Plain:
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Knows ASGI alone."""


class Link:
    """A WebSocket that nobody looks at."""


@pytest.mark.parametrize("app", [Opening(), Named()])
def test_an_app_that_opens_is_asked(app: Any) -> None:
    link: Any = Link()
    assert open_at_once(app, {"type": "websocket"}, link)
    assert app.opened == [({"type": "websocket"}, link)]


@pytest.mark.parametrize("app", [Guarded(), Plain(), lambda scope, receive, send: None])
def test_an_app_whose_own_call_would_be_passed_by_is_not(app: Any) -> None:
    link: Any = Link()
    assert not open_at_once(app, {"type": "websocket"}, link)
    assert not getattr(app, "opened", [])


def test_an_app_may_leave_a_websocket_to_its_call() -> None:
    link: Any = Link()
    assert not open_at_once(Opening(opens=False), {"type": "websocket"}, link)
