"""Which process a request is for."""

from __future__ import annotations

import pytest

from nannin.engine.neighbours import Ends, find_target, target_of

OURS, THEIRS, NOBODYS = "A" * 20, "C" * 20, "D" * 20


class Street:
    """Process 0, with 2 as its neighbour, which has fewer sessions."""

    mark = 0

    def is_there(self, mark: int) -> bool:
        return mark == 2

    def for_new_session(self) -> int | None:
        return 2

    def send(self, mark: int, descriptor: int, data: bytes, ends: Ends | None, hops: int = 0) -> None:
        raise AssertionError("nothing is sent here")


@pytest.mark.parametrize("method", [b"GET", b"POST", b"OPTIONS"])
@pytest.mark.parametrize(
    "query", ["EIO=4&transport=polling&sid={}", "sid={}&EIO=4", "t=1&sid={}&EIO=4&sid=x"]
)
def test_a_request_goes_where_its_session_is(method: bytes, query: str) -> None:
    def find(sid: str) -> int | None:
        return target_of(method, b"/x/?" + query.format(sid).encode(), Street())

    assert find(THEIRS) == 2
    assert find(OURS) is None
    assert find(NOBODYS) is None, "there is no process with this mark"


@pytest.mark.parametrize("sid", ["C" * 19, "C" * 21, "%43" + "C" * 17, "~" + "C" * 19, "C"])
def test_what_is_no_sid_of_ours_stays_here(sid: str) -> None:
    assert target_of(b"GET", b"/?EIO=4&sid=" + sid.encode(), Street()) is None


@pytest.mark.parametrize("query", ["EIO=4&transport=polling", "transport=websocket&EIO=4", "EIO=4&sid="])
def test_a_new_session_goes_to_whoever_has_fewer(query: str) -> None:
    assert target_of(b"GET", b"/?" + query.encode(), Street()) == 2
    assert target_of(b"OPTIONS", b"/?" + query.encode(), Street()) is None


@pytest.mark.parametrize("target", ["/", "/?EIO=3&sid=" + THEIRS, "/?EIO=44", "/?sid=" + THEIRS, "/EIO=4"])
def test_what_is_not_of_the_protocol_stays_here(target: str) -> None:
    assert target_of(b"GET", target.encode(), Street()) is None


def test_the_first_line_is_enough() -> None:
    line = b"POST /socket.io/?EIO=4&sid=" + THEIRS.encode() + b" HTTP/1.1\r\n"
    assert find_target(line, Street()) == (True, 2)
    assert find_target(line + b"Host: x\r\n\r\n", Street()) == (True, 2)
    assert find_target(b"GET / HTTP/1.1\r\n", Street()) == (True, None)


@pytest.mark.parametrize(
    "data",
    [b"", b"POST /?EIO=4&sid=" + THEIRS.encode(), b"GET / HTTP/1.1\r", b"* HTTP/1.1\r\n", b"\r\nGET / x\r\n"],
)
def test_what_does_not_begin_with_a_whole_line_is_for_a_parser(data: bytes) -> None:
    assert find_target(data, Street()) == (False, None)
