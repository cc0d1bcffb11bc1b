"""What a person types, and what is answered."""

from __future__ import annotations

import os
import pathlib
import time

import pytest
from click.testing import CliRunner

import nannin.cli.watch.command
import nannin.server.process
import nannin.server.supervisor
from nannin.access.admission import Verdict
from nannin.access.tokens import Tokens
from nannin.cli.command import cli, main
from nannin.errors import ApplicationError, BindError
from nannin.settings import FILE_OF, SETTINGS, Settings

SECRET = "0123456789abcdef"


pytestmark = pytest.mark.usefixtures("own_environment")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings of each server that would have been started."""
    served: list[Settings] = []

    def serve(settings: Settings, announce: object) -> int:
        served.append(settings)
        return 0

    monkeypatch.setattr(nannin.server.process, "serve", serve)
    return served


@pytest.fixture
def supervised(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings of each server with workers that would have been started."""
    supervised: list[Settings] = []

    def serve(settings: Settings, announce: object) -> int:
        supervised.append(settings)
        return 0

    monkeypatch.setattr(nannin.server.supervisor, "serve_with_workers", serve)
    return supervised


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 2) -> str:
    """The one line on standard error that ends the command."""
    assert main(list(arguments)) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err.rstrip("\n")


@pytest.mark.parametrize("arguments", [[], ["serve"]])
def test_the_command_alone_serves(served: list[Settings], arguments: list[str]) -> None:
    assert main(arguments) == 0
    assert served == [Settings()]


@pytest.mark.parametrize("arguments", [["--port", "9000"], ["serve", "--port", "9000"], ["--port=9000"]])
def test_options_are_read_with_and_without_the_name_of_the_command(
    served: list[Settings], arguments: list[str]
) -> None:
    assert main(arguments) == 0
    assert served == [Settings(port=9000)]


def test_every_setting_is_an_option(served: list[Settings]) -> None:
    values = {
        "host": "::1",
        "port": "1",
        "root_path": "/live",
        "forwarded_allow_ips": "10.0.0.0/8",
        "log_level": "debug",
        "log_format": "json",
        "app": "app.py:live",
        "ssl_certfile": "c.pem",
        "ssl_keyfile": "k.pem",
        "ping_interval": "0.3",
        "ping_timeout": "0.2",
        "connect_timeout": "1",
        "upgrade_timeout": "2",
        "share": "0.5",
        "min_interval": "0.1",
        "max_interval": "0.2",
        "recover": "3",
        "grace": "0",
        "grace_lost": "0.5",
        "pages": "/",
        "groups": "/shop/*",
        "page_secret": SECRET,
        "emit_token": SECRET,
        "read_token": SECRET,
        "allow_origins": "https://a.test",
        "hosts": "a.test",
        "hook_networks": "10.0.0.0/8",
        "max_payload": "1000000",
        "max_attachments": "0",
        "max_per_address": "7",
        "new_per_address": "8",
        "max_guesses": "19",
        "head_timeout": "15.5",
        "max_headers": "16",
        "max_header_bytes": "1700",
        "body_timeout": "18.5",
        "max_messages": "11",
        "max_burst": "12",
        "max_joins": "13",
        "max_pages": "14",
        "max_namespaces": "1",
        "max_observed": "2",
        "max_recovery": "3",
        "max_outbox": "9",
        "max_auth": "6",
        "max_recovery_total": "4",
        "max_handlers": "5",
        "max_connections": "15",
        "spare_descriptors": "16",
        "drain": "17",
        "workers": "1",
        "redis": "redis://127.0.0.1:6379/0",
        "redis_prefix": "mine",
        "redis_emitters": "theirs",
        "history": "postgresql://127.0.0.1/nannin",
        "data_dir": "data",
        "history_minutes": "3",
        "history_hours": "30",
        "history_pages": "300",
        "timezone": "Asia/Tokyo",
    }
    switches = {"open": False, "reload": False, "public": False, "recover_all": False}
    others = dict.fromkeys(FILE_OF.values(), "secret")  # each excludes the secret itself
    others |= {"uds": "x.sock", "fd": "3"}  # each excludes the port
    others |= {"redis_file": "address", "history_file": "database"}
    pathlib.Path("secret").write_text(SECRET)
    pathlib.Path("address").write_text("redis://127.0.0.1")
    pathlib.Path("database").write_text("postgresql://127.0.0.1")
    assert values.keys() | switches.keys() | others.keys() | {"hooks"} == SETTINGS.keys()
    arguments = [part for name, value in values.items() for part in (SETTINGS[name].flag, value)]
    assert main([*arguments, "--no-open", "--no-reload", "--no-public", "--no-recover-all"]) == 0
    for name, value in values.items():
        got = getattr(served[0], name)
        assert got == ((value,) if isinstance(got, tuple) else type(got)(value)), name
    assert {name: getattr(served[0], name) for name in switches} == switches
    for name, value in others.items():
        assert main([SETTINGS[name].flag, value]) == 0
        assert str(getattr(served[-1], name)) == value


