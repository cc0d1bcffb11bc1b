"""Which names of events are probably a built-in one, misspelt."""

from __future__ import annotations

import pytest

from nannin.hub.misspelt import BUILT_IN, meant_by


@pytest.mark.parametrize(
    ("event", "meant"),
    [
        ("conect", "connect"),
        ("connectt", "connect"),
        ("conenct", "connect"),
        ("connekt", "connect"),
        ("Connect", "connect"),
        ("on_connect", "connect"),
        ("onconnect", "connect"),
        ("disconect", "disconnect"),
        ("disconnet", "disconnect"),
        ("on-disconnect", "disconnect"),
        ("DISCONNECT", "disconnect"),
        ("entr", "enter"),
        ("entre", "enter"),
        ("exti", "exit"),
        ("exitt", "exit"),
        ("Exit", "exit"),
    ],
)
def test_a_slip_names_the_built_in_event(event: str, meant: str) -> None:
    assert meant_by(event) == meant


@pytest.mark.parametrize(
    "event",
    [*BUILT_IN, "edit", "inter", "entry", "connected", "collect", "say", "", "x", "e", "onion", "*"],
)
def test_any_other_name_is_what_it_says(event: str) -> None:
    assert meant_by(event) is None
