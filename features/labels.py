"""Labels: did an account churn within the horizon, or is it too early to know.

Half-open everywhere: a label at as_of covers the days `[as_of, as_of + horizon)`, and a return on a day of
`[end, end + grace)` undoes the churn at `end`. A label exists only if `as_of + horizon + grace + recording lag` is no
later than the day on which the labels are made, whichever way it turned out.
"""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pandas as pd

from features.history import History
from features.subscriptions import paid_subscriptions

__all__ = ["churn_days", "churn_labels", "label_wait", "recording_lag"]


def churn_days(history: History, known_on: dt.date) -> pd.DataFrame:
    """Every churn known at a day.

    An account churns on the day its last paid subscription ends as voluntary or involuntary, with no paid
    subscription going on then or starting within the grace period. An end without a reason counts as voluntary.
    With `event = "notice"` the churn is dated by the notice where that came earlier.

    Returns
    -------
    Columns account_id, churned_on (datetime64), involuntary (bool: no subscription that ended that day ended
    voluntarily); sorted by account_id and churned_on.
    """
    churn = history.settings.churn
    day = f"DATE '{known_on.isoformat()}'"
    by_notice = churn.event == "notice"
    # A subscription under notice leaves at its end, or at the earliest now, when that is not known.
    leaving = f"WHEN notice_on IS NOT NULL THEN coalesce(ended_on, {day})" if by_notice else ""
    return history.con.execute(
        f"""
        WITH paid AS (
            SELECT *, CASE WHEN ended_on < {day} THEN ended_on {leaving} END AS leaves_on
            FROM {paid_subscriptions(history, known_on)}
        ),
        ends AS (
            SELECT account_id, leaves_on, coalesce(end_reason, 'voluntary') AS reason,
                   {"least(leaves_on, notice_on)" if by_notice else "leaves_on"} AS dated
            FROM paid WHERE leaves_on IS NOT NULL
        )
        SELECT account_id, CAST(min(dated) AS TIMESTAMP) AS churned_on,
               bool_and(reason = 'involuntary') AS involuntary
        FROM ends
        WHERE reason IN ('voluntary', 'involuntary') AND NOT EXISTS (
            SELECT 1 FROM paid
            WHERE paid.account_id = ends.account_id
              AND paid.started_on < ends.leaves_on + greatest({churn.grace_days}, 1)
              AND (paid.leaves_on IS NULL OR paid.leaves_on > ends.leaves_on)
        )
        GROUP BY account_id, leaves_on
        ORDER BY account_id, churned_on
        """
    ).df()


def recording_lag(history: History, known_on: dt.date) -> int:
    """Days by which records come after events: the setting, or the data's 95th percentile; 0 without stamps.

    What labels wait for is the record of an end, so its own stamp is taken where there is one, and the
    subscription row's otherwise.
    """
    if history.settings.history.recording_lag_days is not None:
        return history.settings.history.recording_lag_days
    stamped = history.con.execute(
        "SELECT 1 FROM duckdb_columns() WHERE table_name = 'subscriptions' AND column_name = 'ended_on_recorded_at'"
    ).fetchone()
    known, happened = ("_ended_on_known", "ended_on") if stamped else ("_known", "_event")
    row = history.con.execute(
        f"""
        SELECT quantile_disc(greatest(epoch({known}) - epoch({happened}), 0), 0.95)
        FROM subscriptions WHERE {known} < TIMESTAMP '{known_on.isoformat()}'
        """
    ).fetchone()
    return math.ceil((row[0] if row and row[0] else 0) / 86400)


def label_wait(history: History, horizon: int, known_on: dt.date) -> int:
    """Days from an as_of day until its label can exist: horizon + grace + recording lag."""
    return horizon + history.settings.churn.grace_days + recording_lag(history, known_on)


def churn_labels(history: History, rows: pd.DataFrame, horizon: int, known_on: dt.date) -> pd.DataFrame:
    """Churn within `[as_of, as_of + horizon)` for each row, as known on a day.

    Parameters
    ----------
    rows : columns account_id and as_of.
    horizon : days.
    known_on : the day on which the labels are made; nothing known on or after it counts.

    Returns
    -------
    Aligned with rows: label (1.0, 0.0, NaN where not matured), churned_on (the churn inside the horizon, NaT if
    none), involuntary (bool).
    """
    # Sorted by day as merge_asof needs; the first churn on or after as_of is the one that counts.
    churns = churn_days(history, known_on).sort_values("churned_on", kind="stable")
    left = pd.DataFrame(
        {
            "account_id": rows["account_id"].astype("str").array,
            "as_of": pd.to_datetime(rows["as_of"]).astype("datetime64[us]").to_numpy(),
            "place": np.arange(len(rows)),
        }
    ).sort_values("as_of", kind="stable")
    churns = churns.assign(
        account_id=churns["account_id"].astype("str"), churned_on=churns["churned_on"].astype("datetime64[us]")
    )
    met = pd.merge_asof(
        left, churns, left_on="as_of", right_on="churned_on", by="account_id", direction="forward"
    ).sort_values("place")
    inside = met["churned_on"] < met["as_of"] + pd.Timedelta(days=horizon)
    wait = pd.Timedelta(days=label_wait(history, horizon, known_on))
    known = met["as_of"] + wait <= pd.Timestamp(known_on)
    return pd.DataFrame(
        {
            "label": np.where(known, inside.astype(float), np.nan),
            "churned_on": met["churned_on"].where(inside & known),
            "involuntary": (met["involuntary"].astype("boolean").fillna(False).astype(bool) & inside & known),
        }
    ).reset_index(drop=True)
