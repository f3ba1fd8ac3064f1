"""Expansion: did an account's MRR grow by so much within the horizon and before any churn, or can nobody know.

First passage: the label at as_of is 1 if on a day of `[as_of, as_of + horizon)` the MRR reaches (1 + growth) times the
MRR at as_of, and no churn came before that day; churning later does not undo it. The worked timeline in
`features/labels.py` shows it day by day.

The MRR at as_of is what was active then as known on the day the labels are made, not as seen at as_of: a rise that
came before as_of and was recorded after it happened outside the horizon, however late somebody wrote it down.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pandas as pd

from features.history import History
from features.labels import recording_lag, standing
from features.subscriptions import paid_subscriptions

__all__ = ["expansion_labels", "expansion_labels_by_horizon", "expansion_wait", "mrr_path"]


def mrr_path(history: History, known_on: dt.date) -> str:
    """SQL: each account's MRR day by day, as known on a day, in steps.

    A paid subscription counts on the days `[started_on, ended_on)`, so one that takes over on the day the other ends
    leaves neither a gap nor a day on which both count; others that overlap add up.

    Returns
    -------
    SQL with columns account_id, from_on, until_on (half-open; NULL for the last step), mrr (0 where nothing is active),
    currency, mixed (bool: more than one currency is active). A subscription without a currency is taken to be in that
    of the others.
    """
    return f"""
    (WITH paid AS (
        SELECT CAST(account_id AS VARCHAR) AS account_id, started_on, ended_on, mrr,
               nullif(upper(trim(currency)), '') AS currency
        FROM {paid_subscriptions(history, known_on)}
    ),
    days AS (
        SELECT account_id, started_on AS from_on FROM paid
        UNION SELECT account_id, ended_on FROM paid WHERE ended_on IS NOT NULL
    )
    SELECT days.account_id, from_on, coalesce(sum(mrr), 0) AS mrr, min(currency) AS currency,
           coalesce(min(currency) <> max(currency), false) AS mixed,
           lead(from_on) OVER (PARTITION BY days.account_id ORDER BY from_on) AS until_on
    FROM days LEFT JOIN paid ON paid.account_id = days.account_id
        AND started_on <= from_on AND (ended_on IS NULL OR ended_on > from_on)
    GROUP BY days.account_id, from_on)
    """


def expansion_wait(history: History, horizon: int, known_on: dt.date) -> int:
    """Days from an as_of day until its label can exist: horizon + recording lag.

    No grace: who comes back after an end and grows shows within the horizon itself whether the grace was over.
    """
    return horizon + recording_lag(history, known_on)


def expansion_labels(history: History, rows: pd.DataFrame, horizon: int, known_on: dt.date) -> pd.DataFrame:
    """Expansion within `[as_of, as_of + horizon)` for each row, as known on a day.

    Parameters
    ----------
    rows : columns account_id and as_of.
    horizon : days.
    known_on : the day on which the labels are made; nothing known on or after it counts.

    Returns
    -------
    Aligned with rows: label (1.0, 0.0, NaN where not matured, where the account turns out to have been no customer on
    as_of or without MRR above 0, and where its currencies cannot be compared), expanded_on (the first passage inside
    the horizon, NaT if none).
    """
    return expansion_labels_by_horizon(history, rows, (horizon,), known_on)[horizon]


def expansion_labels_by_horizon(
    history: History, rows: pd.DataFrame, horizons: Sequence[int], known_on: dt.date
) -> dict[int, pd.DataFrame]:
    """`expansion_labels` at several horizons for the price of one; where known, never decreasing in the horizon."""
    found = standing(history, rows, known_on)
    found = found.join(_passages(history, found, max(horizons, default=0), known_on))
    lag = pd.Timedelta(days=expansion_wait(history, 0, known_on))
    # With `event = "notice"` an account may grow after it has given notice; it has churned by then.
    churned_on = found["churned_on"].fillna(pd.Timestamp.max.as_unit("us"))
    reached = found["reached_on"] < churned_on
    # Another currency hides whatever comes from its day on, and nothing that came before.
    reached &= ~(found["foreign_on"] <= found["reached_on"])
    hidden = found["foreign_on"] < churned_on
    labels = {}
    for horizon in horizons:
        until = found["as_of"] + pd.Timedelta(days=horizon)
        inside = reached & (found["reached_on"] < until)
        known = found["customer"] & found["comparable"] & (until + lag <= pd.Timestamp(known_on))
        known &= inside | ~(hidden & (found["foreign_on"] < until))
        inside &= known
        labels[horizon] = pd.DataFrame(
            {"label": np.where(known, inside, np.nan), "expanded_on": found["reached_on"].where(inside)}
        )
    return labels


def _passages(history: History, asked: pd.DataFrame, horizon: int, known_on: dt.date) -> pd.DataFrame:
    """For rows of account_id and as_of, by their place: what happens to the MRR within the horizon.

    Columns comparable (bool: an MRR above 0 in one currency on the day before as_of), reached_on (its first day of
    (1 + growth) times that), foreign_on (its first day in another currency).
    """
    # As whole numbers, so that 110 is 1.1 times 100.
    factor = 1 + Fraction(str(history.settings.expansion.growth)).limit_denominator(1_000_000)
    frame = asked[["account_id", "as_of"]].assign(place=np.arange(len(asked)))
    history.con.register("_asked", frame)
    try:
        found = history.con.execute(
            f"""
            WITH path AS MATERIALIZED (SELECT * FROM {mrr_path(history, known_on)}),
            based AS (
                SELECT place, asked.account_id, CAST(as_of AS DATE) AS as_of, mrr, currency,
                       coalesce(mrr > 0 AND NOT mixed, false) AS comparable
                FROM _asked AS asked LEFT JOIN path ON path.account_id = asked.account_id
                    AND from_on < CAST(as_of AS DATE) AND (until_on IS NULL OR until_on >= CAST(as_of AS DATE))
            )
            SELECT place, comparable,
                   CAST(min(from_on) FILTER (
                       WHERE path.mrr * {factor.denominator} >= based.mrr * {factor.numerator}) AS TIMESTAMP
                   ) AS reached_on,
                   CAST(min(from_on) FILTER (
                       WHERE path.mixed OR path.currency <> based.currency) AS TIMESTAMP) AS foreign_on
            FROM based LEFT JOIN path ON path.account_id = based.account_id
                AND from_on >= as_of AND from_on < as_of + {int(horizon)}
            GROUP BY place, comparable ORDER BY place
            """
        ).df()
    finally:
        history.con.unregister("_asked")
    for column in ("reached_on", "foreign_on"):
        found[column] = found[column].astype("datetime64[us]")
    return found.drop(columns="place")
