"""Billing: what an account owes past its due date, the last payment that failed, and a card about to expire."""

from __future__ import annotations

import datetime as dt

from features.history import History
from success.facts.asking import Told, asked, has, on_record, recent

__all__ = ["cards", "invoices", "payments"]

_CARD_DAYS = 60
"""A card that expires later is nothing to speak of."""


def invoices(history: History, as_of: dt.date) -> Told | None:
    """Invoices past due: how many, how much, and since when."""
    if not has(history, "invoices", "paid_on"):
        return None
    found = asked(
        history,
        f"""
        SELECT account_id, count(*) AS overdue, CAST(sum(amount) AS DOUBLE) AS amount,
               {on_record("min(due_on)")} AS oldest_due_on
        FROM {history.visible("invoices", as_of)}
        WHERE paid_on IS NULL AND voided_on IS NULL AND due_on < DATE '{as_of}' GROUP BY account_id
        """,
    )
    return Told(found, {"overdue": 0})


def payments(history: History, as_of: dt.date) -> Told | None:
    """Failed attempts of 90 days, the last one ever and why, and whether anything was collected after it."""
    if "payments" not in history.tables:
        return None
    found = asked(
        history,
        f"""
        SELECT account_id, count(*) FILTER (WHERE NOT succeeded AND {recent("attempted_at", as_of, 90)}) AS failed_90d,
               {on_record("max(attempted_at) FILTER (WHERE NOT succeeded)")} AS last_failed_on,
               arg_max(failure_reason, (attempted_at, failure_reason))
                   FILTER (WHERE NOT succeeded AND failure_reason IS NOT NULL) AS reason,
               coalesce(max(attempted_at) FILTER (WHERE succeeded) > max(attempted_at) FILTER (WHERE NOT succeeded),
                        false) AS paid_since
        FROM {history.visible("payments", as_of)} GROUP BY account_id HAVING bool_or(NOT succeeded)
        """,
    )
    return Told(found, {"failed_90d": 0})


def cards(history: History, as_of: dt.date) -> Told | None:
    """The day on which the card added last expires, or did, where that is near or past."""
    if "cards" not in history.tables:
        return None
    found = asked(
        history,
        f"""
        SELECT account_id, {on_record("max(expires_on)")} AS expires_on FROM (
            SELECT * FROM {history.visible("cards", as_of)}
            QUALIFY rank() OVER (PARTITION BY account_id ORDER BY added_on DESC) = 1
        ) GROUP BY account_id HAVING max(expires_on) < DATE '{as_of + dt.timedelta(days=_CARD_DAYS)}'
        """,
    )
    return Told({account: row["expires_on"] for account, row in found.items()}, None)
