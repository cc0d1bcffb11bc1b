"""Which sockets frames may be written to past the transport."""

from __future__ import annotations

import socket
import sys

import pytest

from support.peers import attached


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
