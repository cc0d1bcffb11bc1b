"""A session as an application sees it."""

from __future__ import annotations

from nannin.engine.session import Session


def test_what_an_application_is_given_has_few_names() -> None:
    names = {name for name in dir(Session) if not name.startswith("_")}
    for_applications = {"sid", "data", "handshake", "send", "close"}
    for_many = {
        "allow",
        "ended",
        "forget_newest",
        "forgive",
        "is_writable",
        "link",
        "number",
        "read_on",
        "reads",
        "send_newest",
        "send_outgoing",
    }
    assert names == for_applications | for_many
