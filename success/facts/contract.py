"""Contract: since when an account is a customer, what it pays, when it renews, and whether and how it leaves."""

from __future__ import annotations

import datetime as dt
from typing import Any

from features.history import History, only
from features.labels import customer_periods
from features.subscriptions import account_states, paid_subscriptions
from success.facts.asking import asked, on_record

__all__ = ["contracts"]

_YEAR = 365


def contracts(history: History, as_of: dt.date) -> dict[str, dict[str, Any]]:
    """Of every account visible at a day, the facts of its subscriptions; see `facts_of`.

    churned_on and end_reason are of an account without an active paid subscription: when and how its last period as a
    customer ended, as known so far. last_mrr is what such an account paid a month on its last day: the subscriptions
    that ended together, last of all; none where their currencies differ.
    """
    day, then = f"DATE '{as_of}'", f"DATE '{as_of - dt.timedelta(days=_YEAR)}'"
    open_then = f"started_on < {then} AND (ended_on IS NULL OR ended_on >= {then})"
    open_now = f"(ended_on IS NULL OR ended_on >= {day})"
    at_last = "ended_on = last_on AND started_on < last_on"  # one that ended as it began was never paid
    found = asked(
        history,
        f"""
        WITH state AS MATERIALIZED (SELECT * FROM {account_states(history, only(as_of))}),
        paid AS (
            SELECT account_id, started_on, ended_on, end_reason, mrr, notice_on,
                   nullif(upper(trim(currency)), '') AS currency,
                   notice_on IS NOT NULL AND (notice_withdrawn_on IS NULL OR notice_withdrawn_on < notice_on)
                       AS noticed,
                   max(ended_on) FILTER (WHERE started_on < ended_on) OVER (PARTITION BY account_id) AS last_on
            FROM {paid_subscriptions(history, as_of)}
        ),
        money AS (
            SELECT account_id,
                   CASE WHEN count(DISTINCT currency) FILTER (WHERE {open_now}) = 1
                        THEN max(currency) FILTER (WHERE {open_now}) END AS currency,
                   CASE WHEN min(started_on) < {then}
                         AND count(DISTINCT currency) FILTER (WHERE {open_then} OR {open_now}) <= 1
                        THEN coalesce(sum(mrr) FILTER (WHERE {open_then}), 0) END AS mrr_year_ago,
                   CASE WHEN count(DISTINCT currency) FILTER (WHERE {at_last}) <= 1
                        THEN sum(mrr) FILTER (WHERE {at_last}) END AS last_mrr,
                   min(notice_on) FILTER (WHERE noticed AND {open_now}) AS notice_on,
                   CASE WHEN count(*) FILTER (WHERE {open_now}) = count(ended_on) FILTER (WHERE {open_now})
                        THEN max(ended_on) FILTER (WHERE {open_now}) END AS ends_on
            FROM paid GROUP BY account_id
        ),
        gone AS (
            SELECT account_id, left_on, end_reason FROM {customer_periods(history, as_of)}
            QUALIFY row_number() OVER (PARTITION BY account_id ORDER BY began_on DESC) = 1
        )
        SELECT account_id, {on_record("subscribed_on")} AS customer_since,
               {on_record("CASE WHEN returns > 0 THEN resubscribed_on END")} AS since,
               coalesce(returns, 0) AS returns, plan, CAST(seats AS BIGINT) AS seats,
               CAST(term_months AS BIGINT) AS term_months, {on_record("renews_on")} AS renews_on,
               renewals_completed AS renewals, CAST(state.mrr AS DOUBLE) AS mrr, money.currency,
               CASE WHEN active THEN CAST(mrr_year_ago AS DOUBLE) END AS mrr_year_ago,
               {on_record("CASE WHEN notice THEN notice_on END")} AS notice_on,
               {on_record("CASE WHEN notice THEN ends_on END")} AS ends_on,
               {on_record("CASE WHEN ever_paid AND NOT active THEN left_on END")} AS churned_on,
               CASE WHEN ever_paid AND NOT active THEN gone.end_reason END AS end_reason,
               CASE WHEN ever_paid AND NOT active THEN CAST(last_mrr AS DOUBLE) END AS last_mrr
        FROM state LEFT JOIN money USING (account_id) LEFT JOIN gone USING (account_id)
        ORDER BY account_id
        """,
    )
    return {account: {"churned_on": None, "end_reason": None, **row} for account, row in found.items()}
