"""Subscriptions: the state of each account's contract at a day, in SQL over the rows visible then.

An account is active if a paid subscription (one that is no trial) started before the day and has no end visible
before it. Notice is given if every active paid subscription is under notice: by a visible `notice_on`, or by an end
that was recorded before the day but lies after it and is no mere change of terms.
"""

from __future__ import annotations

import datetime as dt

from features.history import History

__all__ = ["account_states", "next_renewal", "paid_subscriptions"]

GROWTH_DAYS = 180
"""How far back the change of MRR looks."""


def paid_subscriptions(history: History, as_of: dt.date) -> str:
    """SQL: the paid subscriptions visible at a day."""
    return f"(SELECT * FROM {history.visible('subscriptions', as_of)} WHERE NOT coalesce(trial, false))"


def next_renewal(as_of: str, first: str = "first_renewal", term: str = "term_months") -> str:
    """SQL: the first renewal date on or after as_of, rolled forward by whole terms from the first renewal.

    Without a first renewal date it is rolled from the start, which lies before as_of. Months are added to that one
    date each time, so that a renewal on the 31st does not drift to the 28th.
    """
    terms = f"(datediff('month', {first}, {as_of}) // {term})"
    at = f"CAST({first} + to_months(CAST({terms} * {term} AS INTEGER)) AS DATE)"
    after = f"CAST({first} + to_months(CAST(({terms} + 1) * {term} AS INTEGER)) AS DATE)"
    return (
        f"CASE WHEN {first} >= {as_of} THEN {first} WHEN {term} IS NULL THEN NULL WHEN {at} >= {as_of} THEN {at} "
        f"ELSE {after} END"
    )


def account_states(history: History, as_of: dt.date) -> str:
    """SQL: one row for each visible account that ever had a visible subscription.

    Columns: account_id, active, notice (both boolean), mrr, seats, subscribed_on (first paid start), plan,
    term_months, renews_on (of the largest active subscription), renewals_completed, mrr_before
    (MRR active `GROWTH_DAYS` earlier, NULL before the first subscription), attributes of the account, ever_paid.
    """
    day = f"DATE '{as_of.isoformat()}'"
    earlier = f"({day} - {GROWTH_DAYS})"
    return f"""
    (WITH paid AS {paid_subscriptions(history, as_of)},
    opened AS (
        SELECT *, coalesce(renews_on, started_on) AS first_renewal,
               notice_on IS NOT NULL
               OR (ended_on >= {day} AND coalesce(end_reason, '') <> 'superseded') AS leaving
        FROM paid WHERE ended_on IS NULL OR ended_on >= {day}
    ),
    now AS (
        SELECT account_id, bool_and(coalesce(leaving, false)) AS notice, sum(mrr) AS mrr, sum(seats) AS seats,
               first(plan ORDER BY mrr DESC, subscription_id) AS plan,
               first(term_months ORDER BY mrr DESC, subscription_id) AS term_months,
               first({next_renewal(day)} ORDER BY mrr DESC, subscription_id) AS renews_on
        FROM opened GROUP BY account_id
    ),
    past AS (
        SELECT account_id, min(started_on) AS subscribed_on,
               CASE WHEN min(started_on) < {earlier} THEN coalesce(sum(mrr) FILTER (
                   WHERE started_on < {earlier} AND (ended_on IS NULL OR ended_on >= {earlier})), 0) END AS mrr_before
        FROM paid GROUP BY account_id
    )
    SELECT a.account_id, a.name, a.segment, a.industry, a.region, a.employees, a.created_on,
           now.account_id IS NOT NULL AS active, coalesce(now.notice, false) AS notice,
           past.account_id IS NOT NULL AS ever_paid,
           now.mrr, now.seats, now.plan, now.term_months, now.renews_on, past.subscribed_on, past.mrr_before
    FROM {history.visible("accounts", as_of)} AS a
    LEFT JOIN now USING (account_id) LEFT JOIN past USING (account_id))
    """
