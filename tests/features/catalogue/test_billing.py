"""Billing on literal tables; the day is 2024-06-30, the company around them is that of conftest.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from features.catalogue.billing import BILLING

INVOICES = {
    "invoices": """
        invoice_id, account_id, issued_on,  due_on,     amount, paid_on,    voided_on
        i1,         A,          2024-05-01, 2024-06-29, 10.10,  ,
        i2,         A,          2024-05-01, 2024-06-30, 20,     ,
        i3,         A,          2024-05-01, 2024-05-31, 40.20,  2024-06-30,
        i4,         A,          2024-05-01, 2024-05-30, 80,     ,           2024-06-29
        i5,         A,          2024-05-01, 2024-05-31, 160,    2024-06-01,
        i6,         A,          2024-05-01, 2024-05-31, 160,    2024-05-31,
        i7,         A,          2023-11-01, 2023-12-30, 160,    2024-01-02,
        i8,         A,          2023-11-01, 2023-12-01, 160,    2024-01-01,
        i10,        A,          2024-05-01, 2024-05-31, 160,    2024-06-10, 2024-06-20
        i9,         B,          2024-06-01, 2024-06-15, -30,    ,
        """
}
"""A owes i1 and i3 (paid only on the day itself); i5 came a day late, i7 three. i4 and i10 are void. B has a
credit of 30 past its date."""

VOIDED = {
    "invoices": """
        invoice_id, account_id, issued_on,  due_on,     amount, voided_on
        i1,         A,          2023-01-01, 2023-01-31, 10,     2024-06-29
        i2,         A,          2023-01-01, 2023-01-31, 10,     2023-07-01
        i3,         A,          2023-01-01, 2023-01-31, 10,     2023-06-30
        i4,         A,          2024-06-01, 2024-06-30, 10,     2024-06-30
        i5,         A,          2024-06-01, 2024-06-30, 10,
        """
}
PAYMENTS = {
    "payments": """
        invoice_id, account_id, attempted_at,     succeeded, failure_reason
        i1,         A,          2024-06-30 00:00, false,     expired_card
        i1,         A,          2024-06-29 23:59, false,     expired_card
        i2,         A,          2024-06-10 00:00, true,
        i3,         A,          2024-06-02 00:00, false,     hard_decline
        i4,         A,          2024-06-01 23:59, false,     expired_card
        i5,         A,          2024-04-01 00:00, no,        lost in transit
        i6,         A,          2024-04-01 00:00, 0,         insufficient_funds
        i6,         A,          2024-04-01 09:00, true,      insufficient_funds
        i7,         A,          2024-04-01 00:00, false,     hard_decline
        i7,         A,          2024-04-01 09:00, true,      hard_decline
        i8,         A,          2024-04-01 00:00, false,     expired_card
        i8,         A,          2024-04-01 09:00, true,      expired_card
        i9,         A,          2024-03-31 23:59, false,     insufficient_funds
        i9,         A,          2024-03-31 23:59, false,     hard_decline
        i9,         A,          2024-03-31 23:59, false,     expired_card
        i9,         A,          2024-03-31 23:59, true,
        i0,         B,          2024-03-31 23:59, true,
        """
}
"""Both ends of 28 and 90 days; 7 of A's 11 attempts in 90 days failed. A success keeps the
reason of the failure before."""

CARDS = {
    "cards": """
        account_id, added_on,   expires_on
        A,          2023-01-01, 2027-01-01
        A,          2024-01-01, 2024-06-20
        A,          2024-01-01, 2024-07-10
        A,          2024-06-30, 2029-01-01
        B,          2024-01-01, 2024-06-20
        C,          2024-06-30, 2029-01-01
        """
}
"""The newest card counts, of two added together the one that lasts longer; one added on the day is not known yet."""

UNPAID_UNKNOWN = {"invoices": "invoice_id, account_id, issued_on, due_on, amount\ni1, A, 2024-05-01, 2024-06-01, 10"}
NO_REASONS = {"payments": "invoice_id, account_id, attempted_at, succeeded\ni1, A, 2024-06-29, false"}
FREE = {
    "invoices": INVOICES["invoices"],
    "subscriptions": """
        subscription_id, account_id, plan, started_on, mrr
        s1,              A,          pro,  2023-01-01, 0
        """,
}

CASES = [
    ("overdue_invoices", INVOICES, {"A": 2, "B": 1, "C": 0}),
    ("overdue_invoices", UNPAID_UNKNOWN, {"A": None}),
    ("overdue_amount", INVOICES, {"A": 10.10 + 40.20, "B": -30, "C": 0}),
    ("overdue_amount", UNPAID_UNKNOWN, {"A": None}),
    ("overdue_of_mrr", INVOICES, {"A": 50.30 / 100, "B": -30 / 100, "C": 0}),
    ("overdue_of_mrr", FREE, {"A": None}),
    ("oldest_overdue_days", INVOICES, {"A": 30, "B": 15, "C": None}),
    ("oldest_overdue_days", UNPAID_UNKNOWN, {"A": None}),
    ("late_invoices_180d", INVOICES, {"A": 2, "B": 0}),
    ("late_invoices_180d", UNPAID_UNKNOWN, {"A": None}),
    ("late_payment_hours_180d", INVOICES, {"A": (24 + 72) / 2, "B": None}),
    ("late_payment_hours_180d", UNPAID_UNKNOWN, {"A": None}),
    ("failed_payments_90d", PAYMENTS, {"A": 7, "B": 0}),
    ("failed_payments_90d", {}, {"A": None}),
    ("expired_card_failures_90d", PAYMENTS, {"A": 3, "B": 0}),
    ("expired_card_failures_90d", NO_REASONS, {"A": None}),
    ("hard_decline_failures_90d", PAYMENTS, {"A": 2, "B": 0}),
    ("hard_decline_failures_90d", NO_REASONS, {"A": None}),
    ("days_to_card_expiry", CARDS, {"A": 10, "B": -10, "C": None}),
]


@pytest.mark.parametrize(("name", "tables", "wanted"), CASES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)])
def test_billing(
    name: str, tables: dict[str, str], wanted: dict[str, float | None], check: Callable[..., None]
) -> None:
    check(name, tables, wanted)


def test_every_feature_has_a_case() -> None:
    assert {name for name, _, _ in CASES} == {feature.name for feature in BILLING}
