"""The description of what observers can ask for: valid, complete, and kept by a real server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from nannin.web.openapi import DOCUMENT
from support.servers import Server, nannin

SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
# What is asked about the past may make no sense: a zone that does not exist, an end before the beginning.
PAST = SCHEMA.include(path_regex="^/api/(history|peaks)")
# The stream never ends, so that it is tried by itself.
ENDING = SCHEMA.exclude(path="/api/stream").exclude(path_regex="^/api/(history|peaks)")
few = settings(
    max_examples=30,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],  # a smaller example of a failure is not worth its minutes
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that has just begun to keep a history."""
    with nannin("--history", "on", "--data-dir", str(tmp_path_factory.mktemp("data"))) as server:
        # The first question opens the history, which may take longer than the others wait.
        assert httpx.get(f"{server.url}/api/history", timeout=30).status_code == 200
        yield server


def answer(case: schemathesis.Case[Any], server: Server) -> Any:
    """The answer; on a busy machine costly ones are put off, for as long as the server says."""
    response = case.call(base_url=server.url, timeout=10)
    for _ in range(5):
        if response.status_code != 503 or "retry-after" not in response.headers:
            break
        time.sleep(int(response.headers["retry-after"][0]))
        response = case.call(base_url=server.url, timeout=10)
    return response


@ENDING.parametrize()
@few
def test_what_is_described_is_what_is_answered(case: schemathesis.Case[Any], server: Server) -> None:
    case.validate_response(answer(case, server))


@PAST.parametrize()
@settings(few, max_examples=15)
def test_what_is_described_of_the_past_is_what_is_answered(
    case: schemathesis.Case[Any], server: Server
) -> None:
    case.validate_response(answer(case, server), excluded_checks=[positive_data_acceptance])


@SCHEMA.include(path="/api/stream", method="GET").parametrize()
@few
def test_a_stream_begins_as_described(case: schemathesis.Case[Any], server: Server) -> None:
    with httpx.stream("GET", f"{server.url}/api/stream", params=case.query, timeout=10) as response:
        if response.status_code == 431:  # 100 long keys are more than the server takes for a URL
            return
        media_type = response.headers["content-type"].partition(";")[0]
        described = DOCUMENT["paths"]["/api/stream"]["get"]["responses"][str(response.status_code)]
        if response.status_code == 200:
            assert media_type in described["content"]
            return
        response.read()
    assert response.status_code in (400, 404)
    assert media_type == "application/json"
    assert list(response.json()) == ["error"]


def test_a_count_on_a_stream_is_the_count_that_is_described(server: Server) -> None:
    with httpx.stream("GET", f"{server.url}/api/stream?page=/x", timeout=10) as response:
        line = next(line for line in response.iter_lines() if line.startswith("data: "))
    told = msgspec.json.decode(line.removeprefix("data: "))
    assert sorted(told) == sorted(DOCUMENT["components"]["schemas"]["Count"]["required"])
