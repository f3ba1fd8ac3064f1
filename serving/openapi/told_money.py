"""Money: the schemas of the answers to POST /roi and POST /revenue, member by member."""

from __future__ import annotations

from typing import Any

from serving.openapi.schemas import (
    COUNT,
    DAY,
    DAY_OR_NULL,
    NAMES,
    NUMBER,
    NUMBER_OR_NULL,
    TEXT,
    TEXT_OR_NULL,
    TIME,
    list_of,
    object_of,
    or_null,
    ref,
    said,
)  # fmt: skip
from serving.reports import GROUPINGS

__all__ = ["REPORTS"]

_HEAD: dict[str, Any] = {
    "period": said(TEXT, "2025Q3, 2025-07 or 2025."),
    "from": said(DAY, "The period's first day."),
    "until": said(DAY, "The day after its last."),
    "as_of": said(DAY, "What was known strictly before it counts."),
    "partial_until": said(DAY_OR_NULL, "Where the period was not over then: the day up to which it is told."),
    "currency": said(TEXT_OR_NULL, "Of every amount; null where the subscriptions name none."),
}
_COUNT_OR_NULL = {"type": ["integer", "null"], "minimum": 0}
_NOTES = {"notes": said(NAMES, "What to know when reading it, each a sentence.")}
_COMPUTED = {"computed_at": said(TIME, "When the report was made.")}
_METRIC: dict[str, Any] = {
    "title": TEXT,
    "value": said(NUMBER_OR_NULL, "Null where it is not defined; `note` says why."),
    "unit": said(TEXT, "Of the value: share, money, accounts, days, multiple ..."),
    "numerator": NUMBER_OR_NULL,
    "denominator": said(NUMBER_OR_NULL, "Null for a sum or a count."),
    "formula": said(TEXT, "Numerator over denominator in words."),
}
_METRIC_NOTE = {"note": said(TEXT, "Why there is no value, or what to know of it.")}
_ENDS = {"low": said(NUMBER_OR_NULL, "Of the 90 % interval."), "high": said(NUMBER_OR_NULL, "Likewise.")}

_BOOK: dict[str, Any] = {
    "accounts": said(NUMBER, "Accounts, by the share of the period's days that they were held."),
    "mrr": said(NUMBER, "Monthly recurring revenue at the start."),
    "expected_revenue": NUMBER_OR_NULL,
    "realised_revenue": NUMBER_OR_NULL,
    "impact_revenue": said(ref("Figure"), "Realised less expected, within the period."),
    "expected_exit_mrr": said(NUMBER_OR_NULL, "What was expected to be paid a month on the period's last day."),
    "realised_exit_mrr": NUMBER_OR_NULL,
    "impact_exit": said(ref("Figure"), "12 times realised less expected MRR on the last day."),
    "expected_over_realised": said(ref("Figure"), "Of revenue; around 1 where the forecast was right."),
    "expected_churns": NUMBER_OR_NULL,
    "churns": NUMBER_OR_NULL,
    "saves": said(ref("Figure"), "Expected less actual churns."),
    "saves_worth": said(ref("Figure"), "What they are worth in a year."),
    "expansion": said(ref("Figure"), "A year's revenue of growth beyond what was expected."),
    "shift_exit": said(NUMBER_OR_NULL, "The part of the exit impact that is common to all books."),
    "remainder_exit": said(ref("Figure"), "What is left of it."),
    "shift_revenue": said(NUMBER_OR_NULL, "Likewise of the impact within the period."),
    "remainder_revenue": ref("Figure"),
}
_ACCOUNT: dict[str, Any] = {"account_id": TEXT, "name": TEXT_OR_NULL}
_SENTENCE = {"sentence": TEXT}
_SINCE = object_of(
    {
        "accounts": said(COUNT, "Assignments, also those that are over."),
        "held": COUNT,
        "left": COUNT,
        "handed_over": COUNT,
        "from": said(DAY_OR_NULL, "The day of the earliest."),
        "expected_exit_mrr": said(
            NUMBER, "Expected, when each was taken, to be paid a month where the CSM's part ended."
        ),
        "realised_exit_mrr": NUMBER,
        "impact_exit": said(ref("Figure"), "12 times the difference."),
        "reconstructed": said(COUNT, "Of them, forecasts that were made afterwards, from what was known then."),
        **_SENTENCE,
    }
)
_RANK = object_of(
    {
        "csm_id": TEXT,
        "rank": said({"type": ["integer", "null"], "minimum": 1}, "Null where no difference can be seen."),
        "shrunken": said(NUMBER, "Drawn towards the average, 0; see `method`."),
        "low": NUMBER,
        "high": NUMBER,
    }
)
_SHIFT = object_of(
    {
        "loss": said(NUMBER_OR_NULL, "Of what was expected to be lost, the share that was not."),
        "growth": said(NUMBER_OR_NULL, "Of what was expected of those who stayed, the share beyond it."),
        "exit": said(NUMBER_OR_NULL, "What both make of the CSMs' books, a year."),
        "revenue": said(NUMBER_OR_NULL, "Likewise, within the period."),
        **_SENTENCE,
    }
)
_DEFINITION = object_of(dict.fromkeys(("title", "formula", "unit", "numerator", "denominator"), TEXT))
_LISTS: dict[str, tuple[str, dict[str, Any]]] = {
    "explained": (
        "The ten accounts that explain most of the exit impact.",
        {
            "share": said(NUMBER, "Of the account, by days held."),
            "expected": said(NUMBER, "MRR on the last day."),
            "realised": said(NUMBER, "Likewise."),
            "difference": said(NUMBER, "What the book has of it in a year."),
            **_SENTENCE,
        },
    ),
    "changed_hands": (
        "Accounts that others held too, split by days.",
        {"share": NUMBER, "days": NUMBER, "until_on": said(DAY_OR_NULL, "When this CSM's part of it ended.")},
    ),
    "notices_withdrawn": (
        "Notices that were withdrawn in the period.",
        {"notice_on": DAY_OR_NULL, "withdrawn_on": DAY, "mrr": NUMBER_OR_NULL},
    ),
    "won_back": (
        "Accounts that came back after a churn, which the figures do not count.",
        {
            "left_on": DAY_OR_NULL,
            "returned_on": DAY,
            "mrr": NUMBER_OR_NULL,
            "inside": said({"type": "boolean"}, "Whether it left in the period, and counts as lost."),
        },
    ),
}


