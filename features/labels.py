"""Labels: did an account churn within the horizon, in which part, or can nobody know.

Half-open everywhere: a label at as_of covers the days `[as_of, as_of + horizon)`, and a return on a day of
`[end, end + grace)` undoes the churn at `end`. A label exists only if `as_of + horizon + grace + recording lag` is no
later than the day on which the labels are made, whichever way it turned out.

A worked timeline of one account, with horizon 30, grace 30, growth 10 %, no recording lag, and labels made on
2024-11-01. The tests read it from here.

    subscription  mrr  started_on  ended_on    end_reason
    s1            100  2024-01-01  2024-03-01  superseded
    s2            120  2024-03-01  2024-05-10  voluntary
    s3            120  2024-05-25  2024-07-01  involuntary
    s4            150  2024-08-15  -           -

    as_of       churn  voluntary  involuntary  expansion  because
    2024-01-31  0      0          0            0          the change of terms is on the first day that is left out
    2024-02-01  0      0          0            1          ... and on the last that counts: 120 is at least 110
    2024-03-01  0      0          0            1          on as_of itself; the MRR to beat is that of the day before
    2024-03-02  0      0          0            0          behind: 132 is to be reached now
    2024-04-20  0      0          0            0          s2 ends, but s3 starts 15 days later, inside the grace
    2024-05-20  0      0          0            -          inside the grace: still a customer, but without MRR to grow
    2024-06-01  0      0          0            0          s3 ends on the first day that is left out
    2024-06-02  1      0          1            0          ... and on the last that counts
    2024-07-01  1      0          1            0          on as_of itself
    2024-07-02  -      -          -            -          gone, whether or not anybody knew it on that day
    2024-07-20  -      -          -            -          s4 starts 45 days after the end, which undoes nothing
    2024-08-15  -      -          -            -          active only from the day after its start
    2024-08-16  0      0          0            0          a reactivation: a customer again, who can churn again
    2024-09-02  0      0          0            0          60 days before the labels are made
    2024-09-03  -      -          -            0          one day less; expansion waits for no grace
    2024-10-02  -      -          -            0          30 days before the labels are made
    2024-10-03  -      -          -            -          nobody can know
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from features.history import History
from features.subscriptions import paid_subscriptions

__all__ = [
    "churn_days",
    "churn_labels",
    "churn_labels_by_horizon",
    "customer_periods",
    "label_wait",
    "recording_lag",
    "standing",
]


def customer_periods(history: History, known_on: dt.date) -> str:
    """SQL: the periods during which each account was a customer, as known on a day.

    A period holds paid subscriptions, each of which starts before the ones until then have been over for the grace
    period; so a return inside the grace goes on with the period, and a later one, a reactivation, begins another.
    Trials neither begin nor prolong one.

    Where several subscriptions end on a period's last day, one that ended as voluntary (or without a reason) decides,
    then involuntary, then merged, completed and superseded: who cancels even a part has chosen to go.

    With `event = "notice"` a subscription under notice is over at its end, or at the earliest on `known_on` where that
    is not known, and a churn is dated by the first day from which every subscription was under notice or over, as the
    cohort has it. A notice that was withdrawn counts as none. One row holds one notice: a second one after a withdrawal
    cannot be told beside the first, so it is written in its place, with `notice_withdrawn_on` empty again. An end
    recorded ahead without a notice dates nothing until it comes.

    Returns
    -------
    SQL with columns account_id, began_on, left_on (the churn, or the last day's end where that is none; NULL while the
    account is a customer), end_reason (NULL likewise), churned (bool).
    """
    churn = history.settings.churn
    day = f"DATE '{known_on.isoformat()}'"
    by_notice = churn.event == "notice"
    leaving = f"WHEN notice IS NOT NULL THEN coalesce(ended_on, {day})" if by_notice else ""
    # Who is under notice from its start on never stood for staying; it hands on the notice of what it follows.
    firm = "least(leaves_on, notice)"
    committed = f"coalesce(max({firm}) FILTER (WHERE {firm} > started_on), min(started_on))" if by_notice else "last"
    reasons = ("voluntary", "involuntary", "merged", "completed", "superseded")
    decides = " ".join(f"WHEN bool_or(reason = '{r}') FILTER (WHERE leaves_on = last) THEN '{r}'" for r in reasons)
    return f"""
    (WITH noticed AS (
        SELECT CAST(account_id AS VARCHAR) AS account_id, started_on, ended_on,
               coalesce(end_reason, 'voluntary') AS reason,
               CASE WHEN notice_withdrawn_on >= notice_on THEN NULL ELSE notice_on END AS notice
        FROM {paid_subscriptions(history, known_on)}
    ),
    paid AS (
        SELECT *, CASE WHEN ended_on < {day} THEN ended_on {leaving} END AS leaves_on FROM noticed
    ),
    followed AS (
        SELECT *, max(coalesce(leaves_on, DATE 'infinity')) OVER (
            PARTITION BY account_id ORDER BY started_on
            RANGE BETWEEN UNBOUNDED PRECEDING AND INTERVAL 1 DAY PRECEDING) AS left_before
        FROM paid
    ),
    numbered AS (
        SELECT *, count(*) FILTER (WHERE started_on - {max(churn.grace_days, 1)} >= left_before) OVER (
            PARTITION BY account_id ORDER BY started_on RANGE UNBOUNDED PRECEDING) AS period
        FROM followed
    ),
    lasting AS (
        SELECT *, max(coalesce(leaves_on, DATE 'infinity')) OVER (PARTITION BY account_id, period) AS last
        FROM numbered
    ),
    periods AS (
        SELECT account_id, min(started_on) AS began_on, nullif(last, DATE 'infinity') AS ended_on,
               {committed} AS committed_until, CASE {decides} END AS end_reason
        FROM lasting GROUP BY account_id, period, last
    )
    SELECT account_id, began_on,
           CASE WHEN end_reason IN ('voluntary', 'involuntary') THEN committed_until ELSE ended_on END AS left_on,
           end_reason, coalesce(end_reason IN ('voluntary', 'involuntary'), false) AS churned
    FROM periods)
    """


def churn_days(history: History, known_on: dt.date) -> pd.DataFrame:
    """Every churn known at a day.

    An account churns on the day its last paid subscription ends as voluntary or involuntary, with no paid
    subscription going on then or starting within the grace period. An end without a reason counts as voluntary.
    With `event = "notice"` the churn is dated by the notice where that came earlier. A churn younger than the grace
    period may still be undone by a return, and one dated by notice by its withdrawal.

    Returns
    -------
    Columns account_id, churned_on (datetime64), involuntary (bool: no subscription that ended that day ended
    voluntarily); sorted by account_id and churned_on.
    """
    return history.con.execute(
        f"""
        SELECT account_id, CAST(left_on AS TIMESTAMP) AS churned_on, end_reason = 'involuntary' AS involuntary
        FROM {customer_periods(history, known_on)} WHERE churned ORDER BY account_id, churned_on
        """
    ).df()


def recording_lag(history: History, known_on: dt.date) -> int:
    """Days by which records come after events: the setting, or the data's 95th percentile; 0 without stamps.

    What labels wait for is the record of an end, so its own stamp is taken where there is one, and the
    subscription row's otherwise. Only what was known before `known_on` and not yet found wrong counts.
    """
    if history.settings.history.recording_lag_days is not None:
        return history.settings.history.recording_lag_days
    stamped = history.con.execute(
        "SELECT 1 FROM duckdb_columns() WHERE table_name = 'subscriptions' AND column_name = 'ended_on_recorded_at'"
    ).fetchall()
    known, happened = ("_ended_on_known", "ended_on") if stamped else ("_known", "_event")
    found = history.con.execute(
        f"""
        SELECT quantile_disc(greatest(epoch({known}) - epoch({happened}), 0), 0.95)
        FROM {history.visible("subscriptions", known_on, times=True)} WHERE {known} IS NOT NULL
        """
    ).fetchall()
    return math.ceil((found[0][0] or 0) / 86400)


def label_wait(history: History, horizon: int, known_on: dt.date) -> int:
    """Days from an as_of day until its label can exist: horizon + grace + recording lag."""
    return horizon + history.settings.churn.grace_days + recording_lag(history, known_on)


def standing(history: History, rows: pd.DataFrame, known_on: dt.date) -> pd.DataFrame:
    """Where each row's account stood on its as_of day, as known on a later one.

    Parameters
    ----------
    rows : columns account_id and as_of.

    Returns
    -------
    Aligned with rows: account_id, as_of (datetime64[us]), customer (bool: as_of lies in `(began_on, left_on]` of a
    period, so that something could still happen), churned_on (the churn that ends the period, NaT if none),
    involuntary (bool).
    """
    periods = history.con.execute(
        f"SELECT account_id, began_on, left_on, end_reason, churned FROM {customer_periods(history, known_on)}"
    ).df()
    for column in ("began_on", "left_on"):
        periods[column] = periods[column].astype("datetime64[us]")
    periods["account_id"] = periods["account_id"].astype("str")
    asked = pd.DataFrame(
        {
            "account_id": rows["account_id"].astype("str").array,
            "as_of": pd.to_datetime(rows["as_of"]).astype("datetime64[us]").to_numpy(),
            "place": np.arange(len(rows)),
        }
    )
    # Sorted by day as merge_asof needs. Started before as_of, as in the cohort: on that very day it is not yet active.
    met = pd.merge_asof(
        asked.sort_values("as_of", kind="stable"),
        periods.sort_values("began_on", kind="stable"),
        left_on="as_of",
        right_on="began_on",
        by="account_id",
        allow_exact_matches=False,
    ).sort_values("place", ignore_index=True)
    customer = met["began_on"].notna() & ~(met["left_on"] < met["as_of"])
    churned = customer & (met["churned"].astype("boolean").fillna(False).astype(bool))
    return pd.DataFrame(
        {
            "account_id": met["account_id"],
            "as_of": met["as_of"],
            "customer": customer,
            "churned_on": met["left_on"].where(churned),
            "involuntary": churned & (met["end_reason"] == "involuntary").astype(bool),
        }
    )


def churn_labels(history: History, rows: pd.DataFrame, horizon: int, known_on: dt.date) -> pd.DataFrame:
    """Churn within `[as_of, as_of + horizon)` for each row, as known on a day.

    An account that ended as completed or merged within the horizon did not churn: 0. One that turns out to have been
    no customer on as_of has no label: an end that lay before as_of but was recorded after it put the row in the cohort
    by mistake. It is no churn of the horizon, and a 0 would teach that whoever has silently gone is safe; so the rate
    is that of the accounts that could still leave.

    Parameters
    ----------
    rows : columns account_id and as_of.
    horizon : days.
    known_on : the day on which the labels are made; nothing known on or after it counts.

    Returns
    -------
    Aligned with rows: label (1.0, 0.0, NaN where not matured or no customer), label_voluntary and label_involuntary
    (its two parts, which sum to it), churned_on (the churn inside the horizon, NaT if none), involuntary (bool).
    """
    return churn_labels_by_horizon(history, rows, (horizon,), known_on)[horizon]


def churn_labels_by_horizon(
    history: History, rows: pd.DataFrame, horizons: Sequence[int], known_on: dt.date
) -> dict[int, pd.DataFrame]:
    """`churn_labels` at several horizons for the price of one; where known, never decreasing in the horizon."""
    found = standing(history, rows, known_on)
    shorter = pd.Timedelta(days=label_wait(history, 0, known_on))
    labels = {}
    for horizon in horizons:
        days = pd.Timedelta(days=horizon)
        known = found["customer"] & (found["as_of"] + days + shorter <= pd.Timestamp(known_on))
        inside = known & (found["churned_on"] < found["as_of"] + days)
        involuntary = inside & found["involuntary"]
        labels[horizon] = pd.DataFrame(
            {
                "label": np.where(known, inside, np.nan),
                "label_voluntary": np.where(known, inside & ~involuntary, np.nan),
                "label_involuntary": np.where(known, involuntary, np.nan),
                "churned_on": found["churned_on"].where(inside),
                "involuntary": involuntary,
            }
        )
    return labels
