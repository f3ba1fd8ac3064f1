"""Subscriptions: the state of each account's contract on some days, in SQL over the rows visible then.

An account is active if a paid subscription (one that is no trial) started before the day and has no end visible
before it. Notice is given if every active paid subscription is under notice: by a visible `notice_on` that has not been
withdrawn, or by an end that was recorded before the day but lies after it and is no mere change of terms.
"""

from __future__ import annotations

import datetime as dt

from features.history import History

__all__ = ["account_states", "next_renewal", "paid_subscriptions"]

EARLIER_DAYS = 180
"""How far back the changes of MRR and seats look."""
TERMS_DAYS = 365
"""How far back changes of terms are counted."""


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


def account_states(history: History, days: str) -> str:
    """SQL: one row for each day and each account visible then.

    Parameters
    ----------
    days : SQL for a relation with one DATE column, as_of.

    Returns
    -------
    Columns as_of, account_id, active, notice, ever_paid (booleans), the account's attributes, and of its paid
    subscriptions: mrr and seats (sums of the active ones; no mrr where currencies are mixed), subscriptions (active),
    plans (list, of the active ones), plan, term_months and renews_on (of the largest active one), subscribed_on (first
    start), resubscribed_on (start of the present run, which a gap shorter than the grace period does not break),
    returns (runs before it), mrr_first (on the day after subscribed_on), mrr_before and seats_before (`EARLIER_DAYS`
    earlier; NULL before the first subscription, and no mrr in another currency), upgrades_365d and downgrades_365d
    (days of the last `TERMS_DAYS` on which superseded terms were followed by dearer or cheaper ones),
    renewals_completed (renewal dates of the present run that it outlived), notices_withdrawn, trialed (before the first
    paid subscription).
    """
    grace = max(history.settings.churn.grace_days, 1)
    earlier = f"(as_of - {EARLIER_DAYS})"
    open_then = f"started_on < {earlier} AND (ended_on IS NULL OR ended_on >= {earlier})"
    largest = "ORDER BY mrr DESC, subscription_id, started_on DESC"
    return f"""
    (WITH subs AS MATERIALIZED (
        SELECT * REPLACE (nullif(upper(trim(currency)), '') AS currency),
               notice_on IS NOT NULL AND (notice_withdrawn_on IS NULL OR notice_withdrawn_on < notice_on) AS noticed
        FROM {history.visible_on("subscriptions", days)}
    ),
    paid AS MATERIALIZED (SELECT * FROM subs WHERE NOT coalesce(trial, false)),
    opened AS (
        SELECT *, coalesce(renews_on, started_on) AS first_renewal,
               noticed OR (ended_on >= as_of AND coalesce(end_reason, '') <> 'superseded') AS leaving
        FROM paid WHERE ended_on IS NULL OR ended_on >= as_of
    ),
    now AS (
        SELECT as_of, account_id, bool_and(coalesce(leaving, false)) AS notice, count(*) AS subscriptions,
               {_one_currency("sum(mrr)")} AS mrr, max(currency) AS currency, sum(seats) AS seats,
               list_sort(list(DISTINCT plan)) AS plans,
               first(plan {largest}) AS plan, first(term_months {largest}) AS term_months,
               first({next_renewal("as_of")} {largest}) AS renews_on
        FROM opened GROUP BY as_of, account_id
    ),
    runs AS (
        SELECT as_of, account_id, max(started_on) AS resubscribed_on, count(*) - 1 AS returns FROM (
            SELECT as_of, account_id, started_on, max(coalesce(ended_on, DATE '9999-12-31')) OVER (
                PARTITION BY as_of, account_id ORDER BY started_on, ended_on NULLS LAST
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS until FROM paid
        ) WHERE until IS NULL OR started_on >= until + {grace} GROUP BY as_of, account_id
    ),
    changed AS (
        SELECT as_of, account_id, count(*) FILTER (WHERE now > before) AS upgrades,
               count(*) FILTER (WHERE now < before) AS downgrades
        FROM (
            SELECT as_of, account_id, ended_on AS day, {_one_currency("sum(mrr)")} AS before, max(currency) AS paid_in
            FROM paid
            WHERE end_reason = 'superseded' AND ended_on < as_of AND ended_on >= as_of - {TERMS_DAYS} GROUP BY ALL
        ) JOIN (
            SELECT as_of, account_id, started_on AS day, {_one_currency("sum(mrr)")} AS now, max(currency) AS currency
            FROM paid GROUP BY ALL
        ) USING (as_of, account_id, day)
        WHERE paid_in = currency OR paid_in IS NULL OR currency IS NULL
        GROUP BY as_of, account_id
    ),
    past AS (
        SELECT as_of, account_id, min(started_on) AS subscribed_on,
               CASE WHEN min(started_on) < {earlier} THEN {_one_currency("coalesce(sum(mrr), 0)", open_then)} END
                   AS mrr_before, max(currency) FILTER (WHERE {open_then}) AS currency_before,
               CASE WHEN min(started_on) < {earlier} THEN sum(seats) FILTER (WHERE {open_then}) END AS seats_before,
               count(*) FILTER (WHERE notice_withdrawn_on >= notice_on) AS notices_withdrawn
        FROM paid GROUP BY as_of, account_id
    ),
    began AS (
        SELECT as_of, account_id, {_one_currency("sum(mrr)")} AS mrr_first, max(currency) AS currency_first
        FROM paid JOIN past USING (as_of, account_id)
        WHERE started_on <= subscribed_on AND (ended_on IS NULL OR ended_on > subscribed_on) GROUP BY as_of, account_id
    ),
    renewed AS (
        SELECT as_of, account_id, count(DISTINCT renewal) AS renewals
        FROM (
            SELECT as_of, account_id, started_on, ended_on, unnest([
                CAST(first_renewal + to_months(CAST(k * term_months AS INTEGER)) AS DATE)
                FOR k IN range(datediff('month', first_renewal, as_of) // term_months + 2)]) AS renewal
            FROM (
                SELECT *, coalesce(renews_on, started_on) AS first_renewal
                FROM paid JOIN runs USING (as_of, account_id)
                WHERE term_months IS NOT NULL AND started_on >= resubscribed_on
            )
        )
        WHERE renewal > started_on AND renewal < as_of AND (ended_on IS NULL OR renewal <= ended_on)
        GROUP BY as_of, account_id
    ),
    timed AS (
        SELECT DISTINCT as_of, account_id FROM paid JOIN runs USING (as_of, account_id)
        WHERE term_months IS NOT NULL AND started_on >= resubscribed_on
    ),
    trials AS (
        SELECT DISTINCT as_of, account_id FROM subs JOIN past USING (as_of, account_id)
        WHERE trial AND started_on < subscribed_on
    )
    SELECT a.as_of, a.account_id, a.name, a.segment, a.industry, a.region, a.touch_model, a.strategic, a.employees,
           a.created_on, a.sold_on,
           now.account_id IS NOT NULL AS active, coalesce(now.notice, false) AS notice,
           past.account_id IS NOT NULL AS ever_paid,
           now.mrr, now.seats, now.subscriptions, now.plans, now.plan, now.term_months, now.renews_on,
           past.subscribed_on, runs.resubscribed_on, runs.returns, past.seats_before,
           CASE WHEN {_same_currency("began.currency_first")} THEN began.mrr_first END AS mrr_first,
           CASE WHEN {_same_currency("past.currency_before")} THEN past.mrr_before END AS mrr_before,
           coalesce(changed.upgrades, 0) AS upgrades_365d, coalesce(changed.downgrades, 0) AS downgrades_365d,
           CASE WHEN timed.account_id IS NOT NULL THEN coalesce(renewed.renewals, 0) END AS renewals_completed,
           past.notices_withdrawn, trials.account_id IS NOT NULL AS trialed
    FROM {history.visible_on("accounts", days)} AS a
    LEFT JOIN now USING (as_of, account_id) LEFT JOIN past USING (as_of, account_id)
    LEFT JOIN runs USING (as_of, account_id) LEFT JOIN changed USING (as_of, account_id)
    LEFT JOIN began USING (as_of, account_id) LEFT JOIN trials USING (as_of, account_id)
    LEFT JOIN renewed USING (as_of, account_id) LEFT JOIN timed USING (as_of, account_id))
    """


def _one_currency(total: str, condition: str = "true") -> str:
    """SQL: a sum of money over rows that meet a condition, missing where their currencies differ."""
    rows = f" FILTER (WHERE {condition})"
    kept = total.replace("sum(mrr)", f"sum(mrr){rows}")
    return f"CASE WHEN count(DISTINCT currency){rows} <= 1 THEN {kept} END"


def _same_currency(then: str) -> str:
    """SQL: nothing says that money of another time was in another currency than the account's present one."""
    return f"({then} = now.currency OR {then} IS NULL OR now.currency IS NULL)"
