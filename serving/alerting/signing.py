"""Signing: a secret, a moment and a body in; the headers by which a receiver knows where a message is from out."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping

from features.errors import TenureError

__all__ = ["LEAST_SECRET", "headers_of", "secret_of", "signature"]

LEAST_SECRET = 16
"""Bytes; a shorter secret can be guessed from one message."""


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 of the moment, a dot and the body, as the header has it.

    >>> signature(b"0123456789abcdef", "1767225600", b"{}")[:19]
    'v1=99902517b3069f78'
    """
    return "v1=" + hmac.new(secret, timestamp.encode("ascii") + b"." + body, hashlib.sha256).hexdigest()


def headers_of(secret: bytes, id_: str, timestamp: int, body: bytes) -> dict[str, str]:
    """What goes with a body."""
    return {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "tenure",
        "Tenure-Id": id_,
        "Tenure-Timestamp": str(timestamp),
        "Tenure-Signature": signature(secret, str(timestamp), body),
    }


def secret_of(variable: str, environment: Mapping[str, str] | None = None) -> bytes:
    """The secret, from the environment and from nowhere else.

    Raises
    ------
    TenureError : there is none, or one that is too short.
    """
    secret = os.fsencode((os.environ if environment is None else environment).get(variable, ""))
    if not secret:
        raise TenureError(
            f"There is a webhook in the settings but no secret to sign with; put one into the environment, as in "
            f"{variable}=$(openssl rand -hex 32)."
        )
    if len(secret) < LEAST_SECRET:
        raise TenureError(f"The secret in {variable} is shorter than {LEAST_SECRET} bytes; take a longer one.")
    return secret
