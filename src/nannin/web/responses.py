"""Answers in JSON."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.responses import Response


def json_response(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON that no cache may keep, because the next one may differ."""
    return Response(
        msgspec.json.encode(content),
        status,
        {"cache-control": "no-store", **(headers or {})},
        "application/json",
    )


def error_response(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """A refusal, whose message says why in a sentence."""
    return json_response({"error": message}, status, headers)
