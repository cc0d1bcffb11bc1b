"""Lookups: what they find, and how long they are waited for."""

from __future__ import annotations

import threading

import pytest

from nannin.hooks.lookup import _under_way, look_up


def test_an_address_is_its_own() -> None:
    assert look_up("127.0.0.1", 80, 10.0) == ["127.0.0.1"]
    assert not _under_way


def test_what_a_lookup_raises_is_raised_where_it_is_waited_for() -> None:
    def fails(host: str, port: int) -> list[str]:
        raise UnicodeError("on purpose")

    with pytest.raises(UnicodeError, match="on purpose"):
        look_up("a..b", 80, 10.0, fails)
    assert not _under_way


def test_a_slow_lookup_has_one_thread_however_often_it_is_asked_for() -> None:
    ends = threading.Event()
    asked: list[str] = []

    def is_slow(host: str, port: int) -> list[str]:
        asked.append(host)
        if host == "slow.example":
            ends.wait(10)
        return [host]

    for _ in range(3):
        with pytest.raises(TimeoutError):
            look_up("slow.example", 80, 0.01, is_slow)
    assert look_up("fast.example", 80, 10.0, is_slow) == ["fast.example"], "it holds up no other"
    assert asked == ["slow.example", "fast.example"]
    last = threading.Timer(0.05, ends.set)
    last.start()
    assert look_up("slow.example", 80, 10.0, is_slow) == ["slow.example"]
    assert asked.count("slow.example") == 1
    assert not _under_way
    last.join()


def test_without_a_thread_it_fails_and_the_next_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fails)
        with pytest.raises(RuntimeError, match="new thread"):
            look_up("127.0.0.1", 80, 10.0)
    assert look_up("127.0.0.1", 80, 10.0) == ["127.0.0.1"]
