"""Request bodies: the declared features in, the schemas of what the routes take out, with an example of each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from serving.openapi.asked_books import BOOK_EXAMPLES, BOOK_REQUESTS
from serving.openapi.asked_money import MONEY_EXAMPLES, MONEY_REQUESTS
from serving.requests import DEFAULT_DAYS, DEFAULT_EXPLAIN, MAX_DAYS, MAX_EXPLAIN, MAX_HORIZON, MAX_ROWS, VERDICTS
from serving.rows import DeclaredFeature

__all__ = ["EXAMPLES", "request_schemas"]

_ACCOUNT: dict[str, Any] = {
    "type": "string",
    "minLength": 1,
    "description": "An account id of the company's own, as in its accounts table; any text.",
}
_DAYS: dict[str, Any] = {"format": "date", "pattern": "^(19[7-9][0-9]|2[01][0-9]{2})-[0-9]{2}-[0-9]{2}$"}
_DAY: dict[str, Any] = {"type": "string", **_DAYS}
_HORIZON: dict[str, Any] = {
    "type": "integer",
    "minimum": 1,
    "maximum": MAX_HORIZON,
    "description": "Days ahead that are to be explained; the headline horizon (90, or the nearest) where left out.",
}


def request_schemas(declared: Iterable[DeclaredFeature] = ()) -> dict[str, Any]:
    """The schemas of the request bodies, by name.

    Parameters
    ----------
    declared : the features that rows and changes may name; any name where there are none.
    """
    features = {feature.name: _feature(feature) for feature in declared}
    named: dict[str, Any] = {"type": "object", "properties": features}
    named["additionalProperties"] = False if features else {"type": ["number", "string", "null"]}
    return {
        "Features": {
            **named,
            "description": "Declared features by name, each a number or text; null or left out where it is missing. "
            "The table of all of them is docs/features.md.",
        },
        "FeatureRow": {
            **named,
            "minProperties": 1,
            "properties": {
                "account_id": {
                    "type": ["string", "null"],
                    "description": "Comes back in the result; nothing is looked up by it.",
                },
                "as_of": {
                    "type": ["string", "null"],
                    **_DAYS,
                    "description": "The day that the row speaks from; today where left out.",
                },
                **features,
            },
            "description": "One account's features, at least one of them known. A row that breaks this has an error in "
            "its place of the results, and its neighbours are scored.",
        },
        "ScoreRequest": _body(
            {
                "account_ids": {
                    "type": "array",
                    "items": {"type": "string"},
                    "minItems": 1,
                    "maxItems": MAX_ROWS,
                    "description": "Accounts, in the order in which the results come. What is no text has an error in "
                    "its place.",
                },
                "explain": _explain(DEFAULT_EXPLAIN),
                "horizon": _HORIZON,
            },
            ["account_ids"],
        ),
        "FeaturesRequest": _body(
            {
                "rows": {
                    "type": "array",
                    "items": {"$ref": "#/components/schemas/FeatureRow"},
                    "minItems": 1,
                    "maxItems": MAX_ROWS,
                },
                "explain": _explain(DEFAULT_EXPLAIN),
                "horizon": _HORIZON,
            },
            ["rows"],
        ),
        "WhatIfRequest": _body(
            {
                "account_id": _ACCOUNT,
                "changes": {
                    "$ref": "#/components/schemas/Features",
                    "description": "Features and the values to suppose; null supposes that it is missing.",
                },
                "explain": _explain(DEFAULT_EXPLAIN),
                "horizon": _HORIZON,
            },
            ["account_id", "changes"],
        ),
        "HistoryRequest": _body(
            {
                "account_id": _ACCOUNT,
                "since": {
                    **_DAY,
                    "description": "The first day that is told; the newest `limit` days where left out.",
                },
                "until": {**_DAY, "description": "The last day that is told, not before `since`."},
                "explain": _explain(0),
                "limit": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MAX_DAYS,
                    "default": DEFAULT_DAYS,
                    "description": "Days at most: the first ones from `since` on, without it the newest ones up to "
                    "`until`; `more` says whether there are others.",
                },
            },
            ["account_id"],
        ),
        "FeedbackRequest": _body(
            {
                "account_id": _ACCOUNT,
                "verdict": {"type": "string", "enum": list(VERDICTS)},
                "until": {
                    **_DAY,
                    "description": "The first day on which the account is to be shown again: today to a year ahead.",
                },
            },
            ["account_id", "verdict"],
        ),
        **BOOK_REQUESTS,
        **MONEY_REQUESTS,
    }


def _body(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _explain(default: int) -> dict[str, Any]:
    return {
        "type": "integer",
        "minimum": 0,
        "maximum": MAX_EXPLAIN,
        "default": default,
        "description": "Drivers of each outcome at most; where some are left out, one more closes the list as "
        '"Everything else".',
    }


def _feature(feature: DeclaredFeature) -> dict[str, Any]:
    """The values that a row may hold for a feature."""
    if feature.kind == "category":
        return {"type": ["string", "null"]}
    bounds = {"minimum": feature.low, "maximum": feature.high}
    return {"type": ["number", "null"], **{name: value for name, value in bounds.items() if value is not None}}


EXAMPLES: dict[str, dict[str, Any]] = {
    "ScoreRequest": {"account_ids": ["a-1", "a-9"], "explain": 2},
    "FeaturesRequest": {
        "rows": [
            {"account_id": "a-1", "as_of": "2026-02-01", "mrr": 512, "days_to_renewal": 89, "plan": "team"},
            {"account_id": "a-2"},
        ],
        "explain": 2,
    },
    "WhatIfRequest": {"account_id": "a-1", "changes": {"mrr": 640}, "explain": 2},
    "HistoryRequest": {"account_id": "a-1", "since": "2026-01-01"},
    "FeedbackRequest": {"account_id": "a-1", "verdict": "handled", "until": "2026-03-01"},
    **BOOK_EXAMPLES,
    **MONEY_EXAMPLES,
}
