"""Billing and growth: whether the account pays, and whether what it buys grows or shrinks."""

from features.algebra import Change, Condition, Count, DaysUntil, Latest, State, Sum, Window
from features.feature import Feature

__all__ = ["BILLING", "GROWTH"]

STANDING = Condition("voided_on", "empty", needed=False)
UNPAID = Condition("paid_on", "empty")
OVERDUE = Condition("due_on", "due")
FAILED = Condition("succeeded", "in", ("false",))

BILLING = (
    Feature(
        name="overdue_invoices",
        dimension="billing",
        measure=Count(Window("invoices", where=(STANDING, UNPAID, OVERDUE))),
        unit="invoices",
        show="count|invoice",
        sentence="The account has {value} past due",
        missing="No invoices are on record",
        topic="overdue",
        good="low",
        actionable=True,
    ),
    Feature(
        name="overdue_amount",
        dimension="billing",
        measure=Sum(Window("invoices", where=(STANDING, UNPAID, OVERDUE)), "amount"),
        unit="money",
        show="money",
        sentence="The account owes {value} that is past due",
        missing="No invoices are on record",
        topic="overdue",
        good="low",
        low=None,
        actionable=True,
    ),
    Feature(
        name="late_invoices_180d",
        dimension="billing",
        measure=Count(
            Window("invoices", days=180, at="paid_on", where=(STANDING, Condition("paid_on", "after", ("due_on",))))
        ),
        unit="invoices",
        show="count|invoice",
        sentence="The account paid {value} after the due date in the last 180 days",
        missing="No invoices are on record",
        good="low",
        actionable=True,
    ),
    Feature(
        name="failed_payments_90d",
        dimension="billing",
        measure=Count(Window("payments", days=90, where=(FAILED,))),
        unit="payments",
        show="count|attempt to collect a payment|attempts to collect a payment",
        sentence="{value} failed in the last 90 days",
        missing="No payments are on record",
        good="low",
        actionable=True,
        topic="failed_payments",
    ),
    Feature(
        name="failed_payments_28d",
        dimension="billing",
        measure=Count(Window("payments", days=28, where=(FAILED,))),
        unit="payments",
        show="count|attempt to collect a payment|attempts to collect a payment",
        sentence="{value} failed in the last four weeks",
        missing="No payments are on record",
        good="low",
        actionable=True,
        topic="failed_payments",
    ),
    Feature(
        name="days_to_card_expiry",
        dimension="billing",
        measure=DaysUntil(Latest(Window("cards"), "expires_on")),
        unit="days",
        show="until|expires|expired",
        sentence="The card on file {value}",
        missing="No card is on record",
        good="high",
        low=None,
        actionable=True,
    ),
)

GROWTH = (
    Feature(
        name="mrr_change_180d",
        dimension="growth",
        measure=Change(State("mrr"), State("mrr_before")),
        unit="share",
        show="change",
        sentence="What the account pays a month {value} in 180 days",
        missing="What the account paid 180 days ago is not known",
        good="high",
        low=None,
    ),
    Feature(
        name="new_users_90d",
        dimension="growth",
        measure=Count(Window("users", days=90)),
        unit="users",
        show="count|new user",
        sentence="The account added {value} in the last 90 days",
        missing="No users are on record",
        good="high",
        actionable=True,
    ),
)
