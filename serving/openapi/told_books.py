"""Books: the schemas of the answers to POST /brief, POST /blindsided and POST /alerts."""

from __future__ import annotations

from typing import Any

from serving.layout import STATUSES
from serving.openapi.schemas import (
    COUNT,
    DAY,
    DAY_OR_NULL,
    NAMES,
    NUMBER,
    NUMBER_OR_NULL,
    PROBABILITY,
    SHOWN,
    TEXT,
    TEXT_OR_NULL,
    list_of,
    object_of,
    or_null,
    said,
)  # fmt: skip

__all__ = ["BOOKS"]

_HEALTH = object_of(
    {
        "score": said(SHOWN, "As it is shown."),
        "exact": said(NUMBER, "As it is kept."),
        "band": TEXT_OR_NULL,
        "source": TEXT_OR_NULL,
        "cell": said(TEXT_OR_NULL, "What it is compared with."),
    }
)
_SECTION = object_of({"key": TEXT, "heading": TEXT, "lines": said(NAMES, "Plain text, a sentence or two each.")})
_STEP = object_of(
    {
        "kind": said(TEXT, "note, billing, driver, growth, advocacy or leaving."),
        "text": said(TEXT, "What to do."),
        "because": said(TEXT_OR_NULL, "What calls for it."),
        "dimension": TEXT_OR_NULL,
        "feature": TEXT_OR_NULL,
    }
)
_ALERT_DRIVER = object_of(
    {"feature": TEXT_OR_NULL, "dimension": TEXT_OR_NULL, "sentence": TEXT_OR_NULL, "health_points": NUMBER_OR_NULL}
)
_DRIVERS = {"type": "array", "items": _ALERT_DRIVER}
_TOLD: dict[str, Any] = {
    "name": said(TEXT, "Of the account."),
    "sentence": said(TEXT, "What happened."),
    "value": said(NUMBER_OR_NULL, "The number that the rule is about."),
    "drivers": said(_DRIVERS, "What stands behind it."),
    "play": said(TEXT_OR_NULL, "What the team does about it."),
}

_LOOK = object_of(
    {
        "as_of": said(DAY, "The scored day that was looked at: that day, or the nearest one before it."),
        "status": TEXT_OR_NULL,
        "band": TEXT_OR_NULL,
        "health": said(SHOWN, "As it was shown then."),
        "churn": said(PROBABILITY, "That it would leave within the headline horizon."),
    }
)
_LOOKS = {days: {"anyOf": [_LOOK, {"type": "null"}]} for days in ("90", "60", "30")}
_SUM = object_of({"accounts": COUNT, "mrr": said(NUMBER, "A month, of their last scores, or what they paid last.")})
_SEEN = object_of({"scored": COUNT, "flagged": COUNT})
_LOST = object_of(
    {
        "account_id": TEXT,
        "name": TEXT_OR_NULL,
        "segment": TEXT_OR_NULL,
        "csm_id": said(TEXT_OR_NULL, "Who looked after it when it was scored last."),
        "mrr": said(NUMBER_OR_NULL, "Of its last score; of one that was never scored, what it paid last."),
        "churned_on": DAY,
        "end_reason": said(TEXT_OR_NULL, "As in the subscriptions."),
        "exit_reasons": said(NAMES, "What was stated."),
        "flagged": said(
            {"type": ["boolean", "null"]}, "Whether it was in the worst band on one of those days; null: never scored."
        ),
        "before": object_of(_LOOKS, description="What was told of it so many days before; null: not scored then."),
        "drivers": {
            "type": "array",
            "items": object_of({"feature": TEXT, "dimension": TEXT_OR_NULL, "sentence": TEXT_OR_NULL}),
            "description": "Of 60 days before, those that raised the risk most.",
        },
        "sentence": TEXT,
    }
)

BOOKS: dict[str, Any] = {
    "BlindsidedAnswer": object_of(
        {
            "summary": object_of(
                {
                    "since": DAY,
                    "until": DAY,
                    "as_of": said(DAY, "The day up to which it is known who left."),
                    "lost": _SUM,
                    "flagged_before": object_of(dict.fromkeys(_LOOKS, _SEEN)),
                    "never_flagged": _SUM,
                    "never_scored": _SUM,
                    "flagged": object_of(
                        {
                            "accounts": said(COUNT, "In the worst band on a scored day of the period."),
                            "left": said(COUNT, "Within 90 days of that."),
                            "notice": COUNT,
                            "undecided": said(COUNT, "Those days are not over."),
                            "stayed": COUNT,
                        }
                    ),
                }
            ),
            "sentences": said(NAMES, "The same for a person."),
            "lost": {
                "type": "array",
                "items": _LOST,
                "description": "Every account that left, those never flagged first, then those never scored.",
            },
            "agreement": {
                "type": "object",
                "additionalProperties": {"type": "object", "additionalProperties": COUNT},
                "description": "By stated reason, by the dimension of the largest driver of 60 days before: accounts.",
            },
        }
    ),
    "BriefAnswer": object_of(
        {
            "account_id": TEXT,
            "as_of": DAY,
            "markdown": said(TEXT, "One page; what comes from data is escaped in it."),
            "parts": object_of(
                {
                    "account_id": TEXT,
                    "name": TEXT_OR_NULL,
                    "as_of": DAY,
                    "status": {"type": "string", "enum": list(STATUSES)},
                    "title": TEXT,
                    "about": TEXT,
                    "health": {"anyOf": [_HEALTH, {"type": "null"}]},
                    "sections": {"type": "array", "items": _SECTION},
                    "steps": {"type": "array", "items": _STEP},
                },
                description="The same, part by part; nothing in it is markup.",
            ),
        }
    ),
    "Alert": object_of(
        {
            "alert": said(TEXT, "A stable id; the same that the webhook has."),
            "rule": said(TEXT, "Its name, as in tenure.toml."),
            "account_id": TEXT,
            "csm_id": said(TEXT_OR_NULL, "Who looked after the account on the day that it opened."),
            "opened_on": said(DAY, "The scored day."),
            "closed_on": said(DAY_OR_NULL, "Null while it is open."),
            "withheld": said({"type": "null"}, "What is withheld because of a control arm is not in an answer."),
            **_TOLD,
            "cleared": or_null("AlertCleared", "How it ended."),
        },
        description="From the day that a rule's condition was met until the day that it no longer was.",
    ),
    "AlertCleared": object_of({**_TOLD, "why": said(TEXT, "Why it is over.")}),
    "AlertsAnswer": object_of(
        {
            "alerts": said(list_of("Alert"), "The newest first, 10,000 at most."),
            "total": said(COUNT, "How many there are in all."),
        }
    ),
}
