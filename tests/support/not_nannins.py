"""What may come on the channels of nodes, and is not from one."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any, Final

import msgspec

NOT_NANNINS: Final = (
    b"",
    b"\xc1",
    b'{"page": "/"}',
    b"\x93\x16\xa1\xff\x90",  # no UTF-8
    b"\x93\x17\x01" + b"\x91" * 50_000 + b"\x01",  # nested too deep
    b"\x96\x14\xa1/\x01\xff\x01\x01",  # a negative number
    b"\x93\x16\xa1/\x91\xa0",  # visitors without a name, who exited
    b"\x93\x18\xa1/\x91\xa0",  # and who returned
)


def told(kind: int, *fields: Any) -> bytes:
    """A message of nodes with any fields."""
    return msgspec.msgpack.encode([kind, *fields])


def forged(page: str) -> Sequence[bytes]:
    """What claims to be a node's, and can't be: none of it may change anything."""
    return (
        pickle.dumps({"method": "emit", "event": "x", "namespace": page}),
        told(20, page, 2**40, -5, 1, 1),
        told(20, page, 2**40, 10**12, 10**12, 10**12),
        told(20, page, 2**40, 1e12, 1, 1),
        told(20, page, 2**60, 7, 7, 7),  # a version that Redis can't count up to
        told(20, page, 2**40, 7, 7),  # as another version of nannin would say it
        told(99, page, 2**40, 7, 7, 7),
        told(21, 1, page, b"\x93\x00"),  # a message of another node, which is none
        told(21, 2**63, page, b""),
        *(told(20, key, 2**40, 7, 7, 7) for key in ("", "no page", "/" + 300 * "x", "/a,b")),
        told(22, "no page", ["p:ann"]),
    )


def many_visitors(page: str, size_bytes: int) -> bytes:
    """So many bytes of the ids of visitors who are said to be gone."""
    name = "p:" + 62 * "x"
    return told(22, page, [f"{name}{number}" for number in range(size_bytes // 70)])
