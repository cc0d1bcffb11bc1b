"""The fragments of one WebSocket message."""

from __future__ import annotations

import pytest
from websockets.frames import Frame, Opcode

from nannin.engine.fragments import MAX_EMPTY, Fragments, TooManyFragments

EMPTY = Frame(Opcode.CONT, b"", fin=False)


@pytest.mark.parametrize(("opcode", "is_text"), [(Opcode.TEXT, True), (Opcode.BINARY, False)])
def test_the_first_frame_says_what_the_message_is(opcode: Opcode, is_text: bool) -> None:
    assert Fragments(Frame(opcode, b"", fin=False)).is_text is is_text


def test_fragments_are_put_together_in_their_order() -> None:
    fragments = Fragments(Frame(Opcode.TEXT, b"a", fin=False))
    for data in (b"b", b"", b"c"):
        fragments.add(Frame(Opcode.CONT, data, fin=False))
    assert bytes(fragments.data) == b"abc"


def test_empty_fragments_are_bounded() -> None:
    fragments = Fragments(Frame(Opcode.TEXT, b"", fin=False))
    for _ in range(MAX_EMPTY):
        fragments.add(EMPTY)
    with pytest.raises(TooManyFragments):
        fragments.add(EMPTY)


def test_fragments_that_hold_something_are_not() -> None:
    fragments = Fragments(Frame(Opcode.BINARY, b"x", fin=False))
    for _ in range(10 * MAX_EMPTY):
        fragments.add(Frame(Opcode.CONT, b"x", fin=False))
    assert len(fragments.data) == 10 * MAX_EMPTY + 1
