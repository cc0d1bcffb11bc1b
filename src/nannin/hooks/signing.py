"""The headers by which a receiver knows that a request is ours, is new, and was not changed.

Source: Standard Webhooks 1.0.0, "Signature scheme" and "Webhook headers".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable

__all__ = ["sign"]


def sign(id: str, unix_s: float, body: bytes, keys: Iterable[bytes]) -> dict[str, str]:
    """The headers of one attempt.

    Args:
        id: of the notice, the same in all attempts; without a dot.
        unix_s: when the attempt is made.
        body: what is sent.
        keys: the secret, or several while one takes the place of another; without one, nothing is signed.
    """
    timestamp = str(int(unix_s))
    signed = b".".join([id.encode(), timestamp.encode(), body])
    signatures = ["v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys]
    headers = {"webhook-id": id, "webhook-timestamp": timestamp}
    return {**headers, "webhook-signature": " ".join(signatures)} if signatures else headers
