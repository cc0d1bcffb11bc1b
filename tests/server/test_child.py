"""The sockets that a parent process has passed to this one; that it starts is in tests/whole."""

from __future__ import annotations

from nannin.server.child import inherited_sockets


def test_the_sockets_of_a_parent_are_taken_over_once() -> None:
    environ = {"_NANNIN_SOCKETS": "5,7"}
    assert inherited_sockets(environ) == [5, 7]
    assert inherited_sockets(environ) == []
