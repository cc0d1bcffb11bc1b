"""`nannin stats` into a pipe and into a terminal."""

from __future__ import annotations

import json
import sys

import pytest

from nannin.audience.roster import Count
from nannin.cli.stats.command import run
from nannin.errors import RemoteError, SettingsError
from support.fake_audiences import Lookout
from support.fake_past import NOW_S, Archive, point, serve

HOUR_S = NOW_S // 3_600 * 3_600


def stats(*pages: str, as_json: bool = False, token: str | None = None, **span: str) -> int:
    return run("http://a.test", pages, limit=10, as_json=as_json, token=token, insecure=False, **span)


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Archive:
    archive = Archive({"/a": Count(3, 2, 1)})
    archive.history.points["/a"] = [point(HOUR_S - 3_600, 3_600, 2.0, 5)]
    serve(archive, monkeypatch)
    return archive


@pytest.mark.usefixtures("archive")
def test_a_pipe_gets_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert stats(step="hour") == 0
    assert capsys.readouterr() == ("/a 2 visitors; mean 2.0, greatest 3 at 2026-11-27 11:00, 5 joins\n", "")


@pytest.mark.usefixtures("archive")
def test_a_program_gets_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert stats("/a", "/a", as_json=True, from_="2h", step="hour") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["mean"] for line in lines] == [2.0]


@pytest.mark.usefixtures("archive")
def test_a_terminal_gets_a_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    assert stats() == 0
    assert "page" in capsys.readouterr().out


def test_a_pipe_is_told_beside_its_lines_that_there_is_no_history(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(Lookout({"/a": Count(1, 1, 1)}), monkeypatch)
    assert stats() == 0
    out, err = capsys.readouterr()
    assert out == "/a 1 visitor\n"
    assert err.startswith("nannin: this server keeps no history")


def test_what_is_no_page_and_no_address_is_a_mistake_of_the_command() -> None:
    with pytest.raises(SettingsError, match="--page must start with /, not news"):
        stats("news")
    with pytest.raises(SettingsError, match="URL must be an address"):
        run("ftp://a.test", (), limit=1, as_json=False)


def test_a_server_that_refuses_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(Archive(read_token="a-token-for-those-who-read"), monkeypatch)
    with pytest.raises(RemoteError, match="the read_token"):
        stats(token="wrong")
    assert stats(token="a-token-for-those-who-read") == 0


def test_a_pipe_is_told_beside_its_lines_that_nobody_is_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(Lookout({}), monkeypatch)
    assert stats() == 0
    assert capsys.readouterr() == ("", "nannin: nobody is here\n")


def test_a_time_that_is_none_is_a_mistake_even_where_nobody_is(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(Archive(), monkeypatch)
    with pytest.raises(RemoteError, match="from"):
        stats(from_="nonsense")
    assert stats(from_="7d") == 0