def test_no_history_is_short_for_history_off(
    served: list[Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([]) == 0
    assert main(["--no-history"]) == 0
    assert [settings.history for settings in served] == [None, "off"]
    assert main(["--no-history", "--history", "on"]) == 2
    assert "exclude each other" in capsys.readouterr().err


def test_hooks_may_be_given_as_json(served: list[Settings]) -> None:
    assert main(["--hooks", '[{"on": "vacated", "page": "/", "command": ["true"]}]']) == 0
    assert [hook.command for hook in served[0].hooks] == [("true",)]


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("allow_origins", "https://a.test", "https://b.test"),
        ("pages", "/", "/news/*"),
        ("page_secret", SECRET, SECRET[::-1]),
    ],
)
def test_what_there_may_be_several_of_may_be_given_one_by_one(
    served: list[Settings], name: str, first: str, second: str
) -> None:
    flag = SETTINGS[name].flag
    assert main([flag, first, flag, second]) == 0
    assert main([flag, f"{first},{second}"]) == 0
    assert [getattr(settings, name) for settings in served] == [(first, second)] * 2


def test_a_flag_wins_over_the_environment_and_that_over_the_file(served: list[Settings]) -> None:
    pathlib.Path("nannin.toml").write_text("port = 3\nping_interval = 3\nping_timeout = 3")
    os.environ.update(NANNIN_PORT="2", NANNIN_PING_INTERVAL="2")
    assert main(["--port", "1"]) == 0
    assert (served[0].port, served[0].ping_interval, served[0].ping_timeout) == (1, 2.0, 3.0)


def test_a_file_can_be_named(served: list[Settings]) -> None:
    pathlib.Path("other.toml").write_text("port = 4")
    assert main(["--config", "other.toml"]) == 0
    assert served[0].port == 4


def test_flags_reach_the_application_through_the_environment(served: list[Settings]) -> None:
    pathlib.Path("nannin.toml").write_text("max_namespaces = 5")
    assert main(["--ping-interval", "0.3"]) == 0
    assert os.environ["NANNIN_PING_INTERVAL"] == "0.3"
    assert os.environ["NANNIN_CONFIG"] == os.path.abspath("nannin.toml")


def test_a_wrong_option_is_one_line_and_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    line = 'nannin: --port must be a whole number from 0 to 65535, not "abc"'
    assert refusal(capsys, "--port", "abc") == line
    assert (
        refusal(capsys, "--config", "no.toml") == "nannin: no.toml can't be read: No such file or directory"
    )
    assert refusal(capsys, "--ssl-keyfile", "k.pem") == "nannin: --ssl-keyfile needs --ssl-certfile as well"


