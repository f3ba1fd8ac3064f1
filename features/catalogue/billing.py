"""Billing: whether what the account owes is paid, on time and at the first attempt."""

from features.algebra import Condition, Count, DaysUntil, Earliest, Latest, MedianHours, Ratio, State, Sum, Window
from features.feature import Feature

__all__ = ["BILLING"]

STANDING = Condition("voided_on", "empty", needed=False)
OVERDUE = (STANDING, Condition("paid_on", "empty"), Condition("due_on", "due"))
LATE = (STANDING, Condition("paid_on", "after", ("due_on",)))
FAILED = Condition("succeeded", "in", ("false",))
SUCCEEDED = Condition("succeeded", "in", ("true",))

BILLING = (
    Feature(
        name="overdue_invoices",
        dimension="billing",
        measure=Count(Window("invoices", where=OVERDUE)),
        unit="invoices",
        show="count|invoice",
        sentence="The account has {value} past due",
        missing="Which invoices are past due is not on record",
        topic="overdue",
        good="low",
        actionable=True,
    ),
    Feature(
        name="overdue_amount",
        dimension="billing",
        measure=Sum(Window("invoices", where=OVERDUE), "amount"),
        unit="money",
        show="money",
        sentence="The account owes {value} that is past due",
        missing="Which invoices are past due is not on record",
        topic="overdue",
        good="low",
        low=None,
        actionable=True,
    ),
    Feature(
        name="overdue_of_mrr",
        dimension="billing",
        measure=Ratio(Sum(Window("invoices", where=OVERDUE), "amount"), State("mrr")),
        unit="share of a month's fee",
        show="percent",
        sentence="What is past due comes to {value} of what the account pays a month",
        missing="The part of a month's fee that is past due is not known",
        topic="overdue",
        good="low",
        low=None,
        actionable=True,
    ),
    Feature(
        name="oldest_overdue_days",
        dimension="billing",
        measure=Earliest(Window("invoices", at="due_on", where=OVERDUE)),
        unit="days",
        show="days",
        sentence="The oldest invoice past due should have been paid {value} ago",
        missing="No invoice past due is on record",
        topic="overdue",
        good="low",
        actionable=True,
    ),
    Feature(
        name="late_invoices_180d",
        dimension="billing",
        measure=Count(Window("invoices", days=180, at="paid_on", where=LATE)),
        unit="invoices",
        show="count|invoice",
        sentence="The account paid {value} after the due date in the last 180 days",
        missing="When invoices were paid is not on record",
        topic="late_payments",
        good="low",
        actionable=True,
    ),
    Feature(
        name="late_payment_hours_180d",
        dimension="billing",
        measure=MedianHours(Window("invoices", days=180, at="paid_on", where=LATE), "due_on", "paid_on"),
        unit="hours, median",
        show="hours",
        sentence="Invoices paid late in the last 180 days typically came {value} after the due date",
        missing="No invoice paid late in the last 180 days is on record",
        topic="late_payments",
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
        name="hard_decline_failures_90d",
        dimension="billing",
        measure=Count(
            Window("payments", days=90, where=(FAILED, Condition("failure_reason", "in", ("hard_decline",))))
        ),
        unit="payments",
        show="count|attempt to collect a payment|attempts to collect a payment",
        sentence="{value} failed because the bank declined for good in the last 90 days",
        missing="Why payments failed is not on record",
        topic="failed_payments",
        good="low",
        actionable=True,
    ),
    Feature(
        name="expired_card_failures_90d",
        dimension="billing",
        measure=Count(
            Window("payments", days=90, where=(FAILED, Condition("failure_reason", "in", ("expired_card",))))
        ),
        unit="payments",
        show="count|attempt to collect a payment|attempts to collect a payment",
        sentence="{value} failed because of an expired card in the last 90 days",
        missing="Why payments failed is not on record",
        topic="cards",
        good="low",
        actionable=True,
    ),
    Feature(
        name="days_to_card_expiry",
        dimension="billing",
        measure=DaysUntil(Latest(Window("cards"), "expires_on")),
        unit="days",
        show="until|expires|expired",
        sentence="The card on file {value}",
        missing="No card is on record",
        topic="cards",
        good="high",
        low=None,
        actionable=True,
    ),
)
