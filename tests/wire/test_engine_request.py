"""What an Engine.IO request asks for, and each refusal with its status and body."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, quote

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from nannin.wire.engine_request import EngineRequest, Refusal, Transport, read_request

quickly = settings(
    deadline=None, max_examples=150, database=None, suppress_health_check=[HealthCheck.too_slow]
)


def read(query: str, method: str = "GET", *, websocket: bool = False) -> EngineRequest | Refusal:
    """Reads a query over HTTP unless it is said to be a WebSocket's."""
    return read_request(method, query.encode(), websocket=websocket)


FIELDS = ["EIO=4", "EIO=3", "transport=polling", "sid=a", "sid=b%20c", "sid=", "sid", "t=x=y", ""]


@given(
    st.text(st.sampled_from("&=%+;2bEIOsidtranspoling4 "), max_size=60)
    | st.lists(st.sampled_from(FIELDS)).map("&".join)
)
@quickly
def test_any_query_is_read_as_urllib_reads_it(query: str) -> None:
    assume(query.count("&") < 50)  # urllib counts empty fields, too
    pairs = dict(reversed(parse_qsl(query, keep_blank_values=True)))
    expected: EngineRequest | Refusal = EngineRequest(Transport.POLLING, pairs.get("sid") or None)
    if pairs.get("transport") != "polling":
        expected = Refusal.TRANSPORT_UNKNOWN
    elif pairs.get("EIO") != "4":
        expected = Refusal.UNSUPPORTED_VERSION
    assert read(query) == expected


# Requests that make sense


def test_a_handshake_over_polling_has_no_sid() -> None:
    assert read("EIO=4&transport=polling") == EngineRequest(Transport.POLLING, None)


def test_a_handshake_over_websocket_has_no_sid() -> None:
    request = read("EIO=4&transport=websocket", websocket=True)
    assert request == EngineRequest(Transport.WEBSOCKET, None)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_session_is_polled_and_posted_to_by_its_sid(method: str) -> None:
    request = read("EIO=4&transport=polling&sid=abc", method)
    assert request == EngineRequest(Transport.POLLING, "abc")


def test_an_upgrade_names_its_sid() -> None:
    request = read("EIO=4&transport=websocket&sid=abc", websocket=True)
    assert request == EngineRequest(Transport.WEBSOCKET, "abc")


def test_the_order_of_the_parameters_and_unknown_ones_do_not_matter() -> None:
    assert read("t=xyz&sid=abc&transport=polling&b64=1&EIO=4") == EngineRequest(Transport.POLLING, "abc")


def test_a_sid_is_percent_decoded() -> None:
    assert read("EIO=4&transport=polling&sid=a%2Bb%20c") == EngineRequest(Transport.POLLING, "a+b c")


def test_an_empty_sid_asks_for_a_handshake() -> None:
    assert read("EIO=4&transport=polling&sid=") == EngineRequest(Transport.POLLING, None)
    assert read("EIO=4&transport=polling&sid=", "POST") is Refusal.BAD_HANDSHAKE_METHOD


@pytest.mark.parametrize("sid", ["__proto__", "constructor", "x" * 5_000, "%00", "..%2F"])
def test_a_strange_sid_is_a_sid_that_nobody_has(sid: str) -> None:
    request = read(f"EIO=4&transport=polling&sid={sid}")
    assert isinstance(request, EngineRequest)
    assert request.sid is not None


def test_of_a_parameter_given_twice_the_first_counts() -> None:
    request = read("EIO=4&EIO=3&transport=polling&transport=nope&sid=a&sid=b")
    assert request == EngineRequest(Transport.POLLING, "a")


def test_a_query_in_percent_encoding_that_is_no_utf8_is_read_all_the_same() -> None:
    assert read("EIO=4&transport=polling&x=%FF%FE") == EngineRequest(Transport.POLLING, None)


# Refusals


@pytest.mark.parametrize(
    "query",
    [
        "",
        "EIO=4",
        "EIO=4&transport",
        "EIO=4&transport=",
        "EIO=4&transport=abc",
        "EIO=4&transport=Polling",
        "EIO=4&transport=polling%00",
        "EIO=4&transport=__proto__",
        "EIO=4&transport=webtransport",
        "EIO=4&TRANSPORT=polling",
        "&&&===",
    ],
)
def test_a_missing_or_unknown_transport_is_refused(query: str) -> None:
    assert read(query) is Refusal.TRANSPORT_UNKNOWN


