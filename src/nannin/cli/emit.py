"""`nannin emit`: sends one event to the clients of a running server."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Sequence
from typing import Any

import msgspec

from nannin.cli.remote import Address, describe, escape, refusal_of
from nannin.errors import RemoteError, SettingsError

_MAX_ANSWER_BYTES = 4096


class _Answer(msgspec.Struct):
    recipients: int


def send_event(
    url: str,
    token: str,
    *,
    page: str,
    event: str,
    args: Sequence[Any],
    to: Sequence[str] = (),
    except_: Sequence[str] = (),
    insecure: bool = False,
) -> int:
    """Sends an event.

    Args:
        url: the server's address.
        token: its `emit_token`.
        page: the page's key.
        event: the event's name.
        args: its arguments, as JSON has them.
        to: rooms or ids; empty: everyone on the page.
        except_: rooms or ids that are left out.
        insecure: takes any certificate.

    Returns:
        How many clients it went to.

    Raises:
        SettingsError: the URL is not an address.
        RemoteError: there is no such server, or it refuses.
    """
    address = Address(url, insecure=insecure)
    body: dict[str, Any] = {"page": page, "event": event, "args": list(args), "except": list(except_)}
    if to:
        body["to"] = list(to)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    try:
        with contextlib.closing(address.connect()) as connection:
            connection.request("POST", f"{address.path}/api/emit", msgspec.json.encode(body), headers)
            with connection.getresponse() as response:
                if response.status != 200:
                    raise RemoteError(refusal_of(response, "/api/emit"))
                return msgspec.json.decode(response.read(_MAX_ANSWER_BYTES), type=_Answer).recipients
    except (OSError, http.client.HTTPException, UnicodeError, msgspec.DecodeError, RemoteError) as error:
        raise RemoteError(f"{address.url}: {describe(error, address)}") from None


def read_argument(text: str) -> Any:
    """An argument of the event from the command line: JSON.

    Raises:
        SettingsError: it is not JSON.
    """
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        example = """5, '"text"' or '{}'"""
        raise SettingsError(f"--data must be JSON, such as {example}, not {escape(text)[:80]}") from None
