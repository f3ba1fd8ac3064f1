"""Testing: a receiver in; one signed message that speaks of no account, sent once, and what came of it, out."""

from __future__ import annotations

import json
import secrets

from features.alert_rules import WebhookSettings
from serving.alerting.deliver import Clock, Post
from serving.alerting.sending import Answer, post
from serving.alerting.signing import headers_of

__all__ = ["send_test"]


def send_test(
    webhook: WebhookSettings, secret: bytes, *, post: Post = post, clock: Clock | None = None
) -> tuple[str, Answer]:
    """Send a message of the kind "test"; its id, and what came of it."""
    assert webhook.url is not None
    now = (clock or Clock()).now()
    told = dict.fromkeys(("id", "kind", "alert", "rule", "account_id", "name", "csm_id", "as_of", "sentence", "value"))
    told |= {"id": secrets.token_hex(32), "kind": "test", "as_of": now.date().isoformat()}
    told |= {"sentence": "This is a test: nothing has happened.", "drivers": [], "play": None}
    body = json.dumps(told, separators=(",", ":")).encode("utf-8")
    id_ = str(told["id"])
    return id_, post(webhook.url, body, headers_of(secret, id_, int(now.timestamp()), body), webhook.timeout_seconds)
