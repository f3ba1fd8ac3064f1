"""Afterwards: what became of each row's revenue, and when notice came, as known on a later day.

These look ahead of as_of on purpose. They are outcomes to learn from and to judge by, never features.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pandas as pd

from features.expansion import mrr_path
from features.history import History
from features.labels import recording_lag
from features.subscriptions import paid_subscriptions

__all__ = ["later_mrr", "notice_days"]


def later_mrr(
    history: History, rows: pd.DataFrame, horizons: Sequence[int], known_on: dt.date
) -> tuple[np.ndarray, np.ndarray]:
    """Each row's MRR on the day before as_of, and on the last day of each horizon.

    The last day that a horizon of h days covers is as_of + h - 1: an account that has churned within the horizon has
    none of it left on that day, unless it has come back.

    Parameters
    ----------
    rows : columns account_id and as_of.
    horizons : days.
    known_on : nothing known on or after it counts.

    Returns
    -------
    (n,) MRR a month before as_of, NaN where it is not above 0 or in several currencies; (n, H) MRR then, 0 where
    nothing is active, NaN where the day is not yet known or where the currency has changed.
    """
    lag = recording_lag(history, known_on)
    frame = _asked(rows)
    offsets = sorted({-1, *(h - 1 for h in horizons)})
    history.con.register("_asked", frame)
    try:
        found = history.con.execute(
            f"""
            WITH path AS MATERIALIZED (SELECT * FROM {mrr_path(history, known_on)}),
            asked AS (
                SELECT place, account_id, later, CAST(as_of AS DATE) + later AS day
                FROM _asked, (SELECT unnest({offsets}) AS later)
            )
            SELECT place, later, CAST(path.mrr AS DOUBLE) AS mrr, currency, coalesce(mixed, false) AS mixed
            FROM asked LEFT JOIN path ON path.account_id = asked.account_id
                AND from_on <= day AND (until_on IS NULL OR until_on > day)
            ORDER BY later, place
            """
        ).df()
    finally:
        history.con.unregister("_asked")
    by_offset = {offset: found[found["later"] == offset].set_index("place") for offset in offsets}
    before = by_offset[-1]
    mrr = before["mrr"].to_numpy(dtype=np.float64, na_value=np.nan)
    mrr = np.where((mrr > 0) & ~before["mixed"].to_numpy(dtype=bool), mrr, np.nan)
    currency = before["currency"].to_numpy(dtype=object)
    later = np.full((len(frame), len(horizons)), np.nan)
    for column, horizon in enumerate(horizons):
        then = by_offset[horizon - 1]
        value = np.nan_to_num(then["mrr"].to_numpy(dtype=np.float64, na_value=np.nan))
        paid_in = then["currency"].to_numpy(dtype=object)
        foreign = pd.notna(paid_in) & pd.notna(currency) & (paid_in != currency)
        matured = frame["as_of"] + pd.Timedelta(days=horizon + lag) <= pd.Timestamp(known_on)
        usable = matured.to_numpy() & ~foreign & ~then["mixed"].to_numpy(dtype=bool)
        later[:, column] = np.where(usable, value, np.nan)
    return mrr, later


def notice_days(history: History, rows: pd.DataFrame, known_on: dt.date) -> np.ndarray:
    """Days from each as_of to the first notice on or after it that was not withdrawn, (n,); NaN where none is known.

    Parameters
    ----------
    rows : columns account_id and as_of.
    """
    notices = history.con.execute(
        f"""
        SELECT CAST(account_id AS VARCHAR) AS account_id, CAST(notice_on AS TIMESTAMP) AS notice_on
        FROM {paid_subscriptions(history, known_on)}
        WHERE notice_on IS NOT NULL AND (notice_withdrawn_on IS NULL OR notice_withdrawn_on < notice_on)
        """
    ).df()
    asked = _asked(rows).sort_values("as_of", kind="stable")
    notices["account_id"] = notices["account_id"].astype("str")
    notices["notice_on"] = notices["notice_on"].astype("datetime64[us]")
    met = pd.merge_asof(
        asked,
        notices.sort_values("notice_on", kind="stable"),
        left_on="as_of",
        right_on="notice_on",
        by="account_id",
        direction="forward",
    ).sort_values("place")
    return (met["notice_on"] - met["as_of"]).dt.days.to_numpy(dtype=np.float64, na_value=np.nan)


def _asked(rows: pd.DataFrame) -> pd.DataFrame:
    """account_id as text, as_of (datetime64[us]) and the place of each row."""
    return pd.DataFrame(
        {
            "account_id": rows["account_id"].astype("str").array,
            "as_of": pd.to_datetime(rows["as_of"]).astype("datetime64[us]").to_numpy(),
            "place": np.arange(len(rows)),
        }
    )
