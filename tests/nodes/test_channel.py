"""Messages through a pair of sockets: whole, in pieces, too large, and to nobody."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nannin.nodes import channel
from nannin.nodes.channel import Channel


class Sent:
    """The side of a transport that a channel uses."""

    def __init__(self) -> None:
        self.written = b""
        self.ended: list[str] = []

    def write(self, data: bytes) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return len(self.written)

    def is_closing(self) -> bool:
        return bool(self.ended)

    def close(self) -> None:
        self.ended.append("close")

    def abort(self) -> None:
        self.ended.append("abort")


class End:
    """A channel, and what it has heard."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.lost = 0
        self.sent = Sent()
        self.rooms = 0
        self.channel = Channel(self.heard.append, self._lose, self._make_room)
        self.channel.connection_made(cast("asyncio.Transport", self.sent))

    def _lose(self) -> None:
        self.lost += 1

    def _make_room(self) -> None:
        self.rooms += 1


@given(st.lists(st.binary(max_size=100)), st.integers(1, 50))
def test_messages_arrive_as_they_were_sent_however_they_are_cut(messages: list[bytes], step: int) -> None:
    here, there = End(), End()
    for message in messages:
        here.channel.send(message)
    for at in range(0, len(here.sent.written), step):
        there.channel.data_received(here.sent.written[at : at + step])
    assert there.heard == messages


def test_nothing_is_sent_to_who_has_gone() -> None:
    end = End()
    end.channel.close()
    end.channel.send(b"hello")
    end.channel.connection_lost(None)
    end.channel.send(b"hello")
    end.channel.close()
    assert (end.sent.written, end.sent.ended, end.lost) == (b"", ["close"], 1)


def test_a_message_that_is_too_large_ends_it() -> None:
    end = End()
    end.channel.data_received(b"\xff\xff\xff\xff")
    assert (end.heard, end.sent.ended) == ([], ["close"])


def test_who_reads_nothing_is_given_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(channel, "MAX_MESSAGE_BYTES", 100)
    end = End()
    end.channel.send(bytes(90))
    assert end.sent.ended == []
    end.channel.send(bytes(90))
    assert end.sent.ended == ["abort"]
    assert caplog.messages == ["a process of this server has read nothing for long: it is given up"]


def test_a_slow_reader_is_known_until_it_has_read() -> None:
    end = End()
    end.channel.pause_writing()
    assert (end.channel.is_full, end.rooms) == (True, 0)
    end.channel.resume_writing()
    assert (end.channel.is_full, end.rooms) == (False, 1)
    Channel(end.heard.append, lambda: None).resume_writing()
