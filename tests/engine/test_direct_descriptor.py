"""Which sockets frames may be written to past the transport."""

from __future__ import annotations

import socket
import sys

import pytest

from nannin.wire.outgoing import Outgoing
from support.peers import Peer, Recorder, attached, attaching, turn


async def test_a_plain_connection_has_the_descriptor_of_its_socket() -> None:
    peer, _ = await attached()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        peer.transport.info["socket"] = ours
        assert peer.socket.descriptor == ours.fileno()


async def test_over_tls_there_is_none_since_frames_are_not_what_goes_over_the_wire() -> None:
    peer, _ = await attached()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        peer.transport.info |= {"socket": ours, "sslcontext": object()}
        assert peer.socket.descriptor == -1


async def test_a_transport_without_a_socket_has_none() -> None:
    peer, _ = await attached()
    assert peer.socket.descriptor == -1


async def test_on_windows_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    peer, _ = await attached()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        peer.transport.info["socket"] = ours
        monkeypatch.setattr(sys, "platform", "win32")
        assert peer.socket.descriptor == -1


async def test_one_byte_that_the_kernel_does_not_take_makes_a_client_wait() -> None:
    peer, recorder = await attached()
    outgoing = Outgoing(["4hello"])
    peer.transport.full, peer.transport.room = True, len(outgoing.frames) - 1
    peer.socket.write(outgoing)
    assert len(peer.transport.waiting) == 1
    assert (peer.socket.blocked, recorder.told) == (True, ["BLOCKED"])


async def test_a_connection_whose_earlier_answers_still_wait_is_blocked_from_the_start() -> None:
    recorder = Recorder()
    peer = Peer(attaching(recorder), waiting=b"an answer to a request before the upgrade")
    await peer.open()
    assert (peer.socket.blocked, recorder.told) == (True, []), "its 101 waits, too"
    peer.transport.empty()
    await turn()
    assert not peer.socket.blocked
    peer.hear()
    peer.text("hello")
    assert recorder.told == ["hello"]


@pytest.mark.parametrize(("info", "high"), [({}, 0), ({"sslcontext": object()}, 1)])
async def test_only_over_tls_one_byte_may_wait_unnoticed(info: dict[str, object], high: int) -> None:
    peer, _ = await attached(info=info)
    assert peer.transport.high == high
