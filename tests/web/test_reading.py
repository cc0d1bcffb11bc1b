"""By which methods resources are read."""

from __future__ import annotations

import msgspec
import pytest

from support.fake_audiences import PATHS, Lookout

FOREIGN = "https://foreign.example"


@pytest.mark.parametrize("path", [*PATHS, "/api/stream"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "QUERY", "get"])
def test_another_method_is_refused_and_told_which_there_are(path: str, method: str) -> None:
    call = Lookout().ask(path, method)
    assert call.status == 405
    assert call.header("allow") == "GET, HEAD, OPTIONS"
    assert "error" in msgspec.json.decode(call.body)


@pytest.mark.parametrize("path", PATHS)
def test_a_head_has_the_head_of_a_get_and_nothing_else(path: str) -> None:
    lookout = Lookout()
    got, asked = lookout.ask(path), lookout.ask(path, "HEAD")
    assert asked.sent[0] == got.sent[0]
    assert got.body
    assert asked.body == b""


@pytest.mark.parametrize("path", [*PATHS, "/api/stream"])
def test_a_preflight_is_answered_without_a_body(path: str) -> None:
    call = Lookout().ask(path, "OPTIONS", origin=FOREIGN, access_control_request_method="GET")
    assert (call.status, call.body) == (204, b"")
    assert call.header("access-control-allow-origin") == "*"
    assert call.header("access-control-allow-methods") == "GET, HEAD, OPTIONS"
    assert call.header("access-control-allow-headers") == "*, Authorization"
    assert call.header("access-control-allow-private-network") is None
    assert call.header("access-control-allow-credentials") is None


def test_a_preflight_for_a_private_network_is_told_that_it_may() -> None:
    call = Lookout().ask("/api/count", "OPTIONS", access_control_request_private_network="true")
    assert call.header("access-control-allow-private-network") == "true"
