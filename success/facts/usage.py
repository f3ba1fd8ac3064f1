"""Usage: when an account used the product first and last, how much week by week, and which of its features."""

from __future__ import annotations

import datetime as dt
from typing import Any

from features.history import History, only
from features.subscriptions import account_states
from success.facts.asking import Told, asked, has, on_record, recent, told_without

__all__ = ["features", "usage"]

_WEEKS = 8
_LISTED = 5
_MONTH = 28
_UNKNOWN = dict.fromkeys(("included", "unused_count", "unused"))


def usage(history: History, as_of: dt.date) -> Told | None:
    """First and last day of use, events of the last weeks, people of the last four weeks and of the four before."""
    if "usage" not in history.tables:
        return None
    day = f"DATE '{as_of}'"
    weeks = ", ".join(
        f"coalesce(sum(events) FILTER (WHERE {recent('day', as_of, 7 * n)} AND day < {day} - {7 * (n - 1)}), 0)::BIGINT"
        for n in range(_WEEKS, 0, -1)
    )
    before = f"{recent('day', as_of, 2 * _MONTH)} AND day < {day} - {_MONTH}"
    found = asked(
        history,
        f"""
        WITH days AS (
            SELECT account_id, {on_record("min(day) FILTER (WHERE used_rows > 0)")} AS first_on,
                   {on_record("max(day) FILTER (WHERE used_rows > 0)")} AS last_on, [{weeks}] AS weeks
            FROM {history.visible("usage_days", as_of)} GROUP BY ALL
        ),
        people AS (
            SELECT account_id, count(DISTINCT user_id) FILTER (WHERE {recent("day", as_of, _MONTH)}) AS people_28d,
                   count(DISTINCT user_id) FILTER (WHERE {before}) AS people_before
            FROM {history.visible("usage_people", as_of)} WHERE {recent("day", as_of, 2 * _MONTH)} GROUP BY ALL
        )
        SELECT days.*, coalesce(people_28d, 0) AS people_28d, coalesce(people_before, 0) AS people_before
        FROM days LEFT JOIN people USING (account_id)
        """,
    )
    lacking = [] if has(history, "usage", "user_id") else ["people_28d", "people_before"]
    return told_without(found, {"weeks": [0] * _WEEKS, "people_28d": 0, "people_before": 0}, lacking)


def features(history: History, as_of: dt.date) -> Told | None:
    """The product features used most in four weeks; those that the account's plans include and nobody used in them.

    unused, unused_count and included are null where nothing says what one of the plans includes.
    """
    if "usage" not in history.tables:
        return None
    used = f"""(
        SELECT CAST(account_id AS VARCHAR) AS account_id, CAST(feature AS VARCHAR) AS feature, events
        FROM (
            SELECT account_id, feature, CAST(sum(events) AS BIGINT) AS events
            FROM {history.visible("usage_features", as_of)} WHERE {recent("day", as_of, _MONTH)} GROUP BY ALL
        )
    )"""
    most = asked(
        history,
        f"""
        SELECT account_id, list([feature, CAST(events AS VARCHAR)] ORDER BY events DESC, feature)[1:{_LISTED}] AS most
        FROM {used} GROUP BY account_id
        """,
    )
    found: dict[str, dict[str, Any]] = {}
    for account, row in most.items():
        found[account] = {"most": [[name, int(n)] for name, n in row["most"]], **_UNKNOWN}
    nothing: dict[str, Any] = {"most": [], **_UNKNOWN}
    if "entitlements" not in history.tables:
        return Told(found, nothing)
    entitled = history.visible("entitlements", as_of)
    plans = asked(
        history,
        f"""
        WITH held AS (
            SELECT account_id, plans, unnest(plans) AS plan
            FROM {account_states(history, only(as_of))} WHERE plans IS NOT NULL
        ),
        entitled AS MATERIALIZED (SELECT plan, feature, coalesce(core, false) AS core FROM {entitled}),
        included AS (
            SELECT account_id, feature, bool_or(core) AS core FROM held JOIN entitled USING (plan)
            WHERE account_id NOT IN (SELECT account_id FROM held WHERE plan NOT IN (SELECT plan FROM entitled))
            GROUP BY account_id, feature
        )
        SELECT account_id, count(*) AS included, count(*) FILTER (WHERE used.feature IS NULL) AS unused_count,
               coalesce(list(feature ORDER BY core DESC, feature) FILTER (WHERE used.feature IS NULL), [])[1:{_LISTED}]
                   AS unused
        FROM included LEFT JOIN {used} AS used USING (account_id, feature) GROUP BY account_id
        """,
    )
    for account, row in plans.items():
        found[account] = {**found.get(account, nothing), **row}
    return Told(found, nothing)
