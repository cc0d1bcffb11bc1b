"""Signed page tokens: whoever holds one may be counted on that page, and nobody else.

A token is the signature of the page's key: HMAC-SHA256 in base64url, 43 characters. It ends when its secret
is taken out of the settings, and not by itself.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from itsdangerous import Signer

__all__ = ["Tokens"]

_SALT: Final = b"nannin.page"  # so that a signature made for something else with the same secret is no token
TOKEN_CHARACTERS: Final = 43


class Tokens:
    """Signs and verifies.

    Args:
        secrets: the first signs, all verify: a new one is put in front, the old one taken out later.

    Raises:
        ValueError: there is no secret.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        if isinstance(secrets, str) or not all(secrets) or not secrets:
            raise ValueError("tokens need a list of secrets, none of them empty")
        self._signers = tuple(
            Signer(secret, salt=_SALT, key_derivation="hmac", digest_method=hashlib.sha256)
            for secret in secrets
        )

    def sign(self, page: str) -> str:
        """The token of a page."""
        return self._signers[0].get_signature(page).decode("ascii")

    def verify(self, page: str, token: object) -> bool:
        """Whether this is a token of that page; whatever else comes is none."""
        if not isinstance(token, str) or len(token) != TOKEN_CHARACTERS or not token.isascii():
            return False
        came = token.encode("ascii")
        return any(hmac.compare_digest(signer.get_signature(page), came) for signer in self._signers)
