"""Answers: the schemas of what the routes tell, member by member; columns that come once a horizon by their pattern."""

from __future__ import annotations

from typing import Any

from serving.layout import STATUSES
from serving.openapi.schemas import (
    DAY,
    DAY_OR_NULL,
    DAYS,
    DAYS_OR_NULL,
    MONEY,
    NAMES,
    NUMBER_OR_NULL,
    PROBABILITY,
    TEXT,
    TEXT_OR_NULL,
    TIME,
    list_of,
    object_of,
    or_null,
    ref,
    said,
)
from serving.openapi.told_books import BOOKS
from serving.openapi.told_health import HEALTH, HEALTH_BY_DIMENSION, HEALTH_SCHEMAS, STANDING
from serving.openapi.told_lists import LIST_SCHEMAS
from serving.openapi.told_money import REPORTS
from serving.requests import VERDICTS

__all__ = ["ANSWERS"]

_BY_HORIZON: dict[str, Any] = {
    r"^churn_[0-9]+d$": said(PROBABILITY, "Calibrated probability that the account churns within that many days."),
    r"^expansion_[0-9]+d$": said(
        PROBABILITY, "Calibrated probability that its MRR reaches the growth set (10 % unless set) within them."
    ),
    r"^(churn|expansion)_[0-9]+d_(low|high)$": said(PROBABILITY, "Ends of the interval; see `interval`."),
    r"^(expansion_)?typical_[0-9]+d$": said(
        PROBABILITY, "The typical account's probability; with the points of all drivers it makes the account's."
    ),
    r"^involuntary_[0-9]+d$": said(PROBABILITY, "The part of churn that is involuntary, as by failed payments."),
    r"^expected_mrr_[0-9]+d$": said(MONEY, "Monthly recurring revenue expected of it on that day."),
}
_DRIVER_LISTS: dict[str, Any] = {
    "drivers": said(list_of("Driver"), "Why, for churn at `drivers_horizon`; what a person can act on comes first."),
    "drivers_horizon": DAYS_OR_NULL,
}
_EXPANSION_LISTS: dict[str, Any] = {
    "expansion_drivers": said(list_of("Driver"), "Why, for expansion at `expansion_drivers_horizon`."),
    "expansion_drivers_horizon": DAYS_OR_NULL,
}
_READING = said(TEXT_OR_NULL, "The headline probability as a person says it.")
_VERSIONS: dict[str, Any] = {
    "model_version": said(TEXT_OR_NULL, "Of churn; null where no model scored."),
    "expansion_version": TEXT_OR_NULL,
}
_NOT_VALIDATED = {
    "type": ["array", "null"],
    "items": TEXT,
    "description": "Probability columns that were not validated in time; null where that is not known.",
}
_INTERVAL = said(TEXT_OR_NULL, "What the columns _low and _high are.")
_HORIZONS = {"type": "array", "items": DAYS, "description": "Of churn, in days, ascending."}
_RENEWAL: dict[str, Any] = {
    "renews_on": said(DAY_OR_NULL, "The next renewal, where it is known."),
    "renewal_next": said(PROBABILITY, "That it is still a customer after it; null beyond the last horizon."),
}

_STORED: dict[str, Any] = {
    "account_id": TEXT,
    "as_of": said(DAY, "The day that the row speaks from: what was known before it."),
    "status": {
        "type": "string",
        "enum": list(STATUSES),
        "description": "Probabilities are null for every status but ok and stale; `reason` then says why.",
    },
    "reason": TEXT_OR_NULL,
    "name": TEXT_OR_NULL,
    "segment": TEXT_OR_NULL,
    "mrr": NUMBER_OR_NULL,
    "mrr_at_risk": said(NUMBER_OR_NULL, "MRR times the headline probability of churn."),
    **_RENEWAL,
    "reading": _READING,
    **_DRIVER_LISTS,
    **_VERSIONS,
    "catalogue_hash": said(TEXT, "Of the feature declarations that it was scored with."),
    "computed_at": TIME,
}
_STORED_SOMETIMES: dict[str, Any] = {
    "plan": TEXT_OR_NULL,
    "csm_id": said(TEXT_OR_NULL, "Who looked after it on that day."),
    **_EXPANSION_LISTS,
    **STANDING,
}

