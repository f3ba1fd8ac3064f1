"""Lists: the schemas of the answers to POST /lists, list by list and member by member."""

from __future__ import annotations

from typing import Any

from features.feature import DIMENSIONS
from serving.lists import LISTS
from serving.openapi.schemas import (
    COUNT,
    DAY,
    MONEY,
    NAMES,
    NUMBER,
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
)  # fmt: skip
from serving.openapi.told_rows import MRR, QUADRANT, ROWS

__all__ = ["LIST_SCHEMAS"]

_LEFT_OUT = {"left_out": ref("LeftOut")}
_NOTES = {"notes": said(NAMES, "What to know when reading it, each a sentence.")}
_GROUP: dict[str, Any] = {
    "group": said(TEXT_OR_NULL, "Null for accounts without one, and for everyone."),
    "accounts": said(COUNT, "That have a health."),
    **MRR,
    "mrr_at_risk": NUMBER_OR_NULL,
    "mean_health": said(NUMBER_OR_NULL, "Exact; less 50 it is the sum of its dimensions' means, each less 50."),
    "median_health": NUMBER_OR_NULL,
    **{f"mean_{name}": NUMBER_OR_NULL for name in DIMENSIONS},
    "change_7d": said(NUMBER_OR_NULL, "The mean change in a week, of those with a health of last week."),
    "change_7d_customer": said(NUMBER_OR_NULL, "The part of it that comes from what changed at the accounts."),
    "compared": said(COUNT, "How many have a health of last week."),
}
_SHARES = {
    r"^(accounts|mrr)_(?!at_risk$).+$": said(PROBABILITY, "The share of the accounts, or of their revenue, in a band.")
}
_ASIDE = object_of({"accounts": COUNT, "mrr": NUMBER, "known": COUNT, "expected_mrr": NUMBER_OR_NULL})
_MONTH = {
    "month": TEXT,
    "accounts": COUNT,
    "mrr": said(NUMBER, "Up for renewal, a month."),
    "known": said(COUNT, "Accounts with a likelihood."),
    "expected_mrr": NUMBER_OR_NULL,
    "low": said(NUMBER_OR_NULL, "See `range`."),
    "high": said(NUMBER_OR_NULL, "See `range`."),
    "notice_given": COUNT,
    "notice_mrr": NUMBER,
    "unknown": said(COUNT, "Accounts without a likelihood."),
    "unknown_mrr": NUMBER,
    "sentence": TEXT,
}
_JUDGED = {
    "listed": said(COUNT, "Accounts on the call lists of the newest days of which something was said."),
    "judged": COUNT,
    "agreed": said(COUNT, "Not disagreed with."),
    "disagreed": COUNT,
    "precision": said(PROBABILITY, "Null where too few were judged."),
    "low": said(PROBABILITY, "Of its 95 % interval."),
    "high": said(PROBABILITY, "Of its 95 % interval."),
    "sentence": TEXT,
}
_PLAIN = {**_LEFT_OUT, **_NOTES}

_ROWS_AND_SUMMARIES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "calls": (
        ROWS["calls"],
        {
            **_PLAIN,
            "capacity": said({"type": "integer", "minimum": 1}, "Accounts of each CSM at most, whatever `count` is."),
            "precision": or_null("Precision", "How often the lists were right, by POST /feedback."),
        },
    ),
    "billing": (ROWS["billing"], _PLAIN),
    "leaving": (ROWS["leaving"], _PLAIN),
    "growth": (ROWS["growth"], _PLAIN),
    "advocates": (ROWS["advocates"], _PLAIN),
    "renewals": (
        ROWS["renewals"],
        {
            "months": {"type": "array", "items": object_of(_MONTH)},
            "monthly_terms": said(_ASIDE, "Accounts that renew every month, which stand in no row."),
            "without_date": said(_ASIDE, "Accounts whose renewal is not on record, likewise."),
            "total": object_of({"accounts": COUNT, "mrr": NUMBER}, description="Of all of them."),
            "range": said(TEXT, "What low and high are."),
            **_NOTES,
        },
    ),
    "movers": (ROWS["movers"], _PLAIN),
    "disagreements": (ROWS["disagreements"], {**_PLAIN, "pairs": NAMES}),
    "health": (
        ROWS["health"],
        {"bands": {"type": "array", "items": object_of({"band": TEXT, "accounts": COUNT})}, **_PLAIN},
    ),
    "matrix": (
        ROWS["matrix"],
        {
            "quadrants": {
                "type": "array",
                "items": object_of(
                    {"quadrant": QUADRANT, "accounts": COUNT, "mrr": NUMBER, "mrr_at_risk": MONEY, "sentence": TEXT}
                ),
            },
            **_PLAIN,
            "high_risk": said(NUMBER, "Times the typical probability from which risk is high."),
            "high_value": said(NUMBER_OR_NULL, "Monthly revenue from which value is high."),
            "weighted": said({"type": "boolean"}, "Whether strategic accounts count for more."),
        },
    ),
    "overview": (
        object_of({"by": {"type": "string", "enum": ["segment", "stage", "csm"]}, **_GROUP}, patternProperties=_SHARES),
        {
            "line": said(TEXT, "All of it in one sentence."),
            "overall": {"anyOf": [object_of(_GROUP, patternProperties=_SHARES), {"type": "null"}]},
            "bands": said(NAMES, "The worst first."),
            **_PLAIN,
        },
    ),
}


def _list_schemas() -> dict[str, Any]:
    """A schema for each list, and one for all of them."""
    found: dict[str, Any] = {}
    for name, (row, summary) in _ROWS_AND_SUMMARIES.items():
        title = name.capitalize()
        found[f"{title}Row"] = row
        found[f"{title}List"] = object_of(
            {
                "list": {"const": name},
                "as_of": said(DAY, "The scored day."),
                "model_version": TEXT_OR_NULL,
                "computed_at": TIME,
                "rows": said(list_of(f"{title}Row"), "The first one first; `count` at most."),
                "total": said(COUNT, "How many there are in all, whatever `count` is."),
                "summary": object_of(summary),
            },
            description=LISTS[name].says,
        )
    found["ListAnswer"] = {"anyOf": [ref(f"{name.capitalize()}List") for name in _ROWS_AND_SUMMARIES]}
    return found


LIST_SCHEMAS: dict[str, Any] = {
    "Precision": object_of(
        {
            "rows": said({"type": "array", "items": object_of({"csm_id": TEXT_OR_NULL, **_JUDGED})}, "One a CSM."),
            "total": COUNT,
            **_PLAIN,
            "overall": object_of(_JUDGED),
        }
    ),
    **_list_schemas(),
}
