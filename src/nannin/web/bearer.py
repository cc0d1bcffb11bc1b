"""Whether a request carries a secret of ours, as `Authorization: Bearer`.

Source: RFC 6750, section 2.1. The query parameter of its section 2.3 is not taken: addresses end up in logs.
"""

from __future__ import annotations

import hmac
from typing import Final

from starlette.types import Scope

from nannin.access.origin import find_header

# Goes with every 401.
CHALLENGE: Final = {"www-authenticate": "Bearer"}


def read_bearer(scope: Scope) -> str | None:
    """Returns the token that came with a request, or None if none came."""
    scheme, _, token = find_header(scope["headers"], b"authorization").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def is_bearer_of(scope: Scope, secret: str) -> bool:
    """Whether the token that came is this secret, compared in a time that tells nothing of it."""
    came = read_bearer(scope)
    return came is not None and hmac.compare_digest(came.encode(), secret.encode())
