"""Which node a Live is: none of its own, one on its Redis, or one of its machine's workers."""

from __future__ import annotations

import builtins
import os
import socket
from collections import Counter
from typing import Any

import pytest

from nannin.app import sharing
from nannin.app.sharing import in_own_space, make_node, make_outside, name_of_node
from nannin.audience.roster import Roster
from nannin.errors import SettingsError
from nannin.settings import Settings
from support.fake_clock import FakeClock


def make(roster: Roster[str], **settings: Any) -> object:
    return make_node(Settings(**settings), roster, FakeClock(), lambda: "id")


def test_one_process_alone_is_no_node_and_its_roster_tells_nobody() -> None:
    roster: Roster[str] = Roster()
    assert make(roster) is None
    assert roster.on_change is None


def test_with_redis_its_changes_are_the_nodes() -> None:
    roster: Roster[str] = Roster()
    assert make(roster, redis="redis://127.0.0.1") is not None
    assert roster.on_change is not None


def test_a_wrong_address_of_redis_is_told_before_anything_starts() -> None:
    with pytest.raises(SettingsError, match="name of the master"):
        make(Roster(), redis="redis+sentinel://127.0.0.1:26379")


def test_what_is_missing_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_redis(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "nannin.nodes.redis":
            raise ImportError("No module named 'redis'", name="redis")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_redis)
    with pytest.raises(SettingsError, match=r'pip install "nannin\[redis\]"'):
        make(Roster(), redis="redis://127.0.0.1")


def test_a_node_is_named_by_its_process_and_with_redis_by_its_machine_too() -> None:
    process = f"process {os.getpid()}"
    assert name_of_node(Settings()) == process
    assert name_of_node(Settings(redis="redis://127.0.0.1")) == f"{socket.gethostname()}, {process}"


@pytest.fixture
def first(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Live was made before."""
    monkeypatch.setattr(sharing, "_lives", Counter())


@pytest.mark.usefixtures("first")
def test_the_lives_of_a_process_on_one_redis_have_pages_of_their_own() -> None:
    one, other = "redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/1"
    urls, prefixes = (
        [one, one, one, other, one, one],
        ["nannin", "nannin", "shop", "nannin", "shop", "nannin"],
    )
    places = zip(urls, prefixes, strict=True)
    made = [in_own_space(Settings(redis=url, redis_prefix=prefix)) for url, prefix in places]
    assert [settings.redis_prefix for settings in made] == [
        *("nannin", "nannin:1", "shop", "nannin", "shop:1", "nannin:2")
    ]
    assert [settings.redis for settings in made] == urls


@pytest.mark.usefixtures("first")
def test_only_the_first_of_them_hears_emitters_of_other_libraries() -> None:
    settings = Settings(redis="redis://127.0.0.1", redis_emitters=("mine",))
    assert [in_own_space(settings).redis_emitters for _ in range(3)] == [("mine",), (), ()]


@pytest.mark.usefixtures("first")
def test_without_redis_there_is_nothing_to_keep_apart() -> None:
    settings = Settings()
    assert in_own_space(settings) is settings
    assert in_own_space(settings) is settings


def test_other_programs_are_heard_with_redis_only() -> None:
    assert make_outside(Settings(), print, print) is None


async def test_other_programs_are_heard_once_it_is_opened() -> None:
    open_it = make_outside(Settings(redis="redis://127.0.0.1:1"), print, print)
    assert open_it is not None
    outside = open_it()
    outside.close()
    await outside.wait_closed()
    assert not outside.is_listening.is_set()
