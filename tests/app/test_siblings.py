"""Two processes at one address find each other; one that ends, or is the same one, is no other."""

from __future__ import annotations

import asyncio
import logging
import os
import pathlib
import socket
import sys
import weakref
from collections.abc import Callable, Iterator

import httpx
import pytest

from nannin import Live
from nannin.app import goodbye, workers
from nannin.app.goodbye import goodbyes, shut_down_all
from nannin.app.siblings import AGAIN_S, LOOK_S, Claims, Siblings, addresses
from nannin.once import Once

WORDS = (
    "and each counts by itself: numbers will be too small, and clients that poll will fall out; "
    "run one process, or let nannin run several that share one count: nannin serve --workers"
)
PREFIX = f"nannin's tests {os.getpid()}:"


@pytest.fixture(autouse=True)
def first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_once", Once(1))


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[Claims]:
    """The claims of what seems to be another process."""
    monkeypatch.setattr(os, "getpid", lambda: -7)
    claims = Claims(PREFIX)
    yield claims
    claims.release()


class Here:
    """This process, which listens at some addresses, and a time that waits to be moved."""

    def __init__(self, *found: str) -> None:
        self.claims = Claims(PREFIX)
        self.waiting: list[tuple[float, Callable[[], None]]] = []
        self.asked: list[int | None] = []
        self.found = list(found)
        self.siblings = Siblings(self.claims, self._find, lambda *call: self.waiting.append(call))

    def _find(self, port: int | None) -> list[str]:
        self.asked.append(port)
        return self.found

    def go_on(self) -> float:
        """The next look; returns after how many seconds it was."""
        delay_s, look = self.waiting.pop(0)
        look()
        return delay_s


@pytest.fixture
def here() -> Iterator[Here]:
    here = Here("127.0.0.1, port 80")
    yield here
    here.claims.release()


def test_another_process_that_stays_is_named_with_what_to_do(
    here: Here, elsewhere: Claims, caplog: pytest.LogCaptureFixture
) -> None:
    assert elsewhere.claim("127.0.0.1, port 80") is None
    here.siblings.notice(("127.0.0.1", 80))
    assert (here.go_on(), here.asked, caplog.messages) == (LOOK_S, [80], [])
    assert here.go_on() == AGAIN_S
    [line] = caplog.messages
    assert line.startswith("another process (")
    assert line.endswith(f") serves 127.0.0.1, port 80 as well, {WORDS}")
    assert here.waiting == []


def test_an_old_process_that_ends_meanwhile_is_none(
    here: Here, elsewhere: Claims, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere.claim("127.0.0.1, port 80")
    here.siblings.notice(("127.0.0.1", 80))
    here.go_on()
    elsewhere.release()
    here.go_on()
    assert (caplog.messages, here.waiting) == ([], [])
    assert elsewhere.claim("127.0.0.1, port 80") is not None  # ours now


def test_one_that_ends_itself_looks_no_more(here: Here, elsewhere: Claims) -> None:
    here.siblings.notice(("127.0.0.1", 80))
    here.go_on()
    here.siblings.notice(("127.0.0.1", 80))
    here.siblings.release()
    here.go_on()
    assert elsewhere.claim("127.0.0.1, port 80") is None


def test_two_lives_of_one_process_are_no_siblings(here: Here) -> None:
    other = Siblings(here.claims, lambda _: here.found, lambda *call: here.waiting.append(call))
    for one in (here.siblings, other):
        one.notice(("127.0.0.1", 80))
    here.go_on()
    here.go_on()
    assert here.waiting == []


def test_the_name_of_one_process_is_its_own_whoever_asks() -> None:
    one, other = Claims(PREFIX), Claims(PREFIX)
    assert one.claim("x") is None
    assert one.claim("x") is None
    assert other.claim("x") is None  # held by this very process
    one.release()


def test_what_cannot_be_claimed_is_nobodys(caplog: pytest.LogCaptureFixture) -> None:
    here = Here("x" * 200)
    here.siblings.notice(("127.0.0.1", 80))
    here.go_on()
    assert (here.waiting, caplog.messages) == ([], [])


def test_a_name_that_nobody_answers_for_is_nobodys(here: Here) -> None:
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(f"\0{PREFIX}deaf")
        assert here.claims.claim("deaf") is None


def test_a_process_of_another_user_is_none_of_ours(
    here: Here, elsewhere: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere.claim("x")
    assert here.claims.claim("x") is not None
    monkeypatch.setattr(os, "getuid", lambda: -1)
    assert here.claims.claim("x") is None


@pytest.mark.parametrize("server", [None, ("testserver", 80)])
def test_an_app_without_a_socket_has_nothing_to_look_at(
    server: tuple[str, int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Here()
    if server is not None:
        monkeypatch.setattr(sys, "platform", "darwin")
    here.siblings.notice(server)
    assert here.waiting == []


def test_a_holder_that_the_system_does_not_name_is_one_all_the_same(
    here: Here, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Claims, "claim", lambda *_: 0)
    caplog.set_level(logging.WARNING)
    here.siblings.notice(("127.0.0.1", 80))
    here.go_on()
    here.go_on()
    assert caplog.messages == [f"another process serves 127.0.0.1, port 80 as well, {WORDS}"]


def test_addresses_are_those_of_sockets_that_listen(tmp_path: pathlib.Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.socket(socket.AF_UNIX) as file,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        port = listening.getsockname()[1]
        assert addresses(port) == [f"127.0.0.1, port {port}"]
        with socket.create_connection(("127.0.0.1", port)):
            assert addresses(port) == [f"127.0.0.1, port {port}"]
        assert addresses(port + 1) == []
        file.bind(str(tmp_path / "n.sock"))
        abstract.bind(f"\0{PREFIX}abstract")
        before = addresses(None)
        file.listen()
        abstract.listen()
        assert [name for name in addresses(None) if name not in before] == [
            f"the Unix socket {os.fstat(file.fileno()).st_ino}"
        ]


def test_a_live_looks_once_on_each_loop_and_leaves_its_address_when_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[object] = []
    monkeypatch.setattr(goodbye, "_ALL", weakref.WeakSet())  # without what other tests have left
    monkeypatch.setattr(Siblings, "notice", lambda _, server: done.append(server))
    monkeypatch.setattr(Siblings, "release", lambda _: done.append("released"))
    live = Live()

    async def ask_twice() -> None:
        transport = httpx.ASGITransport(app=live)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8124") as client:
            for _ in range(2):
                await client.get("/healthz")

    asyncio.run(ask_twice())
    assert done == [("127.0.0.1", 8124)]
    asyncio.run(ask_twice())
    goodbyes()
    shut_down_all()
    assert done[-3:] == [("127.0.0.1", 8124), "released", "released"]


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors as Linux shows them")
def test_to_look_for_addresses_leaves_no_descriptor_open() -> None:
    reading, writing = os.pipe()  # no socket
    before = len(os.listdir("/proc/self/fd"))
    addresses(80)
    assert len(os.listdir("/proc/self/fd")) == before
    os.close(reading)
    os.close(writing)
