"""What is sent can be checked by whoever has the secret, in the way that the specification says."""

from __future__ import annotations

import base64
import hashlib
import hmac

from lapwise.server.webhooks import new_secret, sign


def test_secrets_are_long_and_never_the_same() -> None:
    first, second = new_secret(), new_secret()
    assert first != second
    assert first.startswith("whsec_")
    assert len(base64.b64decode(first.removeprefix("whsec_"), validate=True)) == 32


def test_the_signature_covers_id_time_and_body() -> None:
    secret = new_secret()
    headers = sign(secret, "e1", 7_999_999, b"{}")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    right = base64.b64encode(hmac.new(key, b"e1.7.{}", hashlib.sha256).digest()).decode()
    assert headers == {
        "webhook-id": "e1",
        "webhook-timestamp": "7",
        "webhook-signature": f"v1,{right}",
    }
    others = [
        sign(secret, "e2", 7_000_000, b"{}"), sign(secret, "e1", 8_000_000, b"{}"),
        sign(secret, "e1", 7_000_000, b"{ }"), sign(new_secret(), "e1", 7_000_000, b"{}"),
    ]  # fmt: skip
    signatures = {one["webhook-signature"] for one in [headers, *others]}
    assert len(signatures) == 5
