"""What a person reads once the server has started."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import click
import pytest

from nannin.cli.banner import ELEMENT, address_of, announce, banner, version
from nannin.settings import Settings
from support.places import ROOT

SECRET = "0123456789abcdef"


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        (Settings(), "http://127.0.0.1:5000"),
        (Settings(host="0.0.0.0"), "http://127.0.0.1:5000"),
        (Settings(host="::"), "http://[::1]:5000"),
        (Settings(host="::1"), "http://[::1]:5000"),
        (Settings(host="localhost"), "http://localhost:5000"),
        (Settings(root_path="/live/"), "http://127.0.0.1:5000/live"),
        (Settings(ssl_certfile="c.pem"), "https://127.0.0.1:5000"),
        (Settings(uds="x.sock"), ""),
    ],
)
def test_the_address_is_one_that_a_browser_on_this_machine_can_open(settings: Settings, address: str) -> None:
    assert address_of(settings, 5000) == address


def test_the_usual_port_of_a_scheme_is_not_shown() -> None:
    assert address_of(Settings(), 80) == "http://127.0.0.1"
    assert address_of(Settings(ssl_certfile="c.pem"), 443) == "https://127.0.0.1"
    assert address_of(Settings(), 443) == "http://127.0.0.1:443"


def plain(settings: Settings, address: str, *, has_page: bool) -> list[str]:
    """The banner as a pipe gets it."""
    settings = dataclasses.replace(settings, history=settings.history or "off")
    return [click.unstyle(line) for line in banner(settings, address, has_page=has_page)]


def test_the_banner_names_the_page_the_line_to_embed_and_how_to_stop() -> None:
    lines = plain(Settings(), "http://127.0.0.1:8124", has_page=True)
    assert lines[1].startswith("nannin 0.")
    assert lines[3:8] == [
        "  Page       http://127.0.0.1:8124/",
        "  Dashboard  http://127.0.0.1:8124/dashboard",
        '  Embed      <script async src="http://127.0.0.1:8124/nannin.js"></script>',
        '             <span data-nannin data-nannin-one="{n} person is reading this."'
        ' data-nannin-other="{n} people are reading this."></span>',
        "  Stop       Ctrl-C",
    ]


def test_the_banner_of_another_application_has_no_line_to_embed() -> None:
    lines = plain(Settings(), "http://127.0.0.1:8124", has_page=False)
    assert lines[3:5] == ["  Address  http://127.0.0.1:8124/", "  Stop     Ctrl-C"]


@pytest.mark.parametrize(("host", "family"), [("0.0.0.0", "IPv4"), ("::", "IPv6")])
def test_the_banner_says_that_the_server_listens_on_all_addresses(host: str, family: str) -> None:
    lines = plain(Settings(host=host, port=9000), "http://here:9000", has_page=False)
    assert lines[3:5] == ["  Address  http://here:9000/", f"  Network  all {family} addresses, port 9000"]


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        (Settings(port=9000), "http://127.0.0.1:9000/"),
        (
            Settings(host="0.0.0.0", port=9000),
            "all IPv4 addresses, on this machine as http://127.0.0.1:9000/",
        ),
        (Settings(host="::", port=9000), "all IPv6 addresses, on this machine as http://[::1]:9000/"),
        (Settings(host="0.0.0.0", uds="x.sock"), "the socket x.sock"),
    ],
)
def test_the_log_says_where_the_server_listens(
    caplog: pytest.LogCaptureFixture, settings: Settings, place: str
) -> None:
    with caplog.at_level(logging.INFO, "nannin.server"):
        announce(False, settings)
    assert caplog.messages == [f"nannin {version()} listens on {place}"]


def test_the_banner_of_a_socket_file_names_its_path() -> None:
    lines = plain(Settings(uds="/run/nannin.sock"), "", has_page=True)
    assert lines[3:5] == ["  Socket  /run/nannin.sock", "  Stop    Ctrl-C"]


def test_the_banner_says_where_history_is_kept_or_why_it_is_not(tmp_path: Path) -> None:
    for settings, words in (
        (Settings(history="on", data_dir=str(tmp_path)), f"{tmp_path}/history.sqlite3"),
        (
            Settings(history="on", redis="redis://a"),
            "off: several machines keep it in PostgreSQL: --history ",
        ),
    ):
        assert any(
            line.startswith(f"  History  {words}") for line in plain(settings, "http://a", has_page=False)
        )


def test_history_is_kept_by_default_where_no_application_is_served(tmp_path: Path) -> None:
    for app, is_kept in ((None, True), ("app.py", False)):
        lines = banner(Settings(data_dir=str(tmp_path), app=app), "http://a", has_page=False)
        assert any("history.sqlite3" in line for line in lines) is is_kept


def test_a_secret_is_not_in_the_banner() -> None:
    settings = Settings(page_secret=(SECRET,), emit_token=SECRET)
    assert SECRET not in "".join(plain(settings, "http://127.0.0.1:8124", has_page=True))


@pytest.mark.parametrize("page", ["README.md", "docs/start.md"])
def test_the_pages_show_the_element_that_the_banner_shows(page: str) -> None:
    assert ELEMENT in (ROOT / page).read_text(encoding="utf-8").splitlines()


def test_the_banner_and_the_log_say_how_many_workers_there_are(caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(port=9000, workers=4)
    assert plain(settings, "http://here:9000", has_page=True)[1] == f"nannin {version()}, 4 workers"
    with caplog.at_level(logging.INFO, "nannin.server"):
        announce(False, settings)
    assert caplog.messages == [f"nannin {version()} listens on http://127.0.0.1:9000/, with 4 workers"]
