"""Signatures, as Standard Webhooks has them."""

from __future__ import annotations

import base64
import hashlib
import hmac

from nannin.hooks.signing import sign

KEY, OTHER = b"k" * 24, b"o" * 32


def test_the_id_the_time_and_the_body_are_signed() -> None:
    headers = sign("abc", 1_674_087_231.9, b'{"a":1}', [KEY])
    digest = hmac.new(KEY, b'abc.1674087231.{"a":1}', hashlib.sha256).digest()
    assert headers == {
        "webhook-id": "abc",
        "webhook-timestamp": "1674087231",
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def test_it_is_the_signature_of_another_implementation() -> None:
    # The example that Standard Webhooks' own libraries are tested with.
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}', [key])
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_two_secrets_sign_while_one_takes_the_place_of_another() -> None:
    both = sign("abc", 1, b"", [KEY, OTHER])["webhook-signature"]
    assert both.split(" ") == [sign("abc", 1, b"", [key])["webhook-signature"] for key in (KEY, OTHER)]


def test_without_a_secret_nothing_is_signed() -> None:
    assert sign("abc", 1, b"", []) == {"webhook-id": "abc", "webhook-timestamp": "1"}
