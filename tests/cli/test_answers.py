"""What a server may answer to the commands."""

from __future__ import annotations

import msgspec
import pytest

from nannin.cli.answers import CountAnswer, HistoryAnswer, TopAnswer
from support.fake_past import Archive, point


def test_what_a_server_answers_is_what_the_commands_read() -> None:
    archive = Archive()
    archive.history.points["/a"] = [point(0, 60, 1.5, 3)]
    answer = archive.ask("/api/history?page=/a&from=0&to=60&step=minute").body
    history = msgspec.json.decode(answer, type=HistoryAnswer)
    assert [(found.joins, found.visitors and found.visitors.mean) for found in history.points] == [(3, 1.5)]
    assert msgspec.json.decode(archive.ask("/api/top").body, type=TopAnswer) == TopAnswer([], 0)
    assert msgspec.json.decode(archive.ask("/api/count").body, type=CountAnswer) == CountAnswer("/", 0, 0)


@pytest.mark.parametrize("body", [b"{}", b'{"pages":1,"total":0}', b'{"pages":[],"total":-1}'])
def test_what_is_no_such_answer_is_not_read(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(body, type=TopAnswer)
