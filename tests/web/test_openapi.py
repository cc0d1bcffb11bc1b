"""The description of what observers can ask for: valid and complete."""

from __future__ import annotations

import httpx
import pytest
import schemathesis

from nannin.web.openapi import DOCUMENT
from support.fake_audiences import FORGIVING, Lookout

# What a Live answers before any route.
PROBES = {"/healthz", "/readyz", "/metrics"}


def test_it_is_served_as_it_is() -> None:
    assert Lookout().read("/api/openapi.json") == DOCUMENT


def test_it_is_valid_and_describes_each_route() -> None:
    schemathesis.openapi.from_dict(DOCUMENT).validate()
    routes = {getattr(route, "path", "") for route in Lookout().observers.routes()}
    assert set(DOCUMENT["paths"]) - PROBES == routes - {"/api/{rest:path}"}


def test_it_says_what_can_go_wrong_everywhere() -> None:
    for path in DOCUMENT["paths"].keys() - PROBES:
        operations = DOCUMENT["paths"][path]
        always = {"200", "403", "405"} if path in FORGIVING else {"200", "400", "403", "405"}
        assert always <= set(operations["get"]["responses"]), path


@pytest.mark.parametrize("path", sorted(DOCUMENT["paths"].keys() - PROBES))
def test_it_knows_each_parameter_that_is_taken(path: str) -> None:
    routes = {getattr(route, "path", ""): route for route in Lookout().observers.routes()}
    taken = [*getattr(routes[path], "app").parameters]  # noqa: B009
    described = [
        parameter.get("name", str(parameter.get("$ref")).rpartition("/")[2])
        for parameter in DOCUMENT["paths"][path]["get"]["parameters"]
    ]
    assert taken == described


def test_its_server_is_wherever_it_is_read() -> None:
    base = httpx.URL("https://example.com/live/api/openapi.json").join(DOCUMENT["servers"][0]["url"])
    assert str(base) == "https://example.com/live/"
