"""Asks a running server for JSON, one question after another over the same connection."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Mapping
from typing import Final, Self, TypeVar
from urllib.parse import urlencode

import msgspec

from nannin.cli.remote import Address, describe, escape, refusal_of
from nannin.errors import RemoteError

__all__ = ["Reader", "Refused"]

T = TypeVar("T")

_MAX_ANSWER_BYTES: Final = 33_554_432
# How often a server that has no time for the question is asked again, and after how many seconds at most.
_TRIES: Final = 10
_LONGEST_PAUSE_S: Final = 10.0


class Refused(RemoteError):
    """The server does not answer the question.

    Attributes:
        status: its HTTP status.
        reason: what it says, in a few words.
    """

    def __init__(self, address: Address, status: int, reason: str) -> None:
        super().__init__(f"{address.url}: {reason}")
        self.status = status
        self.reason = reason


class Reader:
    """A server that is asked. It is a context manager, since it keeps a connection.

    Args:
        address: where the server is.
        token: its `read_token`, if it is known.
        sleep: waits the given number of seconds.
    """

    def __init__(
        self, address: Address, token: str | None = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._address = address
        self._headers = {"Accept": "application/json", "User-Agent": "nannin"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._sleep = sleep
        self._connection: http.client.HTTPConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._hang_up()

    def ask(self, path: str, query: Mapping[str, str | int], kind: type[T]) -> T:
        """The server's answer.

        Args:
            path: below the server's address, such as `/api/count`.
            query: the parameters.
            kind: what the JSON of the answer is read as.

        Raises:
            Refused: the server answers with an error.
            RemoteError: there is no such server, or its answer is not what was asked for.
        """
        target = f"{self._address.path}{path}" + (f"?{urlencode(query, safe='/*')}" if query else "")
        body = None
        for attempt in range(_TRIES):
            body, pause_s = self._try(target, path, is_last=attempt == _TRIES - 1)
            if body is not None:
                break
            self._sleep(pause_s)
        try:
            return msgspec.json.decode(body or b"", type=kind)
        except msgspec.DecodeError as error:
            words = f"its {path} answers what is not expected, {escape(str(error))[:200]}"
            raise RemoteError(
                f"{self._address.url}: not a nannin server, or another version: {words}"
            ) from None

    def _try(self, target: str, path: str, *, is_last: bool) -> tuple[bytes | None, float]:
        """The answer, or None and how many seconds later to ask again."""
        try:
            with self._respond(target) as response:
                retry_after = response.headers.get("retry-after")
                if response.status == 503 and retry_after is not None and not is_last:
                    response.read(_MAX_ANSWER_BYTES)
                    return None, _pause_s(retry_after)
                if response.status != 200:
                    raise Refused(self._address, response.status, refusal_of(response, path))
                body = response.read(_MAX_ANSWER_BYTES + 1)
        except RemoteError:
            self._hang_up()
            raise
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            self._hang_up()
            raise RemoteError(f"{self._address.url}: {describe(error, self._address)}") from None
        if len(body) > _MAX_ANSWER_BYTES:
            raise RemoteError(f"{self._address.url}: an answer has over {_MAX_ANSWER_BYTES:,} bytes")
        return body, 0.0

    def _respond(self, target: str) -> http.client.HTTPResponse:
        if self._connection is not None:
            try:
                return self._request(self._connection, target)
            except (OSError, http.client.HTTPException):
                self._hang_up()  # the server has closed it meanwhile, as servers do with idle connections
        self._connection = self._address.connect()
        return self._request(self._connection, target)

    def _request(self, connection: http.client.HTTPConnection, target: str) -> http.client.HTTPResponse:
        connection.request("GET", target, headers=self._headers)
        return connection.getresponse()

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _pause_s(retry_after: str) -> float:
    return (
        min(float(retry_after), _LONGEST_PAUSE_S) if retry_after.isascii() and retry_after.isdigit() else 1.0
    )
