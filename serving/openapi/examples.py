"""Examples: one answer of each route, whose figures hang together as real ones do."""

from __future__ import annotations

from typing import Any

from serving.answers import account_error
from serving.layout import INTERVAL
from serving.openapi.examples_books import BOOK_ANSWERS
from serving.openapi.examples_money import MONEY_ANSWERS
from serving.what_if import SAYS
from training.kernel.drivers import EVERYTHING_ELSE

__all__ = ["EXAMPLES"]

_CATALOGUE = "0110d841c9fcb814e15f6bac61761d48885f0bc1bf91f3374b169a1830397d2d"
_COMPUTED, _NOW = "2026-02-01T03:00:00Z", "2026-02-01T04:00:30Z"


def _figures(horizon: int, churn: float, low: float, high: float, typical: float, mrr: float) -> dict[str, float]:
    return {
        f"churn_{horizon}d": churn,
        f"churn_{horizon}d_low": low,
        f"churn_{horizon}d_high": high,
        f"typical_{horizon}d": typical,
        f"involuntary_{horizon}d": churn / 4,
        f"expected_mrr_{horizon}d": mrr,
    }


_BEFORE = {
    **_figures(30, 0.3125, 0.21875, 0.421875, 0.0078125, 352.0),
    **_figures(90, 0.4375, 0.328125, 0.53125, 0.0625, 288.0),
    **_figures(365, 0.53125, 0.4375, 0.609375, 0.140625, 240.0),
    "renewal_next": 0.5625,
}
_AFTER = {
    **_figures(30, 0.1875, 0.125, 0.28125, 0.0078125, 416.0),
    **_figures(90, 0.25, 0.171875, 0.34375, 0.0625, 384.0),
    **_figures(365, 0.34375, 0.25, 0.4375, 0.140625, 336.0),
    "renewal_next": 0.75,
}
_READING = "about 2 in 5 accounts like this leave by 1 May 2026"
_CARD = {
    "feature": "days_to_card_expiry",
    "sentence": "The card on file expired 114 days ago",
    "value": -114.0,
    "unit": "days",
    "dimension": "billing",
    "actionable": True,
    "points": 0.21875,
    "features": ["expired_card_failures_90d", "days_to_card_expiry"],
}
_RENEWAL = {
    "feature": "days_to_renewal",
    "sentence": "The next renewal is 89 days away (typical: 27 days)",
    "value": 89.0,
    "unit": "days",
    "dimension": "contract",
    "actionable": False,
    "points": 0.078125,
    "features": ["days_to_renewal"],
}
_REST = {
    **dict.fromkeys(_CARD),
    "sentence": EVERYTHING_ELSE,
    "actionable": False,
    "points": 0.078125,
}
_VERSIONS = {"model_version": "3", "expansion_version": None}

_STORED = {
    "account_id": "a-1",
    "as_of": "2026-02-01",
    "name": "Crescent Apparel",
    "segment": "smb",
    "status": "ok",
    "mrr": 512.0,
    "renews_on": "2026-05-01",
    "plan": "team",
    "csm_id": "c-7",
    "reason": None,
    **_BEFORE,
    "reading": _READING,
    "drivers_horizon": 90,
    "mrr_at_risk": 224.0,
    **_VERSIONS,
    "catalogue_hash": _CATALOGUE,
    "computed_at": _COMPUTED,
    "drivers": [_CARD, _RENEWAL, _REST],
}
_FEEDBACK = {
    "id": 41,
    "account_id": "a-1",
    "verdict": "handled",
    "until": "2026-03-01",
    "as_of": "2026-02-01",
    "given_at": _NOW,
}
_SAID_ONCE = {
    "horizons": [30, 90, 365],
    "drivers_horizon": 90,
    "interval": INTERVAL,
    "not_validated_in_time": ["churn_365d"],
}

EXAMPLES: dict[str, dict[str, Any]] = {
    "ScoreAnswer": {
        "as_of": "2026-02-01",
        **_VERSIONS,
        "computed_at": _COMPUTED,
        **_SAID_ONCE,
        "rule_based": False,
        "results": [
            _STORED,
            account_error("a-9", "unknown-account", "No account with this id is among those of 2026-02-01."),
        ],
    },
    "FeaturesAnswer": {
        **_VERSIONS,
        "catalogue_hash": _CATALOGUE,
        "computed_at": _NOW,
        **_SAID_ONCE,
        "results": [
            {
                "account_id": "a-1",
                "as_of": "2026-02-01",
                "renews_on": "2026-05-01",
                **_BEFORE,
                "reading": _READING,
                "missing": ["seats"],
                "unseen": [],
                "drivers_horizon": 90,
                "drivers": [_CARD, _RENEWAL, _REST],
            },
            account_error("a-2", "no-features", "The row holds no feature, so there is nothing to score."),
        ],
    },
    "WhatIfAnswer": {
        "account_id": "a-1",
        "as_of": "2026-02-01",
        **_VERSIONS,
        "catalogue_hash": _CATALOGUE,
        "computed_at": _NOW,
        "horizon": 90,
        "says": SAYS,
        "before": {**_BEFORE, "reading": _READING},
        "after": {**_AFTER, "reading": "about 1 in 4 accounts like this leave by 1 May 2026"},
        "changes": [{"feature": "mrr", "from": 512.0, "to": 640.0}],
        "moved": [
            {
                "feature": "mrr",
                "sentence_before": "It pays 512 a month (typical: 300)",
                "sentence_after": "It pays 640 a month (typical: 300)",
                "points_before": 0.0625,
                "points_after": -0.0625,
                "difference": -0.125,
            },
            {
                "feature": None,
                "sentence_before": EVERYTHING_ELSE,
                "sentence_after": EVERYTHING_ELSE,
                "points_before": 0.3125,
                "points_after": 0.25,
                "difference": -0.0625,
            },
        ],
        "ignored": [],
        "unseen": [],
    },
    "HistoryAnswer": {
        "account_id": "a-1",
        "since": "2026-01-01",
        "until": None,
        "more": False,
        "feedback": [_FEEDBACK],
        "days": [{**_STORED, "drivers": []}],
    },
    "Feedback": _FEEDBACK,
    "Alive": {"status": "alive"},
    "Ready": {
        "status": "ready",
        "model_version": "3",
        "as_of": "2026-02-01",
        "rule_based": False,
        "scores": {
            "status": "ready",
            "as_of": "2026-02-01",
            **_VERSIONS,
            "rule_based": False,
            "computed_at": _COMPUTED,
            "accounts": 1284,
        },
        "champion": {"status": "ready", **_VERSIONS},
    },
    **BOOK_ANSWERS,
    **MONEY_ANSWERS,
}
