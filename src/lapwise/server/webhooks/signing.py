"""Sign what is sent, as the Standard Webhooks specification says, so that the receiver can be sure.

Receivers check it with any library of https://www.standardwebhooks.com, or in a few lines: HMAC-SHA256
over ``id.timestamp.body`` with the secret's bytes, base64.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from lapwise.store.webhook_form import PREFIX

__all__ = ["new_secret", "sign"]

_BYTES = 32


def new_secret() -> str:
    """Return a new secret: ``whsec_`` and 32 random bytes as base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def sign(secret: str, id: str, at: int, body: bytes) -> dict[str, str]:
    """Return the three headers that go with a payload.

    Args:
        secret: as :func:`new_secret` makes it.
        id: what was sent; the same each time it is sent again, so that it counts once.
        at: when it is sent, in microseconds; a receiver refuses what is old.
        body: the payload, byte for byte.

    >>> secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    >>> body = b'{"test": 2432232314}'
    >>> sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330_000_000, body)["webhook-signature"]
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    key = base64.b64decode(secret.removeprefix(PREFIX))
    seconds = str(at // 1_000_000)
    signed = f"{id}.{seconds}.".encode() + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return {
        "webhook-id": id,
        "webhook-timestamp": seconds,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }
