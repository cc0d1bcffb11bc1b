"""The gate: one judgement of Host and Origin for every path, tallied, and told once in the log."""

from __future__ import annotations

from typing import Any

import pytest

from nannin.access.gate import MAX_ORIGINS_LOGGED, Gate
from nannin.access.hosts import ForeignHost
from nannin.access.refusals import Refusal, Refusals

SERVER, CLIENT = ("127.0.0.1", 8124), ("127.0.0.1", 50_000)


def asked(host: str = "localhost:8124", *origins: str, **more: Any) -> dict[str, Any]:
    headers = [(b"host", host.encode())] + [(b"origin", origin.encode()) for origin in origins]
    return {"headers": headers, "server": SERVER, "client": CLIENT, **more}


def test_a_program_on_this_machine_and_a_page_of_its_own_are_admitted() -> None:
    gate = Gate()
    assert gate.admits(asked())
    assert gate.admits(asked("localhost:8124", "http://localhost:8124"))
    assert gate.admits(asked("localhost:8124", ""))


def test_a_foreign_page_is_not() -> None:
    assert not Gate().admits(asked("localhost:8124", "https://evil.example"))
    assert Gate(["https://evil.example"]).admits(asked("localhost:8124", "https://evil.example"))


def test_a_page_whose_site_leads_here_is_not_although_its_origin_is_the_host() -> None:
    rebound = asked("evil.example:8124", "http://evil.example:8124")
    assert Gate().admits_page(rebound["headers"])
    assert not Gate().admits(rebound)
    assert Gate(hosts=["evil.example"]).admits(rebound)
    assert Gate(own_name="evil.example").admits(rebound)


def test_no_request_has_two_origins() -> None:
    for second in ("http://localhost:8124", "https://evil.example"):
        assert not Gate().admits(asked("localhost:8124", "http://localhost:8124", second))


@pytest.mark.parametrize("missing", ["server", "client"])
def test_a_server_need_not_say_where_a_request_came_to_and_from(missing: str) -> None:
    scope = asked("live.example.org")
    del scope[missing]
    assert Gate().admits(scope) is (missing == "server")


def test_a_foreign_host_is_tallied_each_time_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals()
    gate = Gate(refusals=refusals)
    for number in range(50):
        assert gate.turn_away_host(asked(f"evil{number}.example:8124")) is ForeignHost.UNKNOWN
    assert gate.turn_away_host(asked()) is None
    assert refusals.tally == {Refusal.HOST: 50}
    (told,) = [record.getMessage() for record in caplog.records]
    assert "evil0.example:8124" in told
    assert "--hosts" in told


def test_whatever_a_host_holds_is_one_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    assert Gate().turn_away_host(asked("evil\n\x1b[2J" + "x" * 9_000)) is ForeignHost.MALFORMED
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.isprintable()
    assert len(told) < 300


def test_a_foreign_page_is_tallied_each_time_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals()
    gate = Gate(refusals=refusals)
    for _ in range(3):
        for number in range(50):
            gate.turn_away_page(asked("localhost", f"https://evil{number}.example")["headers"])
    assert refusals.tally == {Refusal.ORIGIN: 150}
    assert len(caplog.records) == MAX_ORIGINS_LOGGED
    assert "--allow-origins https://evil0.example" in caplog.records[0].getMessage()


def test_what_is_remembered_is_bounded_and_admits_no_other() -> None:
    gate = Gate()
    for number in range(200):
        for _ in range(2):
            assert gate.admits(asked(f"name{number}", f"http://name{number}"))
            assert not gate.admits(asked(f"name{number}", f"http://name{number + 1}"))
            assert not gate.admits(asked(f"name{number}", f"http://name{number}", f"http://name{number}"))
