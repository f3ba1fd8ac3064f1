"""serving.alerting.signing: what the page says, with a secret that is long enough."""

from __future__ import annotations

import hmac

import pytest

from features.errors import TenureError
from serving.alerting.signing import secret_of, signature

from .conftest import SECRET


@pytest.mark.parametrize(
    ("secret", "timestamp", "body", "expected"),
    [
        # printf '%s' "$timestamp.$body" | openssl dgst -sha256 -hmac "$secret"
        (b"0123456789abcdef", "1767225600", b"{}", "99902517b3069f78750aa0520b0493482454c2d30a579c7acc839f3363ca1b88"),
        (SECRET, "1", '{"name":"Zoë"}'.encode(), None),
    ],
)
def test_the_signature_is_what_the_page_says(secret: bytes, timestamp: str, body: bytes, expected: str | None) -> None:
    by_hand = hmac.digest(secret, timestamp.encode() + b"." + body, "sha256").hex()
    assert signature(secret, timestamp, body) == f"v1={expected or by_hand}" == f"v1={by_hand}"
    for other in ((secret + b"x", timestamp, body), (secret, "2", body), (secret, timestamp, body + b" ")):
        assert signature(*other) != f"v1={by_hand}"


@pytest.mark.parametrize(
    ("environment", "says"), [({}, "no secret"), ({"S": ""}, "no secret"), ({"S": "short"}, "shorter than 16")]
)
def test_no_secret_no_message(environment: dict[str, str], says: str) -> None:
    with pytest.raises(TenureError, match=says) as refused:
        secret_of("S", environment)
    assert "short" not in str(refused.value).replace("shorter", "")
    assert secret_of("S", {"S": "0123456789abcdef"}) == b"0123456789abcdef"
