"""Signed page tokens: a client that holds the token of a page may join it, and no other client may.

A token is the signature of the page's key: HMAC-SHA256 in base64url, 43 characters. It is valid until its
secret is taken out of the settings. A token that ends by itself has its end in front, in Unix seconds, and
signs that as well: `1767225600.` and 43 characters.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Final

from itsdangerous import Signer

from nannin.access.admission import Verdict
from nannin.audience.page_key import as_iri, as_uri

__all__ = ["Tokens"]

# A signature that the same secret made for something else is not a token.
_SALT: Final = b"nannin.page"
_SALT_UNTIL: Final = b"nannin.page.until"
SIGNATURE_CHARACTERS: Final = 43
_MAX_DIGITS: Final = 12
_TOKEN: Final = re.compile(
    rf"(?:([1-9][0-9]{{0,{_MAX_DIGITS - 1}}})\.)?([A-Za-z0-9_-]{{{SIGNATURE_CHARACTERS}}})"
)


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
        self._lasting, self._ending = (
            tuple(
                Signer(secret, salt=salt, key_derivation="hmac", digest_method=hashlib.sha256)
                for secret in secrets
            )
            for salt in (_SALT, _SALT_UNTIL)
        )

    def sign(self, page: str, until_unix_s: int | None = None) -> str:
        """The token of a page.

        Args:
            page: its key.
            until_unix_s: the second in which it ends; None: when its secret is taken out of the settings.

        Raises:
            ValueError: the end is not a time after 1970 of at most 12 digits.
        """
        if until_unix_s is None:
            return self._lasting[0].get_signature(as_uri(page)).decode("ascii")
        if not 0 < until_unix_s < 10**_MAX_DIGITS:
            raise ValueError(f"a token ends at a Unix time of 1 to {_MAX_DIGITS} digits, not {until_unix_s}")
        signed = f"{until_unix_s}:{as_uri(page)}"
        return f"{until_unix_s}.{self._ending[0].get_signature(signed).decode('ascii')}"

    def judge(self, page: str, token: object, now_unix_s: float) -> Verdict:
        """Whether this is a token of that page; anything that is not a str is not.

        Args:
            page: its key.
            token: what came.
            now_unix_s: the time.
        """
        match = _TOKEN.fullmatch(token) if isinstance(token, str) else None
        if match is None:
            return Verdict.WRONG
        until, signature = match[1], match[2].encode("ascii")
        # Another program may have signed the page as its people write it.
        signed = {f"{until}:{key}" if until else key for key in (as_uri(page), as_iri(page))}
        is_right = any(
            hmac.compare_digest(signer.get_signature(text), signature)
            for signer in (self._ending if until else self._lasting)
            for text in signed
        )
        if not is_right:
            return Verdict.WRONG
        return Verdict.EXPIRED if until and now_unix_s >= int(until) else Verdict.VALID
