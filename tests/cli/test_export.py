"""`nannin export`: the history as CSV and as JSON, in parts, to a file or to standard output."""

from __future__ import annotations

import csv
import json
import pathlib
import signal
import sys

import pytest

from nannin.cli import export as exporting
from nannin.cli.export import run
from nannin.cli.output import OutputError
from nannin.errors import HistoryError, RemoteError, SettingsError
from support.canned_answers import Answer, CannedServer
from support.fake_past import NOW_S, Archive, point, serve

HOUR_S = NOW_S // 3_600 * 3_600
MINUTE_S = NOW_S // 60 * 60


@pytest.fixture(autouse=True)
def own_signals() -> object:
    """Puts the handler of SIGTERM back, which the command replaces."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Archive:
    archive = Archive()
    archive.history.points = {
        "/a": [point(MINUTE_S - 60 * n, 60, 1.5, 2) for n in range(1, 31)],
        "/b": [point(HOUR_S - 3_600, 3_600, 0.5)],
    }
    return archive


def export(*pages: str, as_json: bool = False, output: str | None = None, **span: str) -> int:
    return run("http://a.test", pages, as_json=as_json, output=output, token=None, insecure=False, **span)


def test_a_table_has_every_step_of_every_page(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(archive, monkeypatch)
    assert export(from_="2h", step="hour") == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [row["page"] for row in rows] == ["/a"] * 3 + ["/b"] * 3
    assert [row["visitors_mean"] for row in rows] == ["", "", "", "", "0.5", ""]
    assert rows[4]["start"] == "2026-11-27T11:00:00+09:00"
    assert [row["gap"] for row in rows[3:5]] == ["true", "false"]


def test_where_the_server_refuses_nothing_is_written(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(archive, monkeypatch)
    with pytest.raises(RemoteError, match="from must be a moment"):
        export(from_="soon")
    assert capsys.readouterr().out == ""


def test_where_there_is_no_page_the_table_has_its_headings(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.history.points = {}
    serve(archive, monkeypatch)
    assert export() == 0
    assert capsys.readouterr().out.startswith("page,start,")


def test_a_table_of_one_part_is_the_one_that_the_server_writes(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(archive, monkeypatch)
    export("/a", from_="1h", step="minute")
    body = archive.ask("/api/history?page=/a&from=1h&step=minute&format=csv").body
    assert capsys.readouterr().out == body.decode().replace("\r\n", "\n")


def test_a_long_history_comes_in_parts_and_each_point_once(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(exporting, "_POINTS", 7)
    monkeypatch.setattr(exporting, "_PAGES", 1)
    server = serve(archive, monkeypatch)
    assert export(as_json=True, from_="1h", step="minute") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    starts = list(range(MINUTE_S - 59 * 60, MINUTE_S + 60, 60))
    assert [(row["page"], row["start_s"]) for row in rows] == [
        (page, s) for page in ("/a", "/b") for s in starts
    ]
    assert sum(row["visitors"] is not None for row in rows) == 30
    assert len(server.asked) == 2 + 2 * 9


def test_all_pages_have_the_time_that_the_first_has(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = serve(archive, monkeypatch)
    answer = server.answer

    def later(target: str) -> Answer:
        archive.now_s += 3_600
        return answer(target)

    server.answer = later
    export(as_json=True)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    spans = {
        page: (
            min(r["start_s"] for r in rows if r["page"] == page),
            max(r["start_s"] for r in rows if r["page"] == page),
        )
        for page in ("/a", "/b")
    }
    assert spans["/a"] == spans["/b"]


def test_a_file_is_there_when_all_of_it_is(
    archive: Archive,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    serve(archive, monkeypatch)
    path = tmp_path / "history.csv"
    path.write_text("before")
    assert export("/b", output=str(path)) == 0
    assert path.read_text().startswith("page,start,")
    assert path.stat().st_mode & 0o777 == 0o666 & ~exporting._umask()
    archive.history.error = HistoryError("the disk is gone")
    archive.clock.spend(10)
    monkeypatch.setattr("nannin.cli.reader._TRIES", 1)
    with pytest.raises(RemoteError, match="history can't be read now"):
        export("/b", output=str(path))
    assert path.read_text().startswith("page,start,")
    assert [found.name for found in tmp_path.iterdir()] == ["history.csv"]
    assert capsys.readouterr().out == ""


def test_what_is_no_file_is_written_to_as_it_is(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(archive, monkeypatch)
    assert export("/b", output="/dev/null") == 0
    assert export("/b", output="-") == 0
    assert capsys.readouterr().out.startswith("page,start,")


def test_a_file_that_can_not_be_written_is_a_mistake_of_the_command(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    serve(archive, monkeypatch)
    with pytest.raises(SettingsError, match=r"--output .*: No such file or directory"):
        export(output=str(tmp_path / "none" / "x.csv"))
    with pytest.raises(SettingsError, match=r"--output .*: Is a directory"):
        export(output=str(tmp_path))


def test_a_disk_that_is_full_is_one_line(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(archive, monkeypatch)
    with pytest.raises(OutputError, match="--output /dev/full: No space left on device"):
        export("/b", output="/dev/full")


def test_a_link_stays_one(archive: Archive, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    serve(archive, monkeypatch)
    (tmp_path / "link.csv").symlink_to(tmp_path / "history.csv")
    export("/b", output=str(tmp_path / "link.csv"))
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "history.csv").read_text().startswith("page,start,")


def test_what_is_no_page_is_a_mistake_of_the_command() -> None:
    with pytest.raises(SettingsError, match="--page must start with /, not news"):
        export("news")


@pytest.mark.parametrize(
    "body",
    [
        b'{"page":"/a","from_s":9,"to_s":99,"step":"hour","zone":"UTC","points":[],"next_s":9}',
        b'{"pages":["/a"],"next":""}',
    ],
)
def test_a_server_that_never_ends_is_not_followed(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    server = CannedServer(lambda target: Answer(200, body))
    monkeypatch.setattr("nannin.cli.remote.Address.connect", lambda address: server.connect(address))
    with pytest.raises(RemoteError, match="does not go on"):
        export(*(["/a"] if b"points" in body else []))


def test_sigterm_ends_it_as_ctrl_c_does(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(archive, monkeypatch)
    export("/b", output="/dev/null")
    handler = signal.getsignal(signal.SIGTERM)
    assert callable(handler)
    with pytest.raises(SystemExit) as caught:
        handler(signal.SIGTERM, None)
    assert caught.value.code == 143
    assert sys.stdout is not None
