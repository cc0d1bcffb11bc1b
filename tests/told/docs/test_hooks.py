"""The programs of docs/hooks.md do what the page says, and its tables are hooks."""

from __future__ import annotations

import re
import runpy
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from nannin.hook import check_secrets, make_hooks
from nannin.hooks.signing import sign
from support.doc_pages import block, read

PAGE = "docs/hooks.md"
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
BODY = b'{"type":"count.above","data":{"page":"/news"}}'


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return run(tmp_path, monkeypatch, SECRET)


def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str) -> dict[str, Any]:
    """The receiver of the page, with this secret."""
    monkeypatch.setenv("HOOK_SECRET", secret)
    file = tmp_path / "receiver.py"
    file.write_text(block(PAGE, "A receiver", "python").text, encoding="utf-8")
    return runpy.run_path(str(file))


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_QUJD"])
def test_the_receiver_does_not_start_with_a_secret_that_anybody_could_guess(
    secret: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit, match="HOOK_SECRET must be the hook's secret"):
        run(tmp_path, monkeypatch, secret)


def test_the_receiver_takes_what_is_ours_once(
    receiver: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    client = TestClient(receiver["app"])
    headers = sign("abc", time.time(), BODY, check_secrets([SECRET]))
    for _ in range(2):
        assert client.post("/hooks/nannin", content=BODY, headers=headers).status_code == 204
    assert capsys.readouterr().out == "{'page': '/news'}\n"


@pytest.mark.parametrize("wrong", ["body", "time", "id", "secret", "none"])
def test_it_refuses_what_is_not(receiver: dict[str, Any], wrong: str) -> None:
    at_s = time.time() - (400 if wrong == "time" else 0)
    key = check_secrets([SECRET]) if wrong != "secret" else [b"x" * 24]
    headers = sign("abc", at_s, BODY, key)
    if wrong == "id":
        headers["webhook-id"] = "other"
    body = BODY + b" " if wrong == "body" else BODY
    client = TestClient(receiver["app"])
    answer = client.post("/hooks/nannin", content=body, headers={} if wrong == "none" else headers)
    assert answer.status_code == 401


def test_each_table_of_the_page_is_a_hook() -> None:
    found = re.findall(r"```toml\n(.*?)```", read(PAGE), re.DOTALL)
    assert [len(make_hooks(tomllib.loads(text)["hooks"])) for text in found] == [2, 1]
