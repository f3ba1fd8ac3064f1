"""Overview: a history in; its tables, churn and revenue by month, and one account's life, as frames to look at, out."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
from scipy.stats import beta

from features.grid import as_of_days
from features.labels import churn_days
from features.subscriptions import account_states

if TYPE_CHECKING:
    from features.history import History

__all__ = ["Life", "churn_by_month", "life_of", "rows_by_month", "tables_of"]

_EVENTS = {
    "tickets": ("support ticket", "priority IN ('urgent', 'high')"),
    "payments": ("payment", "NOT succeeded"),
    "surveys": ("survey answer", "kind = 'nps' AND score <= 6"),
    "touches": ("talk with the CSM", "false"),
}
"""By table, what a row of it is called in an account's life, and when it is bad news."""


@dataclass(frozen=True)
class Life:
    """One account's life.

    Parameters
    ----------
    usage : events by week; the index holds its Mondays, every one from the first observed day on.
    revenue : from, mrr: what it pays a month from a day on, wherever that changes; and on the last observed day.
    events : day, kind, bad.
    """

    usage: pd.Series
    revenue: pd.DataFrame
    events: pd.DataFrame


def tables_of(history: History) -> pd.DataFrame:
    """What each table holds, the longest first.

    Returns
    -------
    table, rows, set_aside (rows), first and last (days of events; None for a table without time), recorded_after (days
    from an event until it was known, of the row in the middle).
    """
    found = []
    for report in sorted(history.report.tables, key=lambda r: (-r.rows, r.table)):
        first, last, after = history.con.execute(
            "SELECT CAST(min(_event) AS DATE), CAST(max(_event) AS DATE), "
            "median(date_diff('hour', _event, _known)) / 24 "
            f"FROM {history.visible(report.table, history.observed_until, times=True)} WHERE isfinite(_event)"
        ).fetchall()[0]
        aside = history.report.failing.get(report.table, 0)
        found.append((report.table, report.rows, aside, first, last, after))
    return pd.DataFrame(found, columns=["table", "rows", "set_aside", "first", "last", "recorded_after"])


def rows_by_month(history: History) -> pd.DataFrame:
    """How many rows of each table have their event in each observed month: a row a month, a column a table."""
    first, until = history.observed_period()
    months = pd.date_range(first.replace(day=1), until, freq="MS", inclusive="left")
    counts = pd.DataFrame(index=months)
    for name in sorted(history.tables):
        found = history.con.execute(
            f"SELECT CAST(date_trunc('month', _event) AS TIMESTAMP) AS _month, count(*) AS n "
            f"FROM {history.visible(name, until)} WHERE _event >= DATE '{first}' AND isfinite(_event) GROUP BY ALL"
        ).df()
        if len(found):
            counts[name] = found.set_index("_month")["n"].reindex(months, fill_value=0)
    return counts


def churn_by_month(history: History) -> pd.DataFrame:
    """Of the customers at the start of each observed month, how many left in it.

    Returns
    -------
    month (its first day), customers (with a notice or without), left, rate, low, high (Clopper and Pearson's 90 %
    interval), mrr (of all customers at the start of the month); every month that was observed whole.
    """
    first, until = history.observed_period()
    months = [m for m in as_of_days(first, until, "monthly") if _next(m) <= until]
    listed = ", ".join(f"DATE '{m}'" for m in months)
    days = f"(SELECT unnest(CAST([{listed}] AS DATE[])) AS as_of)"
    customers = history.con.execute(
        f"SELECT CAST(as_of AS TIMESTAMP) AS month, account_id, mrr FROM {account_states(history, days)} WHERE active"
    ).df()
    churns = churn_days(history, until)
    churns["month"] = churns["churned_on"].dt.to_period("M").dt.to_timestamp()
    gone = churns[["account_id", "month"]].drop_duplicates().assign(left=True)
    both = customers.merge(gone, on=["account_id", "month"], how="left")
    found = both.groupby("month").agg(customers=("account_id", "size"), left=("left", "count"), mrr=("mrr", "sum"))
    found = found.reset_index()
    n, k = found["customers"], found["left"]
    found["rate"] = k / n
    found["low"] = pd.Series(beta.ppf(0.05, k, n - k + 1), index=found.index).fillna(0.0)
    found["high"] = pd.Series(beta.ppf(0.95, k + 1, n - k), index=found.index).fillna(1.0)
    return found[["month", "customers", "left", "rate", "low", "high", "mrr"]]


def life_of(history: History, account: str) -> Life:
    """What an account used and paid, and what happened to it, in the observed period."""
    first, until = history.observed_period()
    usage = history.con.execute(
        "SELECT CAST(date_trunc('week', day) AS TIMESTAMP) AS week, CAST(sum(events) AS DOUBLE) AS events "
        f"FROM {history.visible('usage', until)} WHERE account_id = ? GROUP BY week",
        [account],
    ).df()
    weeks = pd.date_range(first - dt.timedelta(first.weekday()), until, freq="W-MON", inclusive="left")
    paid = history.con.execute(
        "SELECT CAST(started_on AS TIMESTAMP) AS started, CAST(ended_on AS TIMESTAMP) AS ended, "
        "CAST(mrr AS DOUBLE) AS mrr "
        f"FROM {history.visible('subscriptions', until)} WHERE account_id = ? AND NOT coalesce(trial, false)",
        [account],
    ).df()
    days = pd.date_range(first, until, inclusive="left")
    mrr = pd.Series(0.0, index=days)
    for started, ended, amount in zip(paid["started"], paid["ended"], paid["mrr"], strict=True):
        mrr[(days >= started) & ((days < ended) | pd.isna(ended))] += amount
    kept = mrr[(mrr != mrr.shift()) | (mrr.index == days[-1])]
    found = [
        history.con.execute(
            f"SELECT CAST(_event AS TIMESTAMP) AS day, '{kind}' AS kind, coalesce({bad}, false) AS bad "
            f"FROM {history.visible(table, until)} WHERE account_id = ? AND _event >= DATE '{first}' ORDER BY day",
            [account],
        ).df()
        for table, (kind, bad) in _EVENTS.items()
        if table in history.tables
    ]
    return Life(
        usage.set_index("week")["events"].reindex(weeks, fill_value=0.0),
        pd.DataFrame({"from": kept.index, "mrr": kept.to_numpy()}),
        pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=["day", "kind", "bad"]),
    )


def _next(month: dt.date) -> dt.date:
    return (month.replace(day=28) + dt.timedelta(days=7)).replace(day=1)
