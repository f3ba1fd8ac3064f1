"""Scoring: a history, a day and the models in; one row an account out, with its probabilities and its reasons."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from features.build import build_features
from features.catalogue import CATALOGUE
from features.cohort import account_statuses
from features.errors import TenureError
from features.history import History
from serving.drafts import Drafts
from serving.forecast import Forecast
from serving.parts import PART, told_of
from success.wording import reading
from training.rivals import scorecard_of

__all__ = ["NOT_PASSED", "NO_MODEL", "Scored", "lateness", "score_day", "score_day_by_rules"]

NO_MODEL = (
    "There is no model of churn yet (too little history for one, or `tenure train` has not run), so there is no "
    "probability and health is rule-based."
)
NOT_PASSED = "No model of churn has passed the gate yet, so there is no probability and health is rule-based."

_REASONS = {
    "notice_given": "Notice has been given, so there is nothing left to forecast.",
    "churned": "The last paid subscription has ended.",
    "insufficient_data": "There has been no paid subscription yet.",
}
_TEXTS = ("name", "segment", "csm_id", "reading", "drivers", "expansion_drivers", "reason", "model_version",
          "expansion_version", "not_validated_in_time", "health_source")  # fmt: skip


class Scored(NamedTuple):
    """A day, scored.

    Attributes
    ----------
    frame : the columns of the score file (`serving.layout`), sorted by account_id.
    features : of the cohort, all that are declared, by account_id.
    failed : accounts on which a model failed; their status is error.
    resumed : accounts that a scoring before this one, which did not get to its end, had got through.
    """

    frame: pd.DataFrame
    features: pd.DataFrame
    failed: int = 0
    resumed: int = 0


def score_day(
    history: History,
    forecast: Forecast,
    as_of: dt.date,
    computed_at: dt.datetime,
    *,
    drafts: Drafts | None = None,
    progress: Callable[[int, int], None] | None = None,
    part: int = PART,
) -> Scored:
    """Score every account known at a day with the models.

    Accounts outside the cohort have null probabilities and a reason; so has one on which a model fails. All scored rows
    are `stale` where usage stopped well before the day.

    Parameters
    ----------
    drafts : what a scoring before this one has left, and where this one leaves what it gets through; the frame is the
        same with them and without.
    progress : called with the number of accounts done and in all.
    part : accounts that go through the models at once; the frame does not depend on it.

    Raises
    ------
    TenureError : a model was fitted on other feature declarations, nothing is known before the day, or the models fail
        on every account.
    """
    for outcome, model in forecast.models.items():
        if model.kernel.catalogue_hash != CATALOGUE.hash:
            raise TenureError(
                f"Model version {model.version} of {outcome} was fitted on other feature declarations (catalogue "
                f"{model.kernel.catalogue_hash[:12]}) than today's ({CATALOGUE.hash[:12]}); run `tenure train`, or "
                "`tenure train --recipe default` where the gate refuses what that makes."
            )
    rows = build_features(history, [as_of])
    told = told_of(forecast, rows, drafts, progress, part)
    failed = told.frame["error"].notna()
    if len(rows) and failed.all():
        raise TenureError(
            f"Model version {forecast.churn.version} fails on every account of {as_of}, so nothing was stored; "
            f"of the first one it says: {told.frame['error'].iloc[0]} Train again, or go back with "
            "tenure promote churn --rollback."
        )
    headline = forecast.headline
    p = told.frame[f"churn_{headline}d"].tolist()
    readings = pd.Series([None if x != x else reading(x, as_of, headline) for x in p], rows.index, dtype=object)
    told.frame.insert(list(told.frame.columns).index("drivers"), "reading", readings)
    features = _features(rows)
    scores = _everyone(history, as_of).join(told.frame.set_index(features.index), on="account_id")
    for outcome in forecast.models:
        prefix = "" if outcome == "churn" else f"{outcome}_"
        scores[f"{prefix}drivers_horizon"] = forecast.horizon_of(outcome, headline)
    scores["mrr_at_risk"] = scores["mrr"] * scores[f"churn_{headline}d"]
    if late := lateness(history, as_of):
        ok = scores["status"] == "ok"
        scores.loc[ok, "status"], scores.loc[ok, "reason"] = "stale", late
    error = scores.pop("error")
    scores.loc[error.notna(), "status"], scores.loc[error.notna(), "reason"] = "error", error.dropna()
    named = forecast.not_validated
    scores["not_validated_in_time"] = None if named is None else json.dumps(named)
    scores["model_version"] = forecast.churn.version
    scores["expansion_version"] = forecast.expansion.version if forecast.expansion else None
    return Scored(_stamped(scores, computed_at), features, int(failed.sum()), told.resumed)


def score_day_by_rules(history: History, as_of: dt.date, computed_at: dt.datetime, reason: str = NO_MODEL) -> Scored:
    """Score every account known at a day with the scorecard alone, where there is no model.

    Probabilities are null at the horizons of the settings. Accounts of the cohort are `insufficient_data` and have
    health, 0 to 100, health_<dimension>, and health_source "rule_based"; NaN where no rule had a value.

    Parameters
    ----------
    reason : why there is no model, as the accounts of the cohort tell it.

    Raises
    ------
    TenureError : a rule of the settings makes no sense, or nothing is known before the day.
    """
    scorecard = scorecard_of(history.settings)
    rows = build_features(history, [as_of])
    found = scorecard.score(rows).clip(0, 100)  # a weighted mean of 100s may be 100 and a rounding
    features = _features(rows)
    health = pd.DataFrame(
        {"health" if name == "score" else f"health_{name}": found[name].to_numpy() for name in found.columns},
        index=features.index,
    )
    scores = _everyone(history, as_of).join(health, on="account_id")
    for h in history.settings.churn.horizons:
        for name in (f"churn_{h}d", f"churn_{h}d_low", f"churn_{h}d_high", f"typical_{h}d", f"involuntary_{h}d",
                     f"expected_mrr_{h}d"):  # fmt: skip
            scores[name] = np.nan
    scores[["renewal_next", "mrr_at_risk"]] = np.nan
    scores["drivers_horizon"] = pd.array([None] * len(scores), dtype="Int32")
    scores[["reading", "drivers", "not_validated_in_time", "model_version", "expansion_version"]] = None
    ok = scores["status"] == "ok"
    scores.loc[ok, "status"], scores.loc[ok, "reason"] = (
        "insufficient_data",
        f"{reason} {lateness(history, as_of)}".strip(),
    )
    scores["health_source"] = pd.Series("rule_based", index=scores.index, dtype=object).where(
        scores["health"].notna(), None
    )
    return Scored(_stamped(scores, computed_at), features)


def _features(rows: pd.DataFrame) -> pd.DataFrame:
    """Features alone, by account_id."""
    accounts = pd.Index(rows["account_id"].to_numpy(), name="account_id")
    return rows.drop(columns=["account_id", "as_of"]).set_axis(accounts, axis=0)


def _everyone(history: History, as_of: dt.date) -> pd.DataFrame:
    """Every account known at a day, with its status and, where that says that there is no score, the reason."""
    scores = account_statuses(history, as_of)
    scores.insert(1, "as_of", as_of)
    scores["csm_id"] = scores["csm_id"].astype(object).where(scores["csm_id"].notna(), None)
    scores["reason"] = scores["status"].map(_REASONS).astype(object)
    return scores


def lateness(history: History, as_of: dt.date) -> str:
    """Says so where usage stops well before the day: the scores then speak of an older state."""
    until = history.observed_period(as_of)[1]
    late = (as_of - until).days
    if late <= history.settings.history.stale_after_days:
        return ""
    return f"Usage is known only until {until - dt.timedelta(days=1)}, {late + 1} days before this day."


def _stamped(scores: pd.DataFrame, computed_at: dt.datetime) -> pd.DataFrame:
    scores["catalogue_hash"] = CATALOGUE.hash
    scores["computed_at"] = pd.Timestamp(computed_at)
    return scores.astype({name: object for name in _TEXTS if name in scores.columns})
