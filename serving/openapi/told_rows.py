"""Rows: the schemas of the rows of each list, member by member."""

from __future__ import annotations

from typing import Any

from serving.health_list import HEALTH_ROW
from serving.layout import STATUSES
from serving.openapi.schemas import (
    COUNT,
    DAY_OR_NULL,
    NUMBER,
    NUMBER_OR_NULL,
    POINTS,
    PROBABILITY,
    SHOWN,
    STAGE,
    TEXT,
    TEXT_OR_NULL,
    object_of,
    said,
)  # fmt: skip

__all__ = ["MRR", "QUADRANT", "ROWS"]

_WHO: dict[str, Any] = {"account_id": TEXT, "name": TEXT_OR_NULL, "csm_id": TEXT_OR_NULL, "segment": TEXT_OR_NULL}
_STAGED = {**_WHO, "stage": STAGE}
MRR = {"mrr": said(NUMBER_OR_NULL, "Monthly recurring revenue.")}
_BAND = {"band": said(TEXT_OR_NULL, "Of the account's health.")}
_RENEWS = {"renews_on": said(DAY_OR_NULL, "The next renewal, where it is known.")}
_HEALTH = {"health": said(SHOWN, "Health as it is shown: whole, from 0 to 100.")}
_DRIVER = {"driver": said(TEXT_OR_NULL, "The largest driver that can be mended, else the largest, as a sentence.")}
_PLAY = {"play": said(TEXT_OR_NULL, "What the team does about it.")}
_VALUE = {"value": said(NUMBER, "Monthly revenue, weighted where the account is strategic.")}
_ODDS = {
    "churn": said(PROBABILITY, "That it leaves within the headline horizon."),
    "typical": said(PROBABILITY, "The typical account's."),
}
_CONTACT = {"days_since_contact": said(NUMBER_OR_NULL, "Since it was last spoken with, both ways.")}

