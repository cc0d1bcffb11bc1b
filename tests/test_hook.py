"""A hook as a table: what each key may hold, and what an error says."""

from __future__ import annotations

from typing import Any

import pytest

from nannin.errors import SettingsError
from nannin.hook import Hook, check_secrets, check_url, free_name, make_hook, make_hooks
from nannin.kinds import WrongValue
from nannin.settings import Settings

SECRET = "whsec_" + "QUJD" * 8
TO = {"url": "https://example.org/hook", "secret": SECRET}


def check(*tables: dict[str, Any]) -> tuple[Hook, ...]:
    """The hooks of some tables."""
    return make_hooks(tables)


def test_a_table_is_a_hook_whose_other_values_are_the_defaults() -> None:
    (hook,) = check({"on": "threshold", "page": "/news", "above": 100, **TO})
    assert hook == Hook(name="threshold /news above 100", on="threshold", page="/news", above=100, **made(TO))
    assert (hook.of, hook.repeat, hook.debounce, hook.format) == ("visitors", "subsided", 10.0, "json")


def made(table: dict[str, str]) -> dict[str, Any]:
    return {**table, "secret": (table["secret"],)}


def test_a_checked_hook_stays_as_it_is() -> None:
    hooks = check({"on": "occupied", "page": "/", **TO})
    assert make_hooks(hooks) == hooks
    assert Settings(hooks=hooks).hooks == hooks


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"page": "/"}, "on is missing: it is one of occupied, vacated, threshold, spike, peak"),
        ({"on": "ocupied", "page": "/"}, "on must be one of occupied, .*, not .ocupied."),
        ({"on": "occupied", "pagee": "/"}, "'pagee' is not a key of a hook; did you mean page"),
        ({"on": "occupied"}, "page is missing"),
        ({"on": "occupied", "page": "/", "group": "/*"}, "page and group exclude each other"),
        ({"on": "occupied", "page": "news"}, "page must be a page's key or a pattern"),
        ({"on": "occupied", "page": "/{a}/{a}"}, "page must be"),
        ({"on": "occupied", "group": "/*/news"}, "group must be a group of pages such as"),
        ({"on": "occupied", "page": "/", "above": 3}, "above is for threshold, not for occupied"),
        ({"on": "peak", "page": "/", "factor": 3}, "factor is for spike, not for peak"),
        ({"on": "threshold", "page": "/"}, "a threshold needs above, below or both"),
        (
            {"on": "threshold", "page": "/", "above": 3, "below": 4},
            "below must not be over above: 4 is over 3",
        ),
        ({"on": "threshold", "page": "/", "above": "many"}, "above must be a whole number .*, not 'many'"),
        ({"on": "spike", "page": "/", "factor": 1}, "factor must be a number from 1.5 to 1000, not 1"),
        ({"on": "occupied", "page": "/", "debounce": -1}, "debounce must be a number of seconds"),
        ({"on": "occupied", "page": "/", "repeat": "daily"}, "repeat must be one of subsided, hourly, once"),
        ({"on": "occupied", "page": "/", "url": ""}, "url must be an address"),
    ],
)
def test_a_wrong_table_is_refused_with_words(table: dict[str, Any], words: str) -> None:
    with pytest.raises(WrongValue, match=f"number 2: {words}"):
        check({"on": "vacated", "page": "/", **TO}, {**TO, **table})


@pytest.mark.parametrize(
    ("destination", "words"),
    [
        ({}, "url or command is missing"),
        ({"url": "https://example.org/"}, "secret is missing, .*: echo"),
        ({"url": "https://example.org/", "url_file": "x", "secret": SECRET}, "url and url_file exclude"),
        ({**TO, "secret_file": "x"}, "secret and secret_file exclude each other"),
        ({**TO, "command": ["tell"]}, "command and url exclude each other"),
        ({"command": ["tell"], "secret": SECRET}, "command and secret exclude each other"),
        ({"command": ["tell"], "format": "slack"}, "a command gets JSON: leave out format"),
        ({"command": "tell me"}, "command must be a list of texts"),
        ({"command": []}, "command must be a list of texts"),
        ({"command": ["tell", 3]}, "command must be a list of texts"),
        ({"url_variable": "MY-URL", "secret": SECRET}, "url_variable must be the name of an environment"),
    ],
)
def test_whom_it_tells_must_be_plain(destination: dict[str, Any], words: str) -> None:
    with pytest.raises(WrongValue, match=f"number 1: {words}"):
        check({"on": "occupied", "page": "/", **destination})


