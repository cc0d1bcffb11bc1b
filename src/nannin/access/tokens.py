"""Signed page tokens: a client that holds the token of a page may join it, and no other client may.

A token is the signature of the page's key: HMAC-SHA256 in base64url, 43 characters. It is valid until its
secret is taken out of the settings.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from itsdangerous import Signer

from nannin.audience.page_key import as_iri, as_uri

__all__ = ["Tokens"]

_SALT: Final = b"nannin.page"  # a signature that the same secret made for something else is not a token
TOKEN_CHARACTERS: Final = 43


class Tokens:
    """Signs page keys, and verifies the signatures.

    Args:
        secrets: the first signs, all verify. To change a secret, put the new one first, and take the old one
            out later.

    Raises:
        ValueError: there is no secret, or one is empty.
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
        return self._signers[0].get_signature(as_uri(page)).decode("ascii")

    def verify(self, page: str, token: object) -> bool:
        """Whether this is a token of that page; anything that is not a str is not."""
        if not isinstance(token, str) or len(token) != TOKEN_CHARACTERS or not token.isascii():
            return False
        came = token.encode("ascii")
        # Another program may have signed the page as its people write it.
        spellings = {as_uri(page), as_iri(page)}
        return any(
            hmac.compare_digest(signer.get_signature(spelling), came)
            for signer in self._signers
            for spelling in spellings
        )
