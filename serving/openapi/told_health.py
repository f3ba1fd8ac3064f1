"""Health: the schemas of what score rows say of health, why it moved, and where an account stands on lists."""

from __future__ import annotations

from typing import Any

from features.feature import DIMENSIONS
from serving.openapi.schemas import (
    COUNT,
    DAY_OR_NULL,
    NUMBER,
    NUMBER_OR_NULL,
    POINTS,
    STAGE,
    TEXT,
    TEXT_OR_NULL,
    object_of,
    ref,
    said,
)

__all__ = ["HEALTH", "HEALTH_BY_DIMENSION", "HEALTH_SCHEMAS", "STANDING"]


def _list_or_null(name: str, description: str) -> dict[str, Any]:
    return {"type": ["array", "null"], "items": ref(name), "description": description}


_APART = "Apart from health, in the same points: "

HEALTH: dict[str, Any] = {
    "stage": said(STAGE, "Where the account is in its life with the product."),
    "health": said(
        NUMBER_OR_NULL,
        "Higher is healthier; exact and not cut. Where a model says it, 50 is the typical account of the segment and "
        "stage, and it is shown as a whole number from 0 to 100; where rules say it, it is from 0 to 100.",
    ),
    "health_source": said(
        {"type": ["string", "null"], "enum": ["model", "rule_based", None]}, "Where the health is from."
    ),
    "health_stage": said(TEXT_OR_NULL, "The stage that it is compared with."),
    "health_cell": said(TEXT_OR_NULL, 'What it is compared with, as in "smb, adoption".'),
    "health_anchor": said(NUMBER_OR_NULL, "Log-odds of leaving of the typical account of that cell."),
    "points_to_double": said(NUMBER_OR_NULL, "Points of health that double the odds of staying."),
    "calendar_points": said(NUMBER_OR_NULL, f"{_APART}what only says when the renewal falls."),
    "plan_points": said(NUMBER_OR_NULL, f"{_APART}what the plan does not include."),
    "no_data_points": said(NUMBER_OR_NULL, f"{_APART}what no table tells of."),
    "band": said(TEXT_OR_NULL, "The band of the health as it is shown."),
}
_BEFORE = "Health on the scored day before"
STANDING: dict[str, Any] = {
    **HEALTH,
    "rule_health": said(POINTS, "What the scorecard says, beside the model's health."),
    "pulse": said(POINTS, "What the CSM said of the account last; it never alters a health."),
    "pulse_on": DAY_OR_NULL,
    "health_before": said(NUMBER_OR_NULL, f"{_BEFORE}, as it was told then."),
    "health_before_on": DAY_OR_NULL,
    "health_before_now": said(NUMBER_OR_NULL, f"{_BEFORE}, as today's model sees it."),
    **{
        f"change_{part}": said(NUMBER_OR_NULL, f"The part of the change since then that is due to {due}.")
        for part, due in (
            ("customer", "what changed at the account itself"),
            ("stage", "another stage, and with it another typical account"),
            ("data", "tables that came or went"),
            ("model", "another model"),
        )
    },
    "change_calendar": said(NUMBER_OR_NULL, "The change of calendar_points, which is no part of health."),
    "health_7d": said(NUMBER_OR_NULL, "Health about a week before, as today's model sees it."),
    "health_7d_on": DAY_OR_NULL,
    "change_7d_customer": said(NUMBER_OR_NULL, "The part of it that came about at the account itself."),
    "change_7d_other": said(NUMBER_OR_NULL, "The rest of it."),
    "health_28d": said(NUMBER_OR_NULL, "Health about four weeks before, as today's model sees it."),
    "health_28d_on": DAY_OR_NULL,
    "moved": _list_or_null("MovedTopic", "What moved health most in that week, the largest first."),
    "listed_since": said(DAY_OR_NULL, "Since when it has been on its CSM's call list without a gap."),
    "list_rank": said({"type": ["integer", "null"], "minimum": 1}, "Its place on that list."),
    "advocated_on": said(DAY_OR_NULL, "The day of its last recommendation."),
    "churned_on": said(DAY_OR_NULL, "The day that it left."),
}
HEALTH_BY_DIMENSION: dict[str, Any] = {
    rf"^health_({'|'.join(DIMENSIONS)})$": said(
        NUMBER_OR_NULL,
        "Health of one dimension; health - 50 is the sum of these, each less 50. Null where nothing of it is known.",
    ),
    rf"^rule_({'|'.join(DIMENSIONS)})$": said(POINTS, "What the scorecard's rules of one dimension say."),
}
HEALTH_SCHEMAS: dict[str, Any] = {
    "Peer": object_of(
        {
            "value": said(NUMBER, "The median of those accounts."),
            "text": said(TEXT, "As a person reads it."),
            "of": said(TEXT, 'Which accounts, as in "renewed accounts of smb, adoption".'),
        }
    ),
    "MovedTopic": object_of(
        {
            "feature": TEXT,
            "dimension": TEXT_OR_NULL,
            "sentence": TEXT,
            "sentence_before": TEXT_OR_NULL,
            "points": said(NUMBER, "Of health, later less earlier."),
            "actionable": {"type": "boolean"},
        },
        description="A driver that moved health, as it reads now and as it read then.",
    ),
    "LeftOut": {
        "type": "object",
        "additionalProperties": COUNT,
        "description": "How many accounts are not in the list, by reason.",
    },
}