def test_slack_and_discord_need_no_secret_and_a_command_has_none() -> None:
    slack, command = check(
        {"on": "occupied", "page": "/", "format": "slack", "url": "https://hooks.slack.com/x"},
        {"on": "occupied", "page": "/", "command": ["/bin/tell", "me"], "name": "mine"},
    )
    assert (slack.secret, command.command) == ((), ("/bin/tell", "me"))


def test_no_error_shows_a_secret_or_an_address() -> None:
    wrong = "whsec_verysecret!"
    for table in ({**TO, "secret": wrong}, {**TO, "url": "ftp://verysecret"}, {**TO, "extra": "verysecret"}):
        with pytest.raises(SettingsError) as raised:
            Settings(hooks=[{"on": "occupied", "page": "/", **table}])  # type: ignore[arg-type]
        assert "verysecret" not in str(raised.value)
        assert "number 1: " in str(raised.value)


def test_neither_does_a_hook_itself() -> None:
    (hook,) = check({"on": "occupied", "page": "/", **TO})
    assert "example.org" not in repr(hook)
    assert SECRET not in repr(Settings(hooks=(hook,)))
    assert str(hook) == "occupied / (occupied of /)"


def test_names_are_told_apart() -> None:
    same = {"on": "occupied", "page": "/", **TO}
    assert [hook.name for hook in check(same, same, same)] == [
        "occupied /",
        "occupied / (2)",
        "occupied / (3)",
    ]
    with pytest.raises(WrongValue, match="number 2: another hook has the name 'mine'"):
        check({**same, "name": "mine"}, {**same, "name": "mine"})
    assert free_name("mine", []) == "mine"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org",
        "http://example.org:8080/a?b=c",
        "https://[2001:db8::1]/x",
        "https://[2001:db8::1]:8443/x",
        "https://例え.jp/x",
        "http://2130706433/",
        "https://example.org./",
        "https://" + "x" * 63 + ".org/",
        "https://" + "x." * 126 + "x./",
    ],
)
def test_addresses_that_can_be_posted_to(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "ftp://example.org/",
        "https://",
        "https:///x",
        "https://me:secret@example.org/",
        "https://me@example.org/",
        "https://example.org/#part",
        "https://example.org:0/",
        "https://example.org:99999/",
        "https://example.org:x/",
        "https://exa mple.org/",
        "https://example.org/\nX: y",
        "https://[::1/",
        "https://exa\\mple.org/",
        "https://" + "ä" * 70 + ".org/",
        "https://a..b/",
        "https://.example.org/",
        "https://example.org../",
        "https://./",
        "https://" + "x" * 64 + ".org/",
        "https://" + "x." * 127 + "xy/",
        "https://" + "x." * 100_000 + "org/",
        3,
        None,
    ],
)
def test_addresses_that_can_not(url: object) -> None:
    with pytest.raises(ValueError):
        check_url(url)


def test_a_host_that_no_name_server_takes_is_refused_in_words() -> None:
    with pytest.raises(WrongValue, match="a host's name has 1 to 63 characters between two dots, and 253"):
        check_url("https://a..b/")


def test_a_secret_has_24_to_64_bytes_in_base64() -> None:
    assert check_secrets([SECRET]) == [b"ABC" * 8]
    for wrong in ("QUJD" * 8, "whsec_QUJD", "whsec_" + "QUJD" * 22, "whsec_%%%%" * 4, 3):
        with pytest.raises(WrongValue):
            check_secrets([wrong])


def test_a_group_is_the_key_of_its_hook() -> None:
    (hook,) = check({"on": "occupied", "group": "/shop/*", **TO})
    assert (hook.key, hook.page) == ("/shop/*", "")


def test_code_gives_no_destination() -> None:
    hook = make_hook({"on": "spike", "page": "/news/*", "factor": 2.5})
    assert (hook.url, hook.command, hook.factor) == ("", (), 2.5)
