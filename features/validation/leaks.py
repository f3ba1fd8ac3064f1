"""Leaks: signs that a column or a feature was written after the churn that it would predict.

A value without a date counts as always known, so one that somebody fills in, empties or changes when an account leaves
tells the model what it is asked. Nothing here is proof: each sign is rare in honest data and common where a source is
overwritten, and each threshold is set so that honest companies stay silent (see `tests/features/validation`).

1. A column that is filled for those who stayed and not for those who left, or the other way round, compared among
   accounts created in the same quarter: what was collected from some day on only is not a leak.
2. A value that only those who left carry, or one that is called `cancelled` or `churned`; a column whose values are
   divided between the two sides.
3. `renews_on` that has been moved on since the first renewal, which only those who stay can have.
4. Dated versions of an account that begin on the day of its churn.
5. One feature, or its being missing, that alone tells churn from no churn at some as_of days better than honest ones
   do. Pairs are compared within one as_of day, and within accounts that do or do not come up for renewal inside the
   horizon: with yearly contracts the calendar alone, known in advance, would come near to 1. Whole models of churn
   reach an area under the curve of 0.65 to 0.90; a single feature whose lower bound lies above `TOO_GOOD` does not
   forecast, it remembers.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from features.contract import CONTRACT
from features.errors import TenureError
from features.validation.columns import column_leaks
from features.validation.report import Leak, Leaks
from features.validation.separation import cross_fitted_rates, lower_bound, stratified_auc

if TYPE_CHECKING:
    from features.history import History

__all__ = ["TOO_GOOD", "feature_leaks", "find_leaks"]

TOO_GOOD = 0.90
"""A single feature's area under the curve, at its lower bound, from which on it is taken to know the outcome."""
MIN_CHURNED = 30
"""Fewer churned accounts say nothing."""
AS_OF_DAYS = 4


def find_leaks(history: History, progress: Callable[[str], None] | None = None) -> Leaks:
    """Every sign of a leak, columns first, then features.

    Parameters
    ----------
    progress : called with what is being looked at.
    """
    say = progress or (lambda text: None)
    say("comparing columns of those who left and those who stayed")
    try:
        fates = _fates(history)
        counts = fates["left"].value_counts()
        left, stayed = int(counts.get(True, 0)), int(counts.get(False, 0))
        found = list(column_leaks(history, fates)) if min(left, stayed) >= MIN_CHURNED else []
        judged = f"Columns were compared between {left:,} accounts that left and {stayed:,} that stayed."
        if min(left, stayed) < MIN_CHURNED:
            judged = f"{left:,} accounts left and {stayed:,} stayed: too few of one to compare columns."
    except TenureError as refusal:
        return Leaks([], f"Not looked for: {refusal}")
    say("trying each feature alone")
    try:
        features, told = feature_leaks(history)
    except TenureError as refusal:
        return Leaks(found, f"{judged} Features were not tried alone: {refusal}")
    return Leaks(found + features, f"{judged} {told}")


def _fates(history: History) -> pd.DataFrame:
    """account_id, left (bool), quarter of creation; accounts under notice and those that never paid are left out."""
    from features.cohort import account_statuses
    from features.labels import churn_days

    until = history.observed_until
    churned = set(churn_days(history, until)["account_id"])
    states = account_statuses(history, until)[["account_id", "status"]]
    born = history.con.execute(
        "SELECT account_id, CAST(date_trunc('quarter', min(created_on)) AS TIMESTAMP) AS quarter FROM accounts "
        "WHERE _bad_from IS NULL GROUP BY account_id"
    ).df()
    states = states.merge(born, on="account_id")
    left = (states["status"] == "churned") & states["account_id"].isin(churned)
    return states.assign(left=left)[left | (states["status"] == "ok")].reset_index(drop=True)


