"""`nannin check`: the settings in force, their sources, and whether the server could be started."""

from __future__ import annotations

import os
import pathlib
import socket

import pytest

from nannin.cli.check import describe_source, shown
from nannin.cli.command import main
from nannin.settings import SETTINGS

SECRET = "0123456789abcdef"


pytestmark = pytest.mark.usefixtures("own_environment")


def rows(printed: str) -> dict[str, list[str]]:
    """The table: a value and a source for each setting."""
    lines = printed.partition("\n\n")[0].splitlines()
    return {words[0]: [words[1], " ".join(words[2:])] for words in map(str.split, lines)}


def test_each_setting_is_shown_with_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    pathlib.Path("nannin.toml").write_text("grace = 3\nping_interval = 10")
    pathlib.Path("app.py").write_text("from nannin import Live\nlive = Live(share=0.5, ping_interval=9)")
    os.environ.update(NANNIN_MAX_NAMESPACES="5", NANNIN_PAGES="/,/news/*", NANNIN_EMIT_TOKEN=SECRET)
    assert main(["check", "--port", "0", "--app", "app.py:live", "--no-public"]) == 0
    printed = capsys.readouterr().out
    assert printed.endswith("\n\nThe server can be started.\n")
    table = rows(printed)
    assert list(table) == list(SETTINGS)
    assert table["port"] == ["0", "--port"]
    assert table["grace"] == ["3", "nannin.toml"]
    assert table["ping_interval"] == ["10", "nannin.toml"]
    assert table["max_namespaces"] == ["5", "NANNIN_MAX_NAMESPACES"]
    assert table["pages"] == ["/,/news/*", "NANNIN_PAGES"]
    assert table["share"] == ["0.5", "the application's code"]
    assert table["public"] == ["false", "--public"]
    assert table["ping_timeout"] == ["20", "default"]
    assert table["emit_token"] == ["(hidden)", "NANNIN_EMIT_TOKEN"]
    assert SECRET not in printed


def test_a_long_value_makes_no_other_line_longer(capsys: pytest.CaptureFixture[str]) -> None:
    os.environ["NANNIN_PAGES"] = ",".join(f"/news/{number}" for number in range(40))
    assert main(["check", "--port", "0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    [long] = [line for line in lines if len(line) > 90]
    assert long.split() == ["pages", os.environ["NANNIN_PAGES"], "NANNIN_PAGES"]


def test_that_nannins_own_page_keeps_history_is_no_application_saying_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", "--port", "0"]) == 0
    assert rows(capsys.readouterr().out)["history"] == ["on", "default"]
    pathlib.Path("app.py").write_text("from nannin import Live\nlive = Live(history=True)")
    assert main(["check", "--port", "0", "--app", "app.py:live"]) == 0
    assert rows(capsys.readouterr().out)["history"] == ["on", "the application's code"]


@pytest.mark.parametrize(
    ("program", "arguments", "row"),
    [
        ("", [], ["16384", "default"]),
        ("", ["--max-payload", "500"], ["500", "--max-payload"]),
        ("from nannin import Live; app = Live()", [], ["16384", "default"]),
        ("from nannin import Live; app = Live(); app.on('say')(print)", [], ["1000000", "default"]),
        ("from nannin import Live; app = Live(max_payload=70)", [], ["70", "the application's code"]),
        ("async def app(scope, receive, send): ...", [], ["1000000", "default"]),
    ],
)
def test_the_max_payload_that_is_shown_is_the_one_in_force(
    capsys: pytest.CaptureFixture[str], program: str, arguments: list[str], row: list[str]
) -> None:
    pathlib.Path("app.py").write_text(program)
    arguments += ["--app", "app.py:app"] if program else []
    assert main(["check", "--port", "0", *arguments]) == 0
    assert rows(capsys.readouterr().out)["max_payload"] == row


@pytest.mark.parametrize(
    ("program", "arguments", "messages", "burst"),
    [
        ("", [], ["100", "default"], ["20", "default"]),
        ("", ["--max-messages", "900"], ["900", "--max-messages"], ["90", "default"]),
        (
            "from nannin import Live; app = Live(); app.on('say')(print)",
            [],
            ["6000", "default"],
            ["600", "default"],
        ),
        (
            "from nannin import Live; app = Live(max_burst=7)",
            [],
            ["100", "default"],
            ["7", "the application's code"],
        ),
    ],
)
def test_the_rate_of_messages_that_is_shown_is_the_one_in_force(
    capsys: pytest.CaptureFixture[str],
    program: str,
    arguments: list[str],
    messages: list[str],
    burst: list[str],
) -> None:
    pathlib.Path("app.py").write_text(program)
    app = ["--app", "app.py:app"] if program else []
    assert main(["check", "--port", "0", *app, *arguments]) == 0
    table = rows(capsys.readouterr().out)
    assert (table["max_messages"], table["max_burst"]) == (messages, burst)


def test_connections_without_a_limit_of_their_own_are_not_shown_as_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", "--port", "0"]) == 0
    assert rows(capsys.readouterr().out)["max_connections"] == ["-", "default"]
    assert main(["check", "--port", "0", "--max-connections", "5"]) == 0
    assert rows(capsys.readouterr().out)["max_connections"] == ["5", "--max-connections"]


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["--port", "x"], 2, '--port must be a whole number from 0 to 65535, not "x"'),
        (["--ssl-certfile", "no.pem"], 2, "no.pem can't be read: No such file or directory"),
        (["--app", "no.py"], 2, "there is no file no.py"),
        (["--fd", "77"], 1, "can't listen on descriptor 77: Bad file descriptor"),
        (["--uds", "no/n.sock"], 1, "can't listen on no/n.sock: there is no folder no; make it first"),
    ],
)
def test_what_is_wrong_is_one_line_with_its_code(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, line: str
) -> None:
    assert main(["check", *arguments]) == code
    assert capsys.readouterr().err == f"nannin: {line}\n"


def test_as_many_workers_are_shown_as_there_would_be(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nannin.server.cores.usable_cores", lambda: 6)
    assert main(["check", "--port", "0", "--workers", "0"]) == 0
    assert rows(capsys.readouterr().out)["workers"] == ["6", "--workers"]


def test_a_port_that_is_taken_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["check", "--port", port]) == 1
    why = "Address already in use; choose another port with --port or NANNIN_PORT"
    assert capsys.readouterr().err == f"nannin: can't listen on 127.0.0.1, port {port}: {why}\n"


def test_a_socket_file_is_tried_and_removed(tmp_path: pathlib.Path) -> None:
    assert main(["check", "--uds", "n.sock"]) == 0
    assert not (tmp_path / "n.sock").exists()


def test_values_are_shown_as_a_person_reads_them() -> None:
    assert [shown("grace", 2.0), shown("open", True), shown("uds", None)] == ["2", "true", "-"]
    assert shown("page_secret", (SECRET,)) == "(hidden)"
    assert shown("history", "postgresql://user:word@db") == "(hidden)"
    assert shown("history", "off") == "off"
    assert [shown("pages", ()), shown("pages", ("/a", "/b"))] == ["-", "/a,/b"]


def test_a_source_is_named_as_a_person_knows_it() -> None:
    sources = ["--port", "NANNIN_PORT", "port in other.toml", None]
    assert list(map(describe_source, sources)) == ["--port", "NANNIN_PORT", "other.toml", "default"]
