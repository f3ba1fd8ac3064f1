"""Answers: the schemas of what the routes tell, member by member; columns that come once a horizon by their pattern."""

from __future__ import annotations

from typing import Any

from serving.layout import STATUSES
from serving.requests import VERDICTS

__all__ = ["ANSWERS"]

_TEXT: dict[str, Any] = {"type": "string"}
_TEXT_OR_NULL: dict[str, Any] = {"type": ["string", "null"]}
_NUMBER_OR_NULL: dict[str, Any] = {"type": ["number", "null"]}
_MONEY: dict[str, Any] = {"type": ["number", "null"], "minimum": 0}
_DAY: dict[str, Any] = {"type": "string", "format": "date"}
_DAY_OR_NULL: dict[str, Any] = {"type": ["string", "null"], "format": "date"}
_TIME: dict[str, Any] = {"type": "string", "format": "date-time"}
_PROBABILITY: dict[str, Any] = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
_HEALTH: dict[str, Any] = {"type": ["number", "null"], "minimum": 0, "maximum": 100}
_DAYS: dict[str, Any] = {"type": "integer", "minimum": 1}
_DAYS_OR_NULL: dict[str, Any] = {"type": ["integer", "null"], "minimum": 1}
_NAMES: dict[str, Any] = {"type": "array", "items": _TEXT}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _said(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {**schema, "description": description}


def _list(name: str) -> dict[str, Any]:
    return {"type": "array", "items": _ref(name)}


def _object(properties: dict[str, Any], *, sometimes: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """An object with all of its properties, and some of those that it has only sometimes."""
    return {"type": "object", "properties": {**properties, **(sometimes or {})}, "required": list(properties), **more}


_BY_HORIZON: dict[str, Any] = {
    r"^churn_[0-9]+d$": _said(_PROBABILITY, "Calibrated probability that the account churns within that many days."),
    r"^expansion_[0-9]+d$": _said(
        _PROBABILITY, "Calibrated probability that its MRR reaches the growth set (10 % unless set) within them."
    ),
    r"^(churn|expansion)_[0-9]+d_(low|high)$": _said(_PROBABILITY, "Ends of the interval; see `interval`."),
    r"^(expansion_)?typical_[0-9]+d$": _said(
        _PROBABILITY, "The typical account's probability; with the points of all drivers it makes the account's."
    ),
    r"^involuntary_[0-9]+d$": _said(_PROBABILITY, "The part of churn that is involuntary, as by failed payments."),
    r"^expected_mrr_[0-9]+d$": _said(_MONEY, "Monthly recurring revenue expected of it on that day."),
}
_DRIVER_LISTS: dict[str, Any] = {
    "drivers": _said(_list("Driver"), "Why, for churn at `drivers_horizon`; what a person can act on comes first."),
    "drivers_horizon": _DAYS_OR_NULL,
}
_EXPANSION_LISTS: dict[str, Any] = {
    "expansion_drivers": _said(_list("Driver"), "Why, for expansion at `expansion_drivers_horizon`."),
    "expansion_drivers_horizon": _DAYS_OR_NULL,
}
_READING = _said(_TEXT_OR_NULL, "The headline probability as a person says it.")
_VERSIONS: dict[str, Any] = {
    "model_version": _said(_TEXT_OR_NULL, "Of churn; null where no model scored."),
    "expansion_version": _TEXT_OR_NULL,
}
_NOT_VALIDATED = {
    "type": ["array", "null"],
    "items": _TEXT,
    "description": "Probability columns that were not validated in time; null where that is not known.",
}
_INTERVAL = _said(_TEXT_OR_NULL, "What the columns _low and _high are.")
_HORIZONS = {"type": "array", "items": _DAYS, "description": "Of churn, in days, ascending."}
_RENEWAL: dict[str, Any] = {
    "renews_on": _said(_DAY_OR_NULL, "The next renewal, where it is known."),
    "renewal_next": _said(_PROBABILITY, "That it is still a customer after it; null beyond the last horizon."),
}

_STORED: dict[str, Any] = {
    "account_id": _TEXT,
    "as_of": _said(_DAY, "The day that the row speaks from: what was known before it."),
    "status": {
        "type": "string",
        "enum": list(STATUSES),
        "description": "Probabilities are null for every status but ok and stale; `reason` then says why.",
    },
    "reason": _TEXT_OR_NULL,
    "name": _TEXT_OR_NULL,
    "segment": _TEXT_OR_NULL,
    "mrr": _NUMBER_OR_NULL,
    "mrr_at_risk": _said(_NUMBER_OR_NULL, "MRR times the headline probability of churn."),
    **_RENEWAL,
    "reading": _READING,
    **_DRIVER_LISTS,
    **_VERSIONS,
    "catalogue_hash": _said(_TEXT, "Of the feature declarations that it was scored with."),
    "computed_at": _TIME,
}
_STORED_SOMETIMES: dict[str, Any] = {
    "plan": _TEXT_OR_NULL,
    "csm_id": _said(_TEXT_OR_NULL, "Who looked after it on that day."),
    **_EXPANSION_LISTS,
    "health": _said(_HEALTH, "Higher is healthier."),
    "health_source": _said({"type": ["string", "null"], "enum": ["rule_based", None]}, "Where the health is from."),
}
_HEALTH_OF_DIMENSION = {r"^health_(?!source$)[a-z_0-9]+$": _said(_HEALTH, "Health of one dimension.")}

ANSWERS: dict[str, Any] = {
    "Driver": _object(
        {
            "feature": _said(_TEXT_OR_NULL, "The declared feature that leads; null for everything else."),
            "sentence": _TEXT,
            "value": {"type": ["number", "string", "null"]},
            "unit": _TEXT_OR_NULL,
            "dimension": _TEXT_OR_NULL,
            "actionable": _said({"type": "boolean"}, "Whether a person can act on it."),
            "points": _said(
                {"type": "number"}, "Its share of the probability, above (+) or below (-) the typical one."
            ),
        },
        sometimes={"features": {"type": ["array", "null"], "items": _TEXT, "description": "All that it speaks for."}},
    ),
    "StoredScore": _object(
        _STORED,
        sometimes={
            **_STORED_SOMETIMES,
            "frozen": {
                "anyOf": [_ref("FrozenScore"), {"type": "null"}],
                "description": "Of churned accounts: the last score before they churned; null where there is none.",
            },
        },
        patternProperties={**_BY_HORIZON, **_HEALTH_OF_DIMENSION},
    ),
    "FrozenScore": _object(
        {"as_of": _DAY},
        sometimes={name: schema for name, schema in {**_STORED, **_STORED_SOMETIMES}.items() if name != "as_of"},
        patternProperties={**_BY_HORIZON, **_HEALTH_OF_DIMENSION},
    ),
    "AccountError": _object(
        {
            "account_id": _TEXT_OR_NULL,
            "error": _object({"type": _said(_TEXT, "As the type of a problem."), "detail": _TEXT}),
        },
        description="The result of an account or a row that has none; its neighbours have theirs.",
    ),
    "ScoreAnswer": _object(
        {
            "as_of": _DAY,
            **_VERSIONS,
            "computed_at": _TIME,
            "horizons": _HORIZONS,
            "drivers_horizon": _DAYS_OR_NULL,
            "interval": _INTERVAL,
            "not_validated_in_time": _NOT_VALIDATED,
            "rule_based": _said({"type": "boolean"}, "Whether there is health by rules and no probability."),
            "results": {
                "type": "array",
                "items": {"anyOf": [_ref("StoredScore"), _ref("AccountError")]},
                "description": "One for each id, in the order asked for.",
            },
        }
    ),
    "FeatureScore": _object(
        {
            "account_id": _TEXT_OR_NULL,
            "as_of": _DAY,
            **_RENEWAL,
            "reading": _READING,
            "missing": _said(_NAMES, "Features that a model reads and the row does not have."),
            "unseen": _said(_NAMES, "Features with a category that a model has never seen."),
            **_DRIVER_LISTS,
        },
        sometimes=_EXPANSION_LISTS,
        patternProperties=_BY_HORIZON,
    ),
    "FeaturesAnswer": _object(
        {
            "model_version": _TEXT,
            "expansion_version": _TEXT_OR_NULL,
            "catalogue_hash": _TEXT,
            "computed_at": _TIME,
            "horizons": _HORIZONS,
            "drivers_horizon": _DAYS,
            "interval": _INTERVAL,
            "not_validated_in_time": _NOT_VALIDATED,
            "results": {
                "type": "array",
                "items": {"anyOf": [_ref("FeatureScore"), _ref("AccountError")]},
                "description": "One for each row, in their order.",
            },
        }
    ),
    "Figures": _object(
        {"renewal_next": _RENEWAL["renewal_next"], "reading": _READING},
        patternProperties=_BY_HORIZON,
        description="What the champion says of one row of features.",
    ),
    "Change": _object(
        {
            "feature": _TEXT,
            "from": {"type": ["number", "string", "null"]},
            "to": {"type": ["number", "string", "null"]},
        }
    ),
    "Moved": _object(
        {
            "feature": _said(_TEXT_OR_NULL, "The feature that leads the driver; null for everything else."),
            "sentence_before": _TEXT,
            "sentence_after": _TEXT,
            "points_before": {"type": "number"},
            "points_after": {"type": "number"},
            "difference": _said({"type": "number"}, "All of them sum to the probability after less that before."),
        }
    ),
    "WhatIfAnswer": _object(
        {
            "account_id": _TEXT,
            "as_of": _DAY,
            "model_version": _TEXT,
            "expansion_version": _TEXT_OR_NULL,
            "catalogue_hash": _TEXT,
            "computed_at": _TIME,
            "horizon": _DAYS,
            "says": _said(_TEXT, "What the answer is, and what it is not."),
            "before": _ref("Figures"),
            "after": _ref("Figures"),
            "changes": _list("Change"),
            "moved": _said(_list("Moved"), "Drivers of churn at `horizon` that moved, the largest difference first."),
            "ignored": _said(_NAMES, "Changed features that no model reads."),
            "unseen": _said(
                _NAMES, "Changed features with a category that a model has never seen; it reads as missing."
            ),
        }
    ),
    "Feedback": _object(
        {
            "id": {"type": "integer"},
            "account_id": _TEXT,
            "verdict": {"type": "string", "enum": list(VERDICTS)},
            "until": _said(_DAY_OR_NULL, "The first day on which the account is shown again."),
            "as_of": _said(_DAY, "The scored day that it speaks of."),
            "given_at": _TIME,
        }
    ),
    "HistoryAnswer": _object(
        {
            "account_id": _TEXT,
            "since": _DAY_OR_NULL,
            "until": _DAY_OR_NULL,
            "more": _said(
                {"type": "boolean"},
                "Whether there are more days than `limit`: later ones where `since` was given, else earlier ones.",
            ),
            "feedback": _list("Feedback"),
            "days": {
                "type": "array",
                "items": {"anyOf": [_ref("StoredScore"), _ref("AccountError")]},
                "description": "The row of each scored day as POST /score answered it, the oldest first.",
            },
        }
    ),
    "Alive": _object({"status": {"const": "alive"}}),
    "ScoresState": _object(
        {"status": {"type": "string", "enum": ["ready", "absent", "unreachable"]}},
        sometimes={
            "detail": _said(_TEXT, "Why there are none, and what to do."),
            "as_of": _DAY,
            **_VERSIONS,
            "rule_based": {"type": "boolean"},
            "computed_at": _TIME,
            "accounts": {"type": "integer", "minimum": 0},
        },
    ),
    "ChampionState": _object(
        {"status": {"type": "string", "enum": ["ready", "loading", "broken", "outdated", "absent"]}},
        sometimes={
            "detail": _said(_TEXT, "Why there is none, and what to do."),
            "model_version": _TEXT,
            "expansion_version": _TEXT_OR_NULL,
            "trouble": _said(_TEXT, "What keeps a newer version from being used."),
        },
    ),
    "Ready": _object(
        {
            "status": {"const": "ready"},
            "model_version": _TEXT_OR_NULL,
            "as_of": _DAY_OR_NULL,
            "rule_based": {"type": "boolean"},
            "scores": _ref("ScoresState"),
            "champion": _ref("ChampionState"),
        },
        description="Ready when scores are stored or a champion is loaded; the members say which.",
    ),
}
