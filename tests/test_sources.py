"""Where a setting comes from, and what is said about a wrong one."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from nannin.errors import SettingsError
from nannin.settings import SETTINGS, Settings
from nannin.sources import check_code, load, load_with_sources, to_environ


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Runs each test in an empty folder, so that no nannin.toml is found by chance."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_toml(text: str, name: str = "nannin.toml") -> None:
    pathlib.Path(name).write_text(text, encoding="utf-8")


def refusal(**sources: Any) -> str:
    """The one line that `load` refuses these sources with."""
    with pytest.raises(SettingsError) as caught:
        load(**{"environ": {}, **sources})
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_without_any_source_the_defaults_hold() -> None:
    settings = load(environ={})
    assert settings == Settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8124)
    assert (settings.ping_interval, settings.ping_timeout) == (25.0, 20.0)
    assert (settings.max_payload, settings.max_outbox) == (0, 65536)
    assert (settings.allow_origins, settings.pages, settings.public) == ((), (), True)
    assert (settings.grace, settings.grace_lost, settings.recover) == (2.0, 10.0, 120.0)
    assert (settings.max_observed, settings.max_recovery) == (100, 4_194_304)
    assert settings.page_secret is None
    assert settings.emit_token is None


def test_a_flag_wins_over_environment_file_and_code() -> None:
    write_toml("ping_interval = 3")
    environ = {"NANNIN_PING_INTERVAL": "2"}
    assert load({"ping_interval": "1"}, environ, defaults={"ping_interval": 4}).ping_interval == 1.0


def test_the_environment_wins_over_file_and_code() -> None:
    write_toml("ping_interval = 3")
    assert load({}, {"NANNIN_PING_INTERVAL": "2"}, defaults={"ping_interval": 4}).ping_interval == 2.0


def test_the_file_wins_over_the_code() -> None:
    write_toml("ping_interval = 3")
    assert load({}, {}, defaults={"ping_interval": 4}).ping_interval == 3.0


def test_the_code_wins_over_the_default() -> None:
    assert load({}, {}, defaults={"ping_interval": 4}).ping_interval == 4.0


def test_a_flag_that_is_none_was_not_given() -> None:
    assert load({"port": None}, {"NANNIN_PORT": "9000"}).port == 9000


def test_the_environment_is_read_when_load_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NANNIN_PORT", "9001")
    assert load().port == 9001


def test_variables_of_others_are_left_alone() -> None:
    assert load(environ={"PORT": "1", "NANNINX": "2", "HOME": "/"}) == Settings()


def test_the_choice_of_the_python_twin_is_no_setting() -> None:
    assert load({}, {"NANNIN_PURE": "1"}) == load({}, {})


def test_what_kubernetes_says_about_a_service_named_nannin_is_no_setting() -> None:
    pod = {
        "NANNIN_SERVICE_HOST": "10.0.0.1",
        "NANNIN_SERVICE_PORT": "8124",
        "NANNIN_SERVICE_PORT_HTTP": "8124",
        "NANNIN_PORT": "tcp://10.0.0.1:8124",
        "NANNIN_PORT_8124_TCP": "tcp://10.0.0.1:8124",
        "NANNIN_PORT_8124_TCP_ADDR": "10.0.0.1",
    }
    assert load(environ=pod) == Settings()


def test_texts_of_flags_and_variables_are_parsed() -> None:
    settings = load(
        {"port": "0", "ping_timeout": ".5", "root_path": "/live/"},
        {"NANNIN_MAX_PAYLOAD": "1000000", "NANNIN_OPEN": "yes", "NANNIN_ALLOW_ORIGINS": "https://a.test,*"},
    )
    assert (settings.port, settings.ping_timeout, settings.root_path) == (0, 0.5, "/live")
    assert (settings.max_payload, settings.open) == (1_000_000, True)
    assert settings.allow_origins == ("https://a.test", "*")


def test_an_empty_variable_unsets_a_path() -> None:
    write_toml('uds = "x.sock"')
    assert load(environ={"NANNIN_UDS": ""}).uds is None


@pytest.mark.parametrize(("one", "other"), [("port", "uds"), ("uds", "fd"), ("port", "fd")])
def test_the_place_to_listen_is_said_once_by_each_source(one: str, other: str) -> None:
    texts = {"port": "8203", "uds": "x.sock", "fd": "3"}
    given = {name: texts[name] for name in (one, other)}
    line = "{} and {} exclude each other: set one of them"
    assert refusal(flags=dict(given)) == line.format(SETTINGS[one].flag, SETTINGS[other].flag)
    environ = {SETTINGS[name].variable: text for name, text in given.items()}
    assert refusal(flags={}, environ=environ) == line.format(*environ)


def test_of_several_places_to_listen_the_highest_source_has_its_way() -> None:
    write_toml('uds = "x.sock"')
    settings = load({"port": "8203"}, environ={"NANNIN_FD": "3"})
    assert (settings.port, settings.uds, settings.fd) == (8203, None, None)
    settings = load({}, environ={"NANNIN_FD": "3", "NANNIN_HOST": "0.0.0.0"})
    assert (settings.port, settings.uds, settings.fd) == (8124, None, 3)
    settings = load({"uds": "y.sock"}, environ={"NANNIN_PORT": "1"})
    assert (settings.port, settings.uds, settings.fd) == (8124, "y.sock", None)


def test_an_application_that_loads_settings_again_ignores_where_the_server_listens() -> None:
    assert load(environ={"NANNIN_PORT": "1", "NANNIN_UDS": "x.sock"}).ping_interval == 25


def test_an_origin_with_a_path_is_refused_with_the_reason() -> None:
    assert refusal(flags={"allow_origins": "https://a.test/x"}) == (
        '--allow-origins must be origins such as https://example.com, or *, not "https://a.test/x": '
        "an origin ends after the host and the port"
    )


def test_the_source_of_each_setting_that_is_not_the_default_is_known() -> None:
    write_toml("port = 1\ngrace = 3")
    _, sources = load_with_sources(
        {"port": "2"}, environ={"NANNIN_SHARE": "0.1"}, defaults={"ping_interval": 10}
    )
    assert sources == {
        "ping_interval": "ping_interval (in the code)",
        "port": "--port",
        "grace": "grace in nannin.toml",
        "share": "NANNIN_SHARE",
    }


def test_origins_come_as_an_array_from_the_file_and_as_any_of_these_from_the_code() -> None:
    write_toml('allow_origins = ["https://a.test", "capacitor://localhost"]')
    assert load(environ={}).allow_origins == ("https://a.test", "capacitor://localhost")
    write_toml("")
    for value in ("https://a.test", ["https://a.test"], ("https://a.test",)):
        assert load(environ={}, defaults={"allow_origins": value}).allow_origins == ("https://a.test",)


def test_a_file_of_another_name_is_read_when_it_is_named() -> None:
    write_toml("port = 9002", "other.toml")
    assert load({}, {}).port == 8124
    assert load({}, {}, "other.toml").port == 9002
    assert load({}, {"NANNIN_CONFIG": "other.toml"}).port == 9002


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("port", "abc", "a whole number from 0 to 65535"),
        ("port", "65536", "a whole number from 0 to 65535"),
        ("port", "-1", "a whole number from 0 to 65535"),
        ("port", "8_124", "a whole number from 0 to 65535"),
        ("port", "８１２４", "a whole number from 0 to 65535"),
        ("port", "8124.0", "a whole number from 0 to 65535"),
        ("port", "", "a whole number from 0 to 65535"),
        ("host", "", "a text that is not empty"),
        ("log_level", "loud", "one of critical, error, warning, info, debug, trace"),
        ("open", "perhaps", "true or false"),
        ("root_path", "live", "a path such as /live, in ASCII"),
        ("root_path", "/a//b", "a path such as /live, in ASCII"),
        ("root_path", "/a?b", "a path such as /live, in ASCII"),
        ("root_path", "/人", "a path such as /live, in ASCII"),
        ("ping_interval", "0", "a number of seconds over 0 and up to 1000000"),
        ("ping_interval", "-1", "a number of seconds over 0 and up to 1000000"),
        ("ping_interval", "nan", "a number of seconds over 0 and up to 1000000"),
        ("ping_timeout", "inf", "a number of seconds over 0 and up to 1000000"),
        ("connect_timeout", "1e9", "a number of seconds over 0 and up to 1000000"),
        ("upgrade_timeout", "10s", "a number of seconds over 0 and up to 1000000"),
        ("min_interval", "-1", "a number of seconds from 0 to 1000000"),
        ("share", "0", "a number over 0 and up to 1"),
        ("share", "1.1", "a number over 0 and up to 1"),
        ("max_payload", "63", "0 or a whole number from 64 to 1073741824"),
        ("max_namespaces", "0", "a whole number from 1 to 1073741824"),
        ("grace", "-1", "a number of seconds from 0 to 1000000"),
        ("grace_lost", "1e3", "a number of seconds from 0 to 1000000"),
        ("recover", "", "a number of seconds from 0 to 1000000"),
        ("max_observed", "-1", "a whole number from 0 to 1073741824"),
        ("max_recovery", "-1", "a whole number from 0 to 1099511627776"),
        ("pages", "/,news", "page keys such as / or /news/*, each of at most 255 bytes"),
        ("public", "perhaps", "true or false"),
        ("allow_origins", "https://", "origins such as https://example.com, or *"),
        ("fd", "stdin", "the number of an open socket, such as 3"),
    ],
)
def test_a_wrong_text_is_refused_by_the_name_of_its_source(name: str, text: str, expected: str) -> None:
    setting = SETTINGS[name]
    assert refusal(flags={name: text}) == f'{setting.flag} must be {expected}, not "{text}"'
    assert refusal(environ={setting.variable: text}) == f'{setting.variable} must be {expected}, not "{text}"'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("example.com", "an origin starts with https:// or http://"),
        ("https://*.example.com", "an origin has no wildcard: name each of them, or * for all"),
        ("https://a.test http://b.test", "separate origins with commas, not with spaces"),
    ],
)
def test_a_wrong_origin_is_refused_with_the_reason(text: str, why: str) -> None:
    line = f'--allow-origins must be origins such as https://example.com, or *, not "{text}": {why}'
    assert refusal(flags={"allow_origins": text}) == line


@pytest.mark.parametrize(
    ("toml", "line"),
    [
        ('port = "8124"', 'port in nannin.toml must be a whole number from 0 to 65535, not "8124"'),
        ("port = 81.5", "port in nannin.toml must be a whole number from 0 to 65535, not 81.5"),
        ("port = true", "port in nannin.toml must be a whole number from 0 to 65535, not true"),
        ("host = 1", "host in nannin.toml must be a text that is not empty, not 1"),
        ("open = 1", "open in nannin.toml must be true or false, not 1"),
        ("uds = 7", "uds in nannin.toml must be a path, not 7"),
        ('uds = ""', 'uds in nannin.toml must be a path, not ""'),
        (
            "log_level = []",
            "log_level in nannin.toml must be one of critical, error, warning, info, debug, trace, not []",
        ),
        ("root_path = 1", "root_path in nannin.toml must be a path such as /live, in ASCII, not 1"),
        (
            "ping_interval = nan",
            "ping_interval in nannin.toml must be a number of seconds over 0 and up to 1000000, not NaN",
        ),
        (
            "ping_interval = true",
            "ping_interval in nannin.toml must be a number of seconds over 0 and up to 1000000, not true",
        ),
        (
            "allow_origins = [1]",
            "allow_origins in nannin.toml must be origins such as https://example.com, or *, not [1]",
        ),
        (
            "allow_origins = 1979-05-27",
            "allow_origins in nannin.toml must be origins such as https://example.com, or *, "
            'not "datetime.date(1979, 5, 27)"',
        ),
        ("prot = 1", 'nannin.toml has an unknown setting "prot"; did you mean port?'),
        (
            "ping-interval = 1",
            'nannin.toml has an unknown setting "ping-interval"; did you mean ping_interval?',
        ),
        (
            "[server]\nport = 1",
            'nannin.toml has no table "[server]": put each of its keys at the top level',
        ),
        ("[pages]\nx = 1", 'nannin.toml has no table "[pages]": put each of its keys at the top level'),
    ],
)
def test_a_wrong_value_in_the_file_is_refused_by_its_key(toml: str, line: str) -> None:
    write_toml(toml)
    assert refusal() == line


TOO_SHORT = "hush-hush-hush!"
SECRETS_EXPECTED = "at least 16 characters for each secret"
TOKEN_EXPECTED = "at least 16 letters, digits and signs in ASCII, without a space"


@pytest.mark.parametrize(
    ("name", "expected"), [("page_secret", SECRETS_EXPECTED), ("emit_token", TOKEN_EXPECTED)]
)
def test_a_wrong_secret_is_refused_from_every_source_and_shown_by_none(name: str, expected: str) -> None:
    setting = SETTINGS[name]
    assert refusal(flags={name: TOO_SHORT}) == f"{setting.flag} must be {expected}"
    assert refusal(environ={setting.variable: TOO_SHORT}) == f"{setting.variable} must be {expected}"
    assert refusal(defaults={name: TOO_SHORT}) == f"{name} (in the code) must be {expected}"
    write_toml(f'{name} = "{TOO_SHORT}"')
    assert refusal() == f"{name} in nannin.toml must be {expected}"
    write_toml(f'{name} = ["{TOO_SHORT}", 1]')
    assert refusal() == f"{name} in nannin.toml must be {expected}"
    with pytest.raises(SettingsError) as caught:
        Settings(**{name: TOO_SHORT})  # type: ignore[arg-type]
    assert str(caught.value) == f"{name} must be {expected}"


def test_a_file_with_a_secret_that_is_not_toml_does_not_show_it() -> None:
    for text in (
        f"page_secret = {TOO_SHORT}",
        f'page_secret = "{TOO_SHORT}',
        f'page_secret = "{TOO_SHORT}"9',
    ):
        write_toml(text)
        assert "hush" not in refusal()


def test_an_empty_secret_is_none_in_a_flag_or_variable_and_an_error_elsewhere() -> None:
    assert load({"emit_token": ""}, {"NANNIN_PAGE_SECRET": ","}) == Settings()
    assert refusal(defaults={"page_secret": ""}) == f"page_secret (in the code) must be {SECRETS_EXPECTED}"
    assert refusal(defaults={"emit_token": ""}) == f"emit_token (in the code) must be {TOKEN_EXPECTED}"


def test_a_file_that_is_not_toml_is_refused_with_the_place() -> None:
    write_toml("port = ")
    assert refusal().startswith("nannin.toml is not TOML: Invalid value (at")
    pathlib.Path("nannin.toml").write_bytes(b'host = "\xff"')
    assert refusal().startswith("nannin.toml is not TOML: 'utf-8' codec can't decode")


def test_a_named_file_must_exist() -> None:
    assert refusal(toml_path="no.toml") == "no.toml can't be read: No such file or directory"
    assert refusal(environ={"NANNIN_CONFIG": "no.toml"}) == "no.toml can't be read: No such file or directory"
    pathlib.Path("nannin.toml").mkdir()
    assert refusal() == "nannin.toml can't be read: Is a directory"


def test_an_unknown_variable_is_refused_with_a_hint() -> None:
    assert refusal(environ={"NANNIN_PROT": "1"}) == "NANNIN_PROT is not a setting; did you mean NANNIN_PORT?"
    assert refusal(environ={"NANNIN_": "1"}) == "NANNIN_ is not a setting"
    assert refusal(environ={"NANNIN_port": "1"}) == "NANNIN_port is not a setting; did you mean NANNIN_PORT?"


def test_the_code_is_refused_by_the_name_of_the_setting() -> None:
    line = "ping_interval (in the code) must be a number of seconds over 0 and up to 1000000, not -1"
    assert refusal(defaults={"ping_interval": -1}) == line
    line = 'the code has an unknown setting "ping_intervall"; did you mean ping_interval?'
    assert refusal(defaults={"ping_intervall": 1}) == line
    line = (
        "port can't be set in the code, which is read after the server has started: "
        "use --port, NANNIN_PORT or nannin.toml"
    )
    assert refusal(defaults={"port": 1}) == line


def test_the_code_is_checked_even_where_another_source_wins() -> None:
    assert refusal(environ={"NANNIN_PING_TIMEOUT": "1"}, defaults={"ping_timeout": "x"}).startswith(
        "ping_timeout (in the code) must be"
    )


def test_check_code_returns_what_it_has_checked() -> None:
    values = {"ping_interval": 1, "allow_origins": ["*"], "pages": "/,/news/*", "public": False, "grace": 0}
    assert check_code(values) == {
        "ping_interval": 1.0,
        "allow_origins": ("*",),
        "pages": ("/", "/news/*"),
        "public": False,
        "grace": 0.0,
    }


def test_a_key_without_a_certificate_is_refused() -> None:
    assert refusal(flags={"ssl_keyfile": "key.pem"}) == "--ssl-keyfile needs --ssl-certfile as well"
    line = "NANNIN_SSL_KEYFILE needs --ssl-certfile as well"
    assert refusal(environ={"NANNIN_SSL_KEYFILE": "key.pem"}) == line


def test_the_least_interval_is_not_over_the_most() -> None:
    assert load({"min_interval": "0"}, {}).min_interval == 0.0
    assert load({"min_interval": "1"}, {}).min_interval == 1.0
    assert refusal(flags={"min_interval": "1.1"}) == "--min-interval must not be over max_interval"
    line = "min_interval (in the code) must not be over NANNIN_MAX_INTERVAL"
    assert refusal(environ={"NANNIN_MAX_INTERVAL": "2"}, defaults={"min_interval": 3}) == line


def test_a_socket_file_and_a_browser_exclude_each_other() -> None:
    line = "--open and NANNIN_UDS exclude each other: no browser opens a socket file"
    assert refusal(flags={"open": True}, environ={"NANNIN_UDS": "x.sock"}) == line


def test_watching_for_changes_needs_an_application() -> None:
    why = "watches the files of an application: name it with --app FILE_OR_MODULE:NAME"
    assert refusal(flags={"reload": True}) == f"--reload {why}"
    assert refusal(flags={}, environ={"NANNIN_RELOAD": "1"}) == f"NANNIN_RELOAD {why}"
    assert load({"reload": True, "app": "app.py"}, {}).reload
    assert load(None, {"NANNIN_RELOAD": "1"}).reload  # a Live under another server


def test_workers_and_watching_for_changes_exclude_each_other() -> None:
    flags = {"reload": True, "app": "app.py"}
    why = "exclude each other: one process serves while files change"
    assert refusal(flags=flags, environ={"NANNIN_WORKERS": "0"}) == f"--reload and NANNIN_WORKERS {why}"
    assert load(flags, {"NANNIN_WORKERS": "1"}).reload


def test_a_refused_value_is_shown_short_and_without_control_characters() -> None:
    line = refusal(flags={"port": "\x1b[2J\u202e" + "9" * 1000})
    assert len(line) < 150
    assert line.isprintable()
    assert r"\u001b[2J\u202e999" in line


def test_what_flags_say_is_what_the_environment_says_to_the_application() -> None:
    flags = {
        "port": "9000",
        "open": False,
        "ping_interval": "0.3",
        "allow_origins": "https://a.test,*",
        "uds": None,
    }
    variables = to_environ(flags)
    assert variables == {
        "NANNIN_PORT": "9000",
        "NANNIN_OPEN": "false",
        "NANNIN_PING_INTERVAL": "0.3",
        "NANNIN_ALLOW_ORIGINS": "https://a.test,*",
    }
    assert load({}, variables) == load(flags, {})


def test_the_file_that_was_read_is_found_from_another_directory(
    empty_folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_toml("port = 9003")
    write_toml("port = 9004", "other.toml")
    assert to_environ({}) == {"NANNIN_CONFIG": str(empty_folder / "nannin.toml")}
    assert to_environ({}, "other.toml") == {"NANNIN_CONFIG": str(empty_folder / "other.toml")}
    monkeypatch.setenv("NANNIN_CONFIG", "other.toml")
    assert to_environ({}) == {"NANNIN_CONFIG": str(empty_folder / "other.toml")}


# Secrets in files

LONG, OTHER = "sixteen-or-more-characters", "another-one-of-that-length"


def test_a_secret_comes_from_a_file_that_any_source_may_name() -> None:
    pathlib.Path("secret").write_text(f"{LONG}\n")
    assert load({"emit_token_file": "secret"}, {}).emit_token == LONG
    assert load(environ={"NANNIN_READ_TOKEN_FILE": "secret"}).read_token == LONG
    assert load(environ={}, defaults={"page_secret_file": "secret"}).page_secret == (LONG,)
    write_toml('emit_token_file = "secret"')
    assert load(environ={}).emit_token == LONG


@pytest.mark.parametrize("text", [f"{LONG},{OTHER}", f"{LONG}\n{OTHER}\n", f" {LONG}\r\n\r\n{OTHER}\r\n"])
def test_a_file_may_hold_several_page_secrets(text: str) -> None:
    pathlib.Path("secrets").write_text(text, newline="")
    assert load({"page_secret_file": "secrets"}, {}).page_secret == (LONG, OTHER)


def test_of_a_secret_and_a_file_the_one_from_the_higher_source_counts() -> None:
    pathlib.Path("secret").write_text(LONG)
    in_file, itself = {"NANNIN_EMIT_TOKEN_FILE": "secret"}, {"NANNIN_EMIT_TOKEN": OTHER}
    assert load({"emit_token_file": "secret"}, itself).emit_token == LONG
    assert load({"emit_token": OTHER}, in_file).emit_token == OTHER
    assert load({"emit_token": OTHER}, in_file).emit_token_file is None
    assert load({"emit_token": ""}, in_file).emit_token is None
    assert load({"emit_token_file": ""}, itself).emit_token == OTHER
    assert load({}, in_file, defaults={"emit_token": OTHER}).emit_token == LONG
    write_toml('emit_token_file = "nothing"')
    assert load(environ=itself).emit_token == OTHER, "a file that does not count is not read"


def test_a_secret_and_a_file_from_one_source_exclude_each_other() -> None:
    environ = {"NANNIN_EMIT_TOKEN": LONG, "NANNIN_EMIT_TOKEN_FILE": "secret"}
    said = "NANNIN_EMIT_TOKEN and NANNIN_EMIT_TOKEN_FILE exclude each other: set one of them"
    assert refusal(environ=environ) == said


def test_where_a_secret_came_from_is_told() -> None:
    pathlib.Path("secret").write_text(LONG)
    _, sources = load_with_sources({"emit_token_file": "secret"}, {})
    assert sources == {"emit_token": "--emit-token-file", "emit_token_file": "--emit-token-file"}


def test_a_file_without_a_secret_is_refused_and_shows_nothing_of_what_it_holds() -> None:
    name = "--emit-token-file: secret"
    flags = {"emit_token_file": "secret"}
    assert refusal(flags=flags) == f"{name} can't be read: No such file or directory"
    pathlib.Path("secret").mkdir()
    assert refusal(flags=flags) == f"{name} can't be read: Is a directory"
    pathlib.Path("secret").rmdir()
    for text in ("", " \n\n"):
        pathlib.Path("secret").write_text(text)
        assert refusal(flags=flags) == f"{name} is empty"
    pathlib.Path("secret").write_bytes(b"\xff" * 20)
    assert refusal(flags=flags) == f"{name} must be a text in UTF-8"
    pathlib.Path("secret").write_text("x" * 100_000)
    assert refusal(flags=flags) == f"{name} is too large to be a secret"
    for text in (TOO_SHORT, f"{LONG}\n{LONG}", "in two words, is none"):
        pathlib.Path("secret").write_text(text)
        assert refusal(flags=flags) == f"--emit-token-file: emit_token in secret must be {TOKEN_EXPECTED}"


def test_an_application_reads_the_same_file_wherever_it_is_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    pathlib.Path("secret").write_text(LONG)
    for before in ({}, {"NANNIN_EMIT_TOKEN": OTHER}, {"NANNIN_EMIT_TOKEN_FILE": "nothing"}):
        environ = before | to_environ({"emit_token_file": "secret"})
        assert LONG not in environ.values()
        with monkeypatch.context() as elsewhere:
            elsewhere.chdir("/")
            assert load(environ=environ).emit_token == LONG
    environ = {"NANNIN_EMIT_TOKEN_FILE": "nothing"} | to_environ({"emit_token": OTHER})
    assert load(environ=environ).emit_token == OTHER
    assert load(environ={"NANNIN_EMIT_TOKEN_FILE": "nothing"} | to_environ({"emit_token": ""})) == Settings()
