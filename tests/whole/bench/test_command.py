"""`nannin bench`."""

from __future__ import annotations

import json
import os
import pathlib
import socket

import pytest

import nannin.cli.bench.figures as figures_module
import nannin.cli.bench.measures as measures_module
from nannin.access.tokens import Tokens
from nannin.cli.bench.address import Address
from nannin.cli.bench.command import find_processes, is_here
from nannin.cli.bench.crowd import Crowd
from nannin.cli.command import main
from nannin.errors import BenchError
from support.files import write
from support.raw_links import Client
from support.servers import nannin

SECRET = "0123456789abcdef"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures_module, "PAUSE_S", 0.1)
    monkeypatch.setattr(measures_module, "QUIET_S", 0.2)


def test_a_server_is_measured_and_shown_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    with nannin() as server:
        assert main(["bench", server.url, "--connections", "10", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["server"] == server.url
    assert figures["connections"] == 10
    assert figures["exact"] is True
    assert figures["slow"] is None
    assert figures["cpu_us_per_delivery"] is not None


def test_a_server_is_measured_and_shown_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    with nannin() as server:
        assert main(["bench", server.url, "--connections", "10"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.startswith("server")
    assert row.startswith(server.url)


def test_a_page_that_others_are_on_is_not_measured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measures_module, "OTHERS_LIMIT_S", 0.5)
    with nannin() as server:
        other = Client(server, "websocket")
        assert main(["bench", server.url, "--connections", "10"]) == 1
        assert "others are on this page (1)" in capsys.readouterr().err
        assert main(["bench", server.url, "--page", "/news", "--connections", "10"]) == 0
        other.close()


def test_somebody_who_comes_meanwhile_is_one_miss_and_no_endless_wait(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measures_module, "ROUND_LIMIT_S", 0.5)
    found = measures_module.find_others
    with nannin() as server:

        def find_none_yet(crowd: Crowd) -> None:
            found(crowd)
            Client(server, "websocket")

        monkeypatch.setattr(figures_module, "find_others", find_none_yet)
        assert main(["bench", server.url, "--connections", "10"]) == 1
    out = capsys.readouterr().out
    assert "NOT EXACT" in out
    assert "somebody else who comes or goes on this page" in out


def test_an_application_that_handles_the_page_is_measured(
    capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    app = tmp_path / "app.py"
    write(
        app,
        """
        from nannin import Live, Socket
        live = Live()

        @live.on("connect")
        def arrived(socket: Socket) -> None:
            socket.emit("notice", "Welcome.")
        """,
    )
    with nannin("--app", str(app)) as server:
        assert main(["bench", server.url, "--connections", "10", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["exact"] is True
        assert main(["bench", server.url, "--page", "/news", "--connections", "10", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["exact"] is True


def test_a_server_that_signs_its_pages_is_measured_with_a_token(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with nannin("--page-secret", SECRET) as server:
        bench = ["bench", server.url, "--connections", "10", "--json"]
        assert main(bench) == 1
        assert "--token gives the page's token" in capsys.readouterr().err
        assert main([*bench, "--token", Tokens([SECRET]).sign("/")]) == 0
        monkeypatch.setenv("NANNIN_PAGE_SECRET", SECRET)
        assert main([*bench, "--page", "/news"]) == 0


def test_a_page_that_is_not_there_is_said_with_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    with nannin("--pages", "/news") as server:
        assert main(["bench", server.url, "--page", "/olds", "--connections", "10"]) == 1
    assert "Invalid namespace; --page names a page that the server has" in capsys.readouterr().err


def test_a_server_that_is_not_there_is_one_line_and_exit_code_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    assert main(["bench", url]) == 1
    assert capsys.readouterr().err == f"nannin: can't connect to {url}: Connection refused\n"


def test_too_many_clients_are_refused_before_any_connects(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "http://127.0.0.1:9", "--connections", "2000000000"]) == 1
    assert "this process may have" in capsys.readouterr().err


def test_an_address_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench"]) == 2
    assert "URL" in capsys.readouterr().err


def test_the_process_is_found_by_its_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        processes = find_processes(Address(f"http://127.0.0.1:{listener.getsockname()[1]}"), None)
        assert processes is not None
        assert processes.pids[0] == os.getpid()


def test_a_process_that_is_not_there_is_an_error() -> None:
    with pytest.raises(BenchError, match="process 999999999 can't be seen"):
        find_processes(Address("http://127.0.0.1:9"), 999_999_999)


def test_a_server_elsewhere_has_no_process_here() -> None:
    elsewhere = Address("http://192.0.2.1:80")
    assert not is_here(elsewhere)
    assert find_processes(elsewhere, None) is None