def _listed(columns: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": object_of({**_ACCOUNT, **columns})}


REPORTS: dict[str, Any] = {
    "Metric": object_of(_METRIC, sometimes=_METRIC_NOTE, description="A figure that says how it is made."),
    "MetricBetween": object_of({**_METRIC, **_ENDS}, sometimes=_METRIC_NOTE, description="A metric with an interval."),
    "Figure": object_of({"value": NUMBER_OR_NULL, **_ENDS}, description="An amount with its 90 % interval."),
    "Book": object_of(_BOOK, description="What was expected of accounts, and what came of them."),
    "CsmReport": object_of(
        {
            "csm_id": TEXT,
            **_BOOK,
            "cost": said(ref("Metric"), "The loaded cost in the period."),
            "roi": said(ref("MetricBetween"), "Exit impact times gross margin over cost; 1 breaks even."),
            "verdict": {"type": "string", "enum": ["better", "worse", "cannot be told", "too small to tell"]},
            "too_small": {"type": "boolean"},
            "sentences": said(NAMES, "The same for a person."),
            "since": said(_SINCE, "Since each account was taken: what is never reset."),
            **{name: said(_listed(columns), text) for name, (text, columns) in _LISTS.items()},
            "left_out": said(COUNT, "Accounts of the book that count on neither side, such as new customers."),
        },
        description="What the book of a CSM was worth against what was expected of it.",
    ),
    "Ranking": object_of(
        {
            **_SENTENCE,
            "method": said(
                {"type": "string", "enum": ["losses", "money"]},
                "What `shrunken` is: of the expected churns the share that did not come, or the remainder over a year "
                "of the starting MRR.",
            ),
            "seen": said({"type": "boolean"}, "Whether any difference can be seen beyond chance."),
            "spread": said(NUMBER, "By how much CSMs are estimated to differ truly."),
            "rows": {"type": "array", "items": _RANK},
        }
    ),
    "RoiAnswer": object_of(
        {
            **_HEAD,
            "gross_margin": ref("Metric"),
            "question": said(TEXT, "Which question these figures answer, and which they do not."),
            **_NOTES,
            "company": or_null("Book", "All books as one; null for a token that is bound to a book."),
            "csms": list_of("CsmReport"),
            "nobody": or_null("Book", "Accounts that nobody held; null where there are none."),
            "shift": {"anyOf": [_SHIFT, {"type": "null"}], "description": "Common to all books."},
            "reconstructed": said(_COUNT_OR_NULL, "Forecasts that were made after the period began."),
            "ranking": or_null("Ranking", "On estimates that are drawn towards each other."),
            "definitions": {"type": "object", "additionalProperties": _DEFINITION, "description": "Of each figure."},
            **_COMPUTED,
        }
    ),
    "RevenueGroup": object_of(
        {
            "group": said(TEXT_OR_NULL, "Null for the total; empty for accounts that are in none."),
            "movement": {
                "type": "object",
                "additionalProperties": NUMBER,
                "description": "MRR by what moved it: from `opening` everything else adds up to `closing`.",
            },
            "metrics": {"type": "object", "additionalProperties": ref("Metric"), "description": "By name."},
            "flags": said(NAMES, "What deserves a look, each a sentence."),
        }
    ),
    "RevenueAnswer": object_of(
        {
            **_HEAD,
            "by": said({"type": ["string", "null"], "enum": [*GROUPINGS, None]}, "What it is told by."),
            "total": or_null("RevenueGroup", "Of all accounts; null for a token that is bound to a book."),
            "groups": list_of("RevenueGroup"),
            **_NOTES,
            **_COMPUTED,
        }
    ),
}