ANSWERS: dict[str, Any] = {
    **HEALTH_SCHEMAS,
    **LIST_SCHEMAS,
    **REPORTS,
    **BOOKS,
    "Driver": object_of(
        {
            "feature": said(TEXT_OR_NULL, "The declared feature that leads; null for everything else."),
            "sentence": TEXT,
            "value": {"type": ["number", "string", "null"]},
            "unit": TEXT_OR_NULL,
            "dimension": TEXT_OR_NULL,
            "actionable": said({"type": "boolean"}, "Whether a person can act on it."),
            "points": said({"type": "number"}, "Its share of the probability, above (+) or below (-) the typical one."),
        },
        sometimes={
            "features": {"type": ["array", "null"], "items": TEXT, "description": "All that it speaks for."},
            "health_points": said(
                NUMBER_OR_NULL,
                "Its points of health: those of all drivers of the customer's own sum to health - 50. Null where it "
                "only says when the renewal falls, or nothing is known.",
            ),
            "peer": or_null("Peer", "What renewed accounts like it have, where that can be set beside its value."),
        },
    ),
    "StoredScore": object_of(
        _STORED,
        sometimes={
            **_STORED_SOMETIMES,
            "frozen": {
                "anyOf": [ref("FrozenScore"), {"type": "null"}],
                "description": "Of churned accounts: the last score before they churned; null where there is none.",
            },
        },
        patternProperties={**_BY_HORIZON, **HEALTH_BY_DIMENSION},
    ),
    "FrozenScore": object_of(
        {"as_of": DAY},
        sometimes={name: schema for name, schema in {**_STORED, **_STORED_SOMETIMES}.items() if name != "as_of"},
        patternProperties={**_BY_HORIZON, **HEALTH_BY_DIMENSION},
    ),
    "AccountError": object_of(
        {
            "account_id": TEXT_OR_NULL,
            "error": object_of({"type": said(TEXT, "As the type of a problem."), "detail": TEXT}),
        },
        description="The result of an account or a row that has none; its neighbours have theirs.",
    ),
    "ScoreAnswer": object_of(
        {
            "as_of": DAY,
            **_VERSIONS,
            "computed_at": TIME,
            "horizons": _HORIZONS,
            "drivers_horizon": DAYS_OR_NULL,
            "interval": _INTERVAL,
            "not_validated_in_time": _NOT_VALIDATED,
            "rule_based": said({"type": "boolean"}, "Whether there is health by rules and no probability."),
            "results": {
                "type": "array",
                "items": {"anyOf": [ref("StoredScore"), ref("AccountError")]},
                "description": "One for each id, in the order asked for.",
            },
        }
    ),
    "FeatureScore": object_of(
        {
            "account_id": TEXT_OR_NULL,
            "as_of": DAY,
            **_RENEWAL,
            "reading": _READING,
            "missing": said(NAMES, "Features that a model reads and the row does not have."),
            "unseen": said(NAMES, "Features with a category that a model has never seen."),
            **_DRIVER_LISTS,
        },
        sometimes={**_EXPANSION_LISTS, **HEALTH},
        patternProperties={**_BY_HORIZON, **HEALTH_BY_DIMENSION},
    ),
    "FeaturesAnswer": object_of(
        {
            "model_version": TEXT,
            "expansion_version": TEXT_OR_NULL,
            "catalogue_hash": TEXT,
            "computed_at": TIME,
            "horizons": _HORIZONS,
            "drivers_horizon": DAYS,
            "interval": _INTERVAL,
            "not_validated_in_time": _NOT_VALIDATED,
            "results": {
                "type": "array",
                "items": {"anyOf": [ref("FeatureScore"), ref("AccountError")]},
                "description": "One for each row, in their order.",
            },
        }
    ),
    "Figures": object_of(
        {"renewal_next": _RENEWAL["renewal_next"], "reading": _READING},
        sometimes=HEALTH,
        patternProperties={**_BY_HORIZON, **HEALTH_BY_DIMENSION},
        description="What the champion says of one row of features.",
    ),
    "Change": object_of(
        {
            "feature": TEXT,
            "from": {"type": ["number", "string", "null"]},
            "to": {"type": ["number", "string", "null"]},
        }
    ),
    "Moved": object_of(
        {
            "feature": said(TEXT_OR_NULL, "The feature that leads the driver; null for everything else."),
            "sentence_before": TEXT,
            "sentence_after": TEXT,
            "points_before": {"type": "number"},
            "points_after": {"type": "number"},
            "difference": said({"type": "number"}, "All of them sum to the probability after less that before."),
        }
    ),
    "WhatIfAnswer": object_of(
        {
            "account_id": TEXT,
            "as_of": DAY,
            "model_version": TEXT,
            "expansion_version": TEXT_OR_NULL,
            "catalogue_hash": TEXT,
            "computed_at": TIME,
            "horizon": DAYS,
            "says": said(TEXT, "What the answer is, and what it is not."),
            "before": ref("Figures"),
            "after": ref("Figures"),
            "changes": list_of("Change"),
            "moved": said(list_of("Moved"), "Drivers of churn at `horizon` that moved, the largest difference first."),
            "ignored": said(NAMES, "Changed features that no model reads."),
            "unseen": said(NAMES, "Changed features with a category that a model has never seen; it reads as missing."),
        }
    ),
    "Feedback": object_of(
        {
            "id": {"type": "integer"},
            "account_id": TEXT,
            "verdict": {"type": "string", "enum": list(VERDICTS)},
            "until": said(DAY_OR_NULL, "The first day on which the account is shown again."),
            "as_of": said(DAY, "The scored day that it speaks of."),
            "given_at": TIME,
        }
    ),
    "HistoryAnswer": object_of(
        {
            "account_id": TEXT,
            "since": DAY_OR_NULL,
            "until": DAY_OR_NULL,
            "more": said(
                {"type": "boolean"},
                "Whether there are more days than `limit`: later ones where `since` was given, else earlier ones.",
            ),
            "feedback": list_of("Feedback"),
            "days": {
                "type": "array",
                "items": {"anyOf": [ref("StoredScore"), ref("AccountError")]},
                "description": "The row of each scored day as POST /score answered it, the oldest first.",
            },
        }
    ),
    "Alive": object_of({"status": {"const": "alive"}}),
    "ScoresState": object_of(
        {"status": {"type": "string", "enum": ["ready", "absent", "unreachable"]}},
        sometimes={
            "detail": said(TEXT, "Why there are none, and what to do."),
            "as_of": DAY,
            **_VERSIONS,
            "rule_based": {"type": "boolean"},
            "computed_at": TIME,
            "accounts": {"type": "integer", "minimum": 0},
        },
    ),
    "ChampionState": object_of(
        {"status": {"type": "string", "enum": ["ready", "loading", "broken", "outdated", "absent"]}},
        sometimes={
            "detail": said(TEXT, "Why there is none, and what to do."),
            "model_version": TEXT,
            "expansion_version": TEXT_OR_NULL,
            "trouble": said(TEXT, "What keeps a newer version from being used."),
        },
    ),
    "Ready": object_of(
        {
            "status": {"const": "ready"},
            "model_version": TEXT_OR_NULL,
            "as_of": DAY_OR_NULL,
            "rule_based": {"type": "boolean"},
            "scores": ref("ScoresState"),
            "champion": ref("ChampionState"),
        },
        description="Ready when scores are stored or a champion is loaded; the members say which.",
    ),
}
