"""`nannin hooks`: lists hooks, and tries them with samples."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nannin.cli.hooks import run, sample
from nannin.errors import SettingsError
from nannin.hook import make_hook
from nannin.hooks.notices import as_text
from nannin.settings import Settings
from support.receivers import receiver

SECRET = "whsec_" + "QUJD" * 8


def settings(*tables: dict[str, Any]) -> Settings:
    checked: Any = list(tables)
    return Settings(hooks=checked, hook_networks=("127.0.0.1",))


def test_hooks_are_listed_without_what_is_secret(capsys: pytest.CaptureFixture[str]) -> None:
    table = {
        "on": "occupied",
        "page": "/",
        "format": "slack",
        "url": "https://hooks.slack.com/services/token",
    }
    assert run(settings(table), [], tries=False) == 0
    assert capsys.readouterr().out == "occupied /: occupied of /, to https://hooks.slack.com\n"
    assert run(settings(), [], tries=False) == 0
    assert "There are no hooks" in capsys.readouterr().out


def test_a_sample_is_sent_and_says_that_it_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    with receiver() as one:
        table = {"on": "threshold", "page": "/news", "above": 10, "url": one.url, "secret": SECRET}
        assert run(settings({**table, "name": "mine"}, table), ["mine"], tries=True) == 0
        (got,) = one.got
        data = json.loads(got.body)["data"]
        assert (data["test"], data["hook"], data["value"], data["limit"]) == (True, "mine", 11, 10)
        one.answers = [b"HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\noops"]
        assert run(settings(table), [], tries=True) == 1
    shown = capsys.readouterr().out
    assert "  a sample has arrived\n" in shown
    assert f"  http://127.0.0.1:{one_port(shown)} answered 500: oops\n" in shown


def one_port(shown: str) -> str:
    return shown.split("127.0.0.1:")[1].split("\n")[0]


def test_a_hook_that_is_not_there_is_said() -> None:
    table = {"on": "occupied", "page": "/", "command": ["true"], "name": "mine"}
    with pytest.raises(SettingsError, match="there is no hook 'yours'; there are: 'mine'"):
        run(settings(table), ["yours"], tries=False)


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"on": "occupied"}, "This is a test. /: somebody has come. Now: 1 visitor."),
        ({"on": "vacated"}, "This is a test. /: everybody has gone."),
        ({"on": "threshold", "below": 5}, "This is a test. / has fallen below 5. Now: 4 visitors."),
        ({"on": "spike"}, "This is a test. / is suddenly busy. Now: 60 visitors, after a mean of 12.5."),
        ({"on": "peak"}, "This is a test. / has a new peak: 60 visitors. The highest before was 50."),
    ],
)
def test_a_sample_is_what_the_hook_would_tell(table: dict[str, Any], text: str) -> None:
    assert as_text(sample(make_hook({"page": "/", **table})), "en") == text
