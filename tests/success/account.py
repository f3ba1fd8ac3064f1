"""An account: its row, drivers and facts as scoring stores them, for tests of what is told of it."""

from __future__ import annotations

from typing import Any

from features.settings import Settings
from success.brief import brief

__all__ = ["DRIVERS", "FACTS", "GONE", "ROW", "SETTINGS", "YOUNG", "read"]

SETTINGS = Settings()
ROW: dict[str, Any] = {
    "account_id": "A1", "as_of": "2026-03-02", "name": "Onyx Ltd", "segment": "mid", "status": "ok", "csm_id": "C7",
    "plan": "pro", "mrr": 1250.0, "mrr_at_risk": 250.0, "renews_on": "2026-04-12", "stage": "adoption",
    "drivers_horizon": 90, "churn_90d": 0.2, "typical_90d": 0.05, "involuntary_90d": 0.02, "expected_mrr_90d": 1020.0,
    "renewal_next": 0.9, "health": 34.2, "band": "red", "health_source": "model", "health_cell": "mid, adoption",
    "points_to_double": 10.0, "calendar_points": -6.2, "plan_points": 0.0, "no_data_points": 0.0,
    "health_engagement": 31.0, "health_billing": 44.2, "health_adoption": 49.0, "health_relationship": 60.0,
    "health_support": 50.0, "health_growth": 50.0, "health_contract": 50.0, "health_sentiment": None,
    "rule_health": 62.0, "rule_scores": "[]", "pulse": 75.0, "pulse_on": "2026-02-20",
    "health_before": 36.0, "health_before_on": "2026-03-01", "change_customer": -3.0, "change_stage": 1.2,
    "change_data": 0.0, "change_model": 0.0, "change_calendar": -0.1,
    "health_7d": 41.0, "health_7d_on": "2026-02-23", "change_7d_customer": -6.8, "change_7d_other": 0.0,
    "health_28d": 45.0, "health_28d_on": "2026-02-02",
    "moved": '[{"feature": "active_users_28d", "dimension": "engagement", "points": -4.4, "actionable": true, '
    '"sentence": "18 people used the product in the last four weeks", '
    '"sentence_before": "31 people used the product in the last four weeks"}]',
    "listed_since": "2026-02-23", "list_rank": 3.0, "arm": None, "reason": None,
}  # fmt: skip
DRIVERS: list[dict[str, Any]] = [
    {"feature": "active_users_28d", "dimension": "engagement", "actionable": True, "points": 0.09, "value": 18.0,
     "health_points": -14.0, "sentence": "18 people used the product in the last four weeks (typical: 31 people)",
     "peer": {"value": 27.0, "text": "27 people", "of": "renewed accounts of mid, adoption"}},
    {"feature": "days_to_renewal", "dimension": "contract", "actionable": False, "points": 0.05, "value": 41.0,
     "health_points": None, "sentence": "The next renewal is 41 days away", "peer": None},
    {"feature": "failed_payments_90d", "dimension": "billing", "actionable": True, "points": 0.03, "value": 2.0,
     "health_points": -5.8, "sentence": "2 attempts to collect a payment failed in the last 90 days", "peer": None},
    {"feature": "champions", "dimension": "relationship", "actionable": True, "points": -0.04, "value": 2.0,
     "health_points": 10.0, "sentence": "The account has 2 champions of the product among its users", "peer": None},
]  # fmt: skip
FACTS: dict[str, Any] = {
    "customer_since": "2023-04-12", "returns": 0, "plan": "pro", "seats": 24, "term_months": 12,
    "renews_on": "2026-04-12", "renewals": 2, "mrr": 1250, "currency": "EUR", "mrr_year_ago": 1000,
    "churned_on": None, "end_reason": None, "csm": {"id": "C7", "since": "2025-06-01"}, "arm": None,
    "contact": {"count_90d": 2, "two_way": {"on": "2026-01-20", "kind": "qbr", "csm": "C7"}, "touches": [
        {"on": "2026-02-10", "kind": "email", "way": "unanswered", "csm": "C7", "minutes": 1},
        {"on": "2026-01-20", "kind": "qbr", "way": "answered", "csm": "C7", "minutes": 45, "satisfaction": 4}]},
    "sponsors": {"champions": {"count": 2, "ids": ["U1", "U2"]}, "decision_makers": {"count": 0, "ids": []},
                 "left": [{"id": "U9", "role": "decision_maker", "on": "2026-01-05"}]},
    "users": {"registered": 20, "staying": 18, "ever_used": 15},
    "milestones": {"count": 5, "reached": 5, "open": [], "recent": [], "first_value_on": "2023-06-01"},
    "tickets": {"open": 1, "oldest_open_on": "2026-02-20", "worst": "urgent", "escalated": 1, "opened_90d": 3,
                "urgent_90d": 1},
    "invoices": {"overdue": 1, "amount": 1250, "oldest_due_on": "2026-02-26"},
    "payments": {"failed_90d": 2, "last_failed_on": "2026-02-27", "reason": "expired_card", "paid_since": False},
    "card_expires_on": "2026-03-14", "surveys": {"nps": {"score": 6, "on": "2026-01-09", "role": "champion"}},
    "advocacy": {"count_365d": 0}, "exits": [],
    "features": {"most": [["reports", 9]], "included": 3, "unused_count": 1, "unused": ["exports"]},
    "usage": {"first_on": "2023-04-13", "last_on": "2026-03-01", "weeks": [9, 9, 8, 8, 7, 6, 5, 4], "people_28d": 18,
              "people_before": 31},
}  # fmt: skip
YOUNG = {
    "customer_since": "2026-01-20", "renewals": 0, "mrr_year_ago": None,
    "users": {"registered": 9, "staying": 9, "ever_used": 2},
    "milestones": {"count": 3, "reached": 1, "recent": [], "open": [
        {"name": "go_live", "kind": "live", "due_on": "2026-03-20"}, {"name": "training", "due_on": "2026-02-25"}]},
    "usage": {"first_on": "2026-01-23", "last_on": "2026-03-01", "weeks": [0, 0, 1, 2, 3, 3, 2, 2], "people_28d": 2,
              "people_before": 1},
}  # fmt: skip
GONE = {**dict.fromkeys(ROW), "account_id": "A1", "as_of": "2026-03-02", "name": "Onyx Ltd", "status": "churned",
        "reason": "The last paid subscription has ended."}  # fmt: skip


def read(row: dict[str, Any] = ROW, facts: dict[str, Any] | None = FACTS, **given: Any) -> str:
    """The brief of the account, with anything else in place of what is given."""
    return brief(row, given.pop("drivers", DRIVERS), facts, given.pop("settings", SETTINGS), **given)