@pytest.mark.parametrize(
    "version", ["", "EIO", "EIO=", "EIO=3", "EIO=5", "EIO=44", "EIO=4.0", "EIO=%D9%A4", "EIO=abc", "eio=4"]
)
@pytest.mark.parametrize("websocket", [False, True])
def test_a_missing_or_unknown_version_is_refused(version: str, websocket: bool) -> None:
    transport = "websocket" if websocket else "polling"
    assert read(f"transport={transport}&{version}", websocket=websocket) is Refusal.UNSUPPORTED_VERSION


def test_the_websocket_transport_over_plain_http_is_refused() -> None:
    assert read("EIO=4&transport=websocket") is Refusal.BAD_REQUEST


def test_the_polling_transport_over_a_websocket_is_refused() -> None:
    assert read("EIO=4&transport=polling", websocket=True) is Refusal.BAD_REQUEST


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "BREW"])
def test_a_handshake_by_another_method_than_get_is_refused(method: str) -> None:
    assert read("EIO=4&transport=polling", method) is Refusal.BAD_HANDSHAKE_METHOD


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "PATCH", "get", ""])
def test_a_session_takes_get_and_post_only(method: str) -> None:
    assert read("EIO=4&transport=polling&sid=abc", method) is Refusal.BAD_REQUEST


def test_a_query_that_is_no_ascii_is_refused() -> None:
    assert read("EIO=4&transport=polling&sid=é") is Refusal.BAD_REQUEST


def test_a_thousand_parameters_are_refused() -> None:
    assert read("EIO=4&transport=polling" + "&x=1" * 1_000) is Refusal.BAD_REQUEST


@pytest.mark.parametrize(
    ("refusal", "status", "code", "message"),
    [
        (Refusal.TRANSPORT_UNKNOWN, 400, 0, "Transport unknown"),
        (Refusal.SESSION_UNKNOWN, 400, 1, "Session ID unknown"),
        (Refusal.BAD_HANDSHAKE_METHOD, 400, 2, "Bad handshake method"),
        (Refusal.BAD_REQUEST, 400, 3, "Bad request"),
        (Refusal.FORBIDDEN, 403, 4, "Forbidden"),
        (Refusal.UNSUPPORTED_VERSION, 400, 5, "Unsupported protocol version"),
        (Refusal.TOO_MANY_REQUESTS, 429, 6, "Too many requests"),
        (Refusal.STOPPING, 503, 7, "Server stopping"),
    ],
)
def test_each_refusal_has_its_status_and_body(refusal: Refusal, status: int, code: int, message: str) -> None:
    assert refusal.http_status == status
    body = json.loads(refusal.body)
    assert (body["code"], body["message"]) == (code, message)
    assert ("remedy" in body) is (refusal is Refusal.UNSUPPORTED_VERSION)


def test_only_who_is_over_a_limit_or_meets_a_server_that_stops_may_come_back_with_the_same_request() -> None:
    assert {refusal: refusal.retry_after_s for refusal in Refusal if refusal.retry_after_s is not None} == {
        Refusal.TOO_MANY_REQUESTS: 5,
        Refusal.STOPPING: 2,
    }


def test_a_client_of_an_old_version_is_told_which_one_it_needs() -> None:
    assert "socket.io-client 3 or newer" in json.loads(Refusal.UNSUPPORTED_VERSION.body)["remedy"]


# Anything


@quickly
@given(
    st.text(max_size=8), st.binary() | st.text("EIO=4&transport=polling%sid").map(str.encode), st.booleans()
)
def test_any_request_is_read_or_refused(method: str, query: bytes, websocket: bool) -> None:
    request = read_request(method, query, websocket=websocket)
    if isinstance(request, EngineRequest):
        assert (request.transport is Transport.WEBSOCKET) is websocket
        assert method in ("GET", "POST")
    else:
        assert request in Refusal


@quickly
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_sid_is_found_again(sid: str) -> None:
    assert read(f"EIO=4&transport=polling&sid={quote(sid)}") == EngineRequest(Transport.POLLING, sid)
