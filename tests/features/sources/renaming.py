"""Other companies' words for the simulated company: what a CRM, a billing system and a help desk call things."""

from __future__ import annotations

import re

TABLES = {
    "accounts": "customers",
    "users": "contacts",
    "subscriptions": "contracts",
    "usage": "product_events",
    "entitlements": "plan_features",
    "milestones": "onboarding_steps",
    "tickets": "support_cases",
    "invoices": "bills",
    "payments": "payment_attempts",
    "cards": "payment_methods",
    "surveys": "survey_responses",
    "touches": "csm_activities",
    "assignments": "account_owners",
    "advocacy": "references",
    "exits": "exit_interviews",
    "costs": "expenses",
    "churns": "cancellations",
    "arms": "experiment_groups",
}

COLUMNS = {
    "accounts": {
        "account_id": "customer_id", "created_on": "signup_date", "name": "customer_name", "segment": "size_band",
        "industry": "sector", "region": "country", "employees": "headcount", "touch_model": "service_level",
        "strategic": "is_key_account", "sold_on": "deal_closed_date", "sold_by": "sales_rep",
    },
    "users": {
        "user_id": "contact_id", "account_id": "customer_id", "created_on": "invited_date", "role": "job_role",
        "department": "team", "deactivated_on": "disabled_at",
    },
    "subscriptions": {
        "subscription_id": "contract_number", "account_id": "customer_id", "plan": "product_tier",
        "started_on": "effective_date", "ended_on": "termination_date", "end_reason": "termination_type",
        "renews_on": "next_renewal_date", "term_months": "commitment_months", "seats": "licence_count",
        "mrr": "monthly_fee", "currency": "currency_code", "notice_on": "cancellation_requested_on",
        "notice_withdrawn_on": "cancellation_withdrawn_on", "trial": "is_trial",
    },
    "usage": {
        "account_id": "customer_id", "day": "event_date", "feature": "module_name", "events": "click_count",
        "user_id": "contact_id", "minutes": "time_spent_min",
    },
    "entitlements": {"plan": "product_tier", "feature": "module_name", "core": "is_core", "monthly_limit": "quota"},
    "milestones": {
        "account_id": "customer_id", "milestone": "step_name", "kind": "step_type", "due_on": "target_date",
        "reached_on": "completed_date",
    },
    "tickets": {
        "ticket_id": "case_number", "account_id": "customer_id", "opened_at": "created_time", "priority": "severity",
        "category": "topic", "user_id": "requester_id", "first_response_at": "first_reply_time",
        "resolved_at": "closed_time", "reopened_at": "reopen_time", "escalated_at": "escalation_time",
        "csat": "satisfaction_rating", "csat_at": "rated_time",
    },
    "invoices": {
        "invoice_id": "bill_number", "account_id": "customer_id", "issued_on": "bill_date", "due_on": "pay_by_date",
        "amount": "total_amount", "paid_on": "settled_date", "voided_on": "credited_date",
    },
    "payments": {
        "invoice_id": "bill_number", "account_id": "customer_id", "attempted_at": "charge_time",
        "succeeded": "was_successful", "failure_reason": "decline_code",
    },
    "cards": {"account_id": "customer_id", "added_on": "stored_date", "expires_on": "expiration_date"},
    "surveys": {
        "account_id": "customer_id", "kind": "survey_type", "responded_at": "answered_time", "score": "rating",
        "user_id": "contact_id", "sent_at": "invited_time", "recorded_at": "loaded_time",
    },
    "touches": {
        "account_id": "customer_id", "csm_id": "manager_id", "occurred_at": "activity_time", "kind": "activity_type",
        "direction": "in_or_out", "answered": "got_reply", "minutes": "length_minutes", "proactive": "was_planned",
        "satisfaction": "customer_rating",
    },
    "assignments": {
        "account_id": "customer_id", "csm_id": "owner_id", "from_on": "start_date", "to_on": "end_date",
    },
    "advocacy": {"account_id": "customer_id", "occurred_on": "reference_date", "kind": "reference_type"},
    "exits": {"account_id": "customer_id", "asked_on": "interview_date", "reason": "main_cause"},
    "costs": {
        "month": "booking_month", "category": "cost_type", "amount": "value_eur", "csm_id": "manager_id",
        "segment": "size_band",
    },
    "churns": {"account_id": "customer_id", "churned_on": "cancelled_date", "reason": "cancellation_cause"},
    "arms": {
        "account_id": "customer_id", "arm": "variant", "from_on": "start_date", "to_on": "end_date",
    },
}  # fmt: skip

STYLES = ("snake", "camel", "title")


def styled(name: str, style: str) -> str:
    """A snake_case name in another fashion: sizeBand, or Size Band."""
    parts = re.split("_", name)
    if style == "camel":
        return parts[0] + "".join(p.capitalize() for p in parts[1:])
    return " ".join(p.capitalize() for p in parts) if style == "title" else name