def test_a_wrong_variable_or_file_is_one_line_and_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    pathlib.Path("nannin.toml").write_text("prot = 1")
    line = 'nannin: nannin.toml has an unknown setting "prot"; did you mean port?'
    assert refusal(capsys, "serve") == line
    pathlib.Path("nannin.toml").unlink()
    os.environ["NANNIN_PROT"] = "1"
    assert refusal(capsys) == "nannin: NANNIN_PROT is not a setting; did you mean NANNIN_PORT?"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--page-secret", "hush"],
        ["--page-secret=hush"],
        ["--page-secrt=hush"],
        ["--emit-token", "hush"],
        ["--emit-token=hush", "--emit-token"],
    ],
)
def test_a_wrong_secret_is_not_shown(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert "hush" not in refusal(capsys, *arguments)


def test_a_secret_is_not_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    os.environ.update(NANNIN_PAGE_SECRET=SECRET, NANNIN_EMIT_TOKEN=SECRET)
    assert main(["--help"]) == 0
    assert SECRET not in capsys.readouterr().out


def test_an_unknown_option_or_command_is_one_line_and_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal(capsys, "--prot", "1").startswith("nannin: No such option")
    for word, hint in (
        ("srve", "; did you mean serve?"),
        ("start", "; did you mean serve?"),
        ("app.py:live", "; an application is served with: nannin serve --app app.py:live"),
        ("zzz", "; nannin --help lists the commands"),
    ):
        assert refusal(capsys, word).startswith(f"nannin: No such command '{word}'{hint}")
    assert refusal(capsys, "serve", "what").startswith("nannin: Got unexpected extra argument")
    assert refusal(capsys, "--port").startswith("nannin: Option '--port' requires an argument")


def test_several_workers_need_a_supervisor(
    served: list[Settings], supervised: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nannin.server.cores.usable_cores", lambda: 8)
    assert main(["--workers", "3"]) == main(["--workers", "0"]) == 0
    assert ([one.workers for one in supervised], served) == ([3, 8], [])
    assert main(["--workers", "1"]) == 0
    monkeypatch.setattr("nannin.server.cores.usable_cores", lambda: 1)
    assert main(["--workers", "0"]) == 0
    monkeypatch.setenv("_NANNIN_WORKER", "0,0,2,5")  # a worker itself
    assert main(["--workers", "2"]) == 0
    assert ([one.workers for one in served], len(supervised)) == ([1, 1, 2], 2)


@pytest.mark.parametrize(("error", "code"), [(ApplicationError("no\nway"), 2), (BindError("no\nway"), 1)])
def test_what_the_server_refuses_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    def serve(settings: Settings, announce: object) -> int:
        raise error

    monkeypatch.setattr(nannin.server.process, "serve", serve)
    assert refusal(capsys, code=code) == "nannin: no way"


def test_an_interrupt_before_anything_is_served_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def serve(settings: Settings, announce: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(nannin.server.process, "serve", serve)
    assert main([]) == 130
    assert capsys.readouterr().err.strip() == ""


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["serve", "--help"]])
def test_the_help_shows_every_setting_with_its_default_in_sections(arguments: list[str]) -> None:
    result = CliRunner().invoke(cli, arguments, terminal_width=110)
    assert result.exit_code == 0
    for setting in SETTINGS.values():
        assert setting.flag in result.output
    for heading in ("Server:", "TLS:", "Sessions (seconds; fractions allowed):", "Limits:", "Other:"):
        assert f"\n{heading}\n" in result.output
    assert "Port to listen on; 0 takes a free one. [8124]" in result.output
    assert "--config PATH" in result.output


def test_the_help_warns_of_a_secret_on_the_command_line() -> None:
    said = " ".join(CliRunner().invoke(cli, ["serve", "--help"]).output.split()).replace("- ", "-")
    for name, file in FILE_OF.items():
        assert f"Others see it in ps; {SETTINGS[name].flag}-file hides it." in said
        assert f"{SETTINGS[file].flag} PATH" in said


def test_the_help_cuts_no_sentence_off() -> None:
    result = CliRunner().invoke(cli, ["--help"], terminal_width=80)
    assert "..." not in result.output.partition("Server:")[0]
    assert "Measure a running server." in result.output


def test_a_token_is_printed_that_the_server_takes(capsys: pytest.CaptureFixture[str]) -> None:
    os.environ["NANNIN_PAGE_SECRET"] = f"{SECRET},{SECRET[::-1]}"
    assert main(["token", "/人"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert Tokens([SECRET]).judge("/人", captured.out.removesuffix("\n"), 1e12) is Verdict.VALID


@pytest.mark.parametrize(("span", "seconds"), [("90s", 90), ("15m", 900), ("1h", 3_600), ("7d", 604_800)])
def test_a_token_may_end_after_a_time(capsys: pytest.CaptureFixture[str], span: str, seconds: int) -> None:
    os.environ["NANNIN_PAGE_SECRET"] = SECRET
    before = int(time.time())
    assert main(["token", "/x", "--expires", span]) == 0
    token, after = capsys.readouterr().out.removesuffix("\n"), int(time.time())
    assert Tokens([SECRET]).judge("/x", token, before + seconds - 1) is Verdict.VALID
    assert Tokens([SECRET]).judge("/x", token, after + seconds) is Verdict.EXPIRED


@pytest.mark.parametrize("span", ["", "1", "h", "0s", "1.5h", "-1h", "1w", "1h ", "99999999s"])
def test_a_time_that_is_none_is_refused(capsys: pytest.CaptureFixture[str], span: str) -> None:
    os.environ["NANNIN_PAGE_SECRET"] = SECRET
    line = f"nannin: --expires must be a time such as 90s, 15m, 1h or 7d, not {span!r}"
    assert refusal(capsys, "token", "/x", "--expires", span) == line


def test_a_token_is_made_with_the_secret_of_a_file_that_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    pathlib.Path("other.toml").write_text(f'page_secret = "{SECRET}"')
    assert main(["token", "--config", "other.toml", "/x"]) == 0
    assert capsys.readouterr().out == Tokens([SECRET]).sign("/x") + "\n"


def test_there_is_no_token_without_a_secret(capsys: pytest.CaptureFixture[str]) -> None:
    line = (
        "nannin: a token needs a secret, the server's: set NANNIN_PAGE_SECRET, or page_secret in nannin.toml"
    )
    assert refusal(capsys, "token", "/x") == line


@pytest.mark.parametrize("page", ["x", "", "/a,b", "/" + "x" * 255, "/\x1b[2J"])
def test_there_is_no_token_for_what_can_be_no_page(capsys: pytest.CaptureFixture[str], page: str) -> None:
    os.environ["NANNIN_PAGE_SECRET"] = SECRET
    assert refusal(capsys, "token", page).startswith("nannin: PAGE must start with /")


def test_a_server_is_watched_where_the_environment_or_the_file_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    watched: list[str] = []

    def run(url: str, pages: object, **options: object) -> int:
        watched.append(url)
        return 0

    monkeypatch.setattr(nannin.cli.watch.command, "run", run)
    assert main(["watch"]) == 0
    pathlib.Path("nannin.toml").write_text("port = 9001")
    assert main(["watch"]) == 0
    os.environ["NANNIN_PORT"] = "9002"
    assert main(["watch"]) == 0
    assert main(["watch", "https://live.test"]) == 0
    assert watched == [*(f"http://127.0.0.1:{port}" for port in (8124, 9001, 9002)), "https://live.test"]
    os.environ.update(NANNIN_EMIT_TOKEN=SECRET)
    assert main(["emit", "--event", "x"]) == 1
    assert "nannin: http://127.0.0.1:9002: " in capsys.readouterr().err


@pytest.mark.parametrize("command", ["watch", "emit"])
def test_the_help_says_where_a_server_is_looked_for(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "[URL]" in said
    assert "or else http://127.0.0.1:8124" in said


@pytest.mark.parametrize(("is_native", "words"), [(True, "in C"), (False, "in Python")])
def test_the_version_is_told_and_how_it_sends_to_many(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], is_native: bool, words: str
) -> None:
    monkeypatch.setattr("nannin.engine.send_all.IS_NATIVE", is_native)
    assert main(["--version"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("nannin 0.")
    assert out.endswith(f" (sends to many {words})\n")