_CALL = {
    "csm_id": TEXT_OR_NULL,
    "rank": said({"type": "integer", "minimum": 1}, "In the list of its CSM; of billing's list, in the whole."),
    **{name: schema for name, schema in _STAGED.items() if name != "csm_id"},
    **MRR,
    **_VALUE,
    **_ODDS,
    "at_stake": said(NUMBER, "What it is ranked by: monthly revenue at risk beyond the usual."),
    "by": said({"type": "string", "enum": ["probability", "rules"]}, "Whether a model or the rules judged it."),
    "why": said(TEXT, "Why it has this rank."),
    **_HEALTH,
    **_BAND,
    **_DRIVER,
    "driver_feature": TEXT_OR_NULL,
    "driver_dimension": TEXT_OR_NULL,
    **_PLAY,
    **_CONTACT,
    "contact": TEXT,
    **_RENEWS,
    "listed_since": said(DAY_OR_NULL, "Since when it has been on its CSM's list without a gap."),
    "days_listed": NUMBER_OR_NULL,
    "involuntary_share": said(PROBABILITY, "The part of its risk that is payments that fail."),
}
_LEAVING = {
    **_WHO,
    "plan": TEXT_OR_NULL,
    **MRR,
    "ends_on": said(DAY_OR_NULL, "The end of the term, where it is known."),
    "sentence": TEXT,
}
_GROWTH = {
    **_STAGED,
    "plan": TEXT_OR_NULL,
    **_BAND,
    **_RENEWS,
    **MRR,
    "kind": said(
        {"type": "string", "enum": ["upsell", "cross_sell", "likely"]},
        "More of the same, to other departments, or likely without a signal of either.",
    ),
    "why": TEXT,
    "signals": said(COUNT, "How many signals speak for it."),
    "expansion": said(PROBABILITY, "That it grows within the horizon of expansion nearest to the headline's."),
    "typical": said(PROBABILITY, "The typical account's."),
    "to_grow": said(NUMBER_OR_NULL, "What it is ranked by: monthly revenue times that probability."),
    **_HEALTH,
    "limit_used_share": NUMBER_OR_NULL,
    "seats_used_share": NUMBER_OR_NULL,
    "new_users": said(NUMBER_OR_NULL, "In 90 days."),
    "new_departments": said(NUMBER_OR_NULL, "In 180 days."),
    **_CONTACT,
}
_ADVOCATE = {
    **_STAGED,
    "plan": TEXT_OR_NULL,
    **_BAND,
    **MRR,
    "nps": said(NUMBER_OR_NULL, "The lower of its latest answer and its mean, of 10."),
    **_HEALTH,
    "csat": NUMBER_OR_NULL,
    "tenure_days": said(NUMBER_OR_NULL, "Since it became a customer."),
    "last_act": said(DAY_OR_NULL, "When it last spoke for the product, where that is known."),
    "why": TEXT,
}
_RENEWAL = {
    **_STAGED,
    "plan": TEXT_OR_NULL,
    "status": {"type": "string", "enum": list(STATUSES)},
    **_BAND,
    **_RENEWS,
    **MRR,
    **_HEALTH,
    "likelihood": said(PROBABILITY, "That it is still a customer after the renewal; null where that is not known."),
    "kind": {"const": "dated"},
    "month": said({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"}, "Of the renewal."),
    **_DRIVER,
    **_PLAY,
}
_MOVER = {
    "direction": {"type": "string", "enum": ["fall", "rise"]},
    **_STAGED,
    **_BAND,
    **_RENEWS,
    **MRR,
    "mrr_at_risk": NUMBER_OR_NULL,
    **_HEALTH,
    "health_7d": said(SHOWN, "About a week before, as today's model sees it."),
    "health_7d_on": DAY_OR_NULL,
    "change": said(NUMBER, "Points that come from what changed at the account."),
    "other": said(NUMBER, "Points that come from another stage, other data or another model."),
    "driver": said(TEXT_OR_NULL, "What moved most, as it reads now."),
    "driver_before": said(TEXT_OR_NULL, "As it read then."),
    "driver_feature": TEXT_OR_NULL,
    "driver_points": NUMBER_OR_NULL,
    "actionable": {"type": ["boolean", "null"]},
    **_PLAY,
    "sentence": TEXT,
}
_DISAGREEMENT = {
    **_STAGED,
    "pulse_on": said(DAY_OR_NULL, "When the CSM said so."),
    **_RENEWS,
    **MRR,
    **{name: said(SHOWN, of) for name, of in (("model", "The model's health."), ("rules", "The scorecard's."))},
    "pulse": said(SHOWN, "The CSM's."),
    "pair": said(TEXT, "The two that lie furthest apart."),
    "difference": said(POINTS, "Of those two: points of model and pulse, else of their percentiles within the day."),
    "pessimist": {"type": "string", "enum": ["model", "rules", "pulse"]},
    "bands_apart": COUNT,
    "pairs": said(COUNT, "How many pairs differ."),
    "pulse_days": said(NUMBER_OR_NULL, "How old the pulse is."),
    "pulse_old": {"type": "boolean"},
    "sentence": TEXT,
}
_KINDS = {"text": TEXT_OR_NULL, "number": NUMBER_OR_NULL, "date": DAY_OR_NULL, "points": SHOWN}
_HEALTH_ROW = {name: _KINDS[kind] for name, kind in HEALTH_ROW.items()} | {
    "account_id": TEXT,
    "stage": STAGE,
    "status": {"type": "string", "enum": list(STATUSES)},
    "churn": said(PROBABILITY, "That it leaves within the headline horizon."),
    "reading": said(TEXT_OR_NULL, "The same as a person says it."),
}
QUADRANT = {"type": "string", "enum": ["call_now", "automated_play", "grow", "leave_alone"]}
_PLACED = {
    **_STAGED,
    **MRR,
    **_VALUE,
    **_ODDS,
    "times_typical": said(NUMBER_OR_NULL, "The one divided by the other."),
    **_HEALTH,
    **_BAND,
    "quadrant": QUADRANT,
}
ROWS: dict[str, Any] = {
    "calls": object_of(_CALL),
    "billing": object_of(_CALL),
    "leaving": object_of(_LEAVING),
    "growth": object_of(_GROWTH),
    "advocates": object_of(_ADVOCATE),
    "renewals": object_of(_RENEWAL),
    "movers": object_of(_MOVER),
    "disagreements": object_of(_DISAGREEMENT),
    "health": object_of(_HEALTH_ROW),
    "matrix": object_of(_PLACED),
}
"""By list; those of the overview speak of groups of accounts."""