def feature_leaks(history: History) -> tuple[list[Leak], str]:
    """Sign 5.

    Returns
    -------
    The signs, and one sentence on what was judged.

    Raises
    ------
    TenureError : a table, as known on one of the days, has too many rows that cannot be right.
    """
    from features.build import build_features
    from features.catalogue import CATALOGUE
    from features.labels import churn_labels

    horizon = min(history.settings.churn.horizons, key=lambda days: abs(days - 90))
    days = _some_days(history, horizon)
    if not days:
        return [], "No as_of day has a label yet, so no feature could be tried alone."
    rows = build_features(history, days)
    labels = churn_labels(history, rows, horizon, history.observed_until)["label"].to_numpy(dtype=np.float64)
    known = ~np.isnan(labels)
    rows, labels = rows[known].reset_index(drop=True), labels[known]
    accounts = rows["account_id"].to_numpy(dtype=object)
    churned = len(set(accounts[labels == 1]))
    if churned < MIN_CHURNED:
        return [], f"Only {churned} accounts churned within {horizon} days of an as_of day: too few to try features."
    due = (
        np.nan_to_num(rows["days_to_renewal"].to_numpy(dtype=np.float64), nan=-1.0) if "days_to_renewal" in rows else 0
    )
    soon = np.where(due < 0, 2, np.where(due < horizon, 1, 0)) if isinstance(due, np.ndarray) else 0
    strata = pd.factorize(rows["as_of"])[0] * 3 + soon
    found = []
    for feature in CATALOGUE:
        for kind, values, where in _readings(rows[feature.name], feature.kind, labels, accounts):
            if len(set(accounts[where][labels[where] == 1])) < MIN_CHURNED or labels[where].min() == 1:
                continue
            arguments = (values[where], labels[where], strata[where])
            area = stratified_auc(*arguments)[0]
            # A category is coded by its rate elsewhere, so an area below a half is chance and no turned sign.
            if max(area, 1 - area if kind != "its categories" else 0) < TOO_GOOD:
                continue
            low = lower_bound(*arguments, accounts[where])
            if low >= TOO_GOOD:
                says = (
                    f"By {kind} alone, {100 * max(area, 1 - area):.1f} % of pairs of an account that churned within "
                    f"{horizon} days and one that did not are told apart (at least {100 * low:.1f} %)."
                )
                meaning = f"No honest feature does. Look what its columns in {_table(feature)} know, and when."
                found.append(Leak(feature.name, "a feature that alone predicts too well", says, meaning))
                break
    told = (
        f"{len(CATALOGUE)} features were each tried alone on {len(days)} as_of days from {days[0]} to {days[-1]}, with "
        f"{churned:,} accounts that churned within {horizon} days."
    )
    return found, told


def _some_days(history: History, horizon: int) -> list[dt.date]:
    """A few as_of days with labels, spread over the history but for its beginning."""
    from features.grid import as_of_days
    from features.labels import label_wait

    first, until = history.observed_period()
    last = until - dt.timedelta(days=label_wait(history, horizon, until))
    days = as_of_days(first + dt.timedelta(days=28), last, "monthly") or as_of_days(first, last, "weekly")
    days = days[len(days) // 4 :]
    places = np.linspace(0, len(days) - 1, min(AS_OF_DAYS, len(days))).round()
    return [days[int(n)] for n in places]


def _readings(
    column: pd.Series, kind: str, labels: np.ndarray, accounts: np.ndarray
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(what is read, (n,) values, (n,) bool where it is read): the values where there are some, and the gaps."""
    gaps = column.isna().to_numpy()
    if kind == "number":
        yield "its value", column.to_numpy(dtype=np.float64), ~gaps
    else:
        yield "its categories", cross_fitted_rates(column.to_numpy(dtype=object), labels, accounts), ~gaps
    if gaps.any() and not gaps.all():
        yield "its being missing", gaps.astype(np.float64), np.ones(len(gaps), bool)


def _table(feature: Any) -> str:
    """The source tables that a feature's measure names."""
    named = [t for t in CONTRACT if f"'{t}'" in repr(feature.measure)]
    return ", ".join(named) or "accounts and subscriptions"
