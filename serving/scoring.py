"""Scoring: a history, a day and the models in; one row an account out, with its probabilities and its reasons."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pandas as pd

from features.build import build_features
from features.catalogue import CATALOGUE
from features.cohort import account_statuses
from features.errors import TenureError
from features.history import History
from serving.forecast import Forecast
from success.wording import reading
from training.rivals import scorecard_of

__all__ = ["NOT_PASSED", "NO_MODEL", "lateness", "score_day", "score_day_by_rules"]

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
_TEXTS = ("name", "segment", "reading", "drivers", "expansion_drivers", "reason", "model_version", "expansion_version",
          "not_validated_in_time", "health_source")  # fmt: skip


def score_day(history: History, forecast: Forecast, as_of: dt.date, computed_at: dt.datetime) -> pd.DataFrame:
    """Score every account known at a day with the models.

    Returns
    -------
    The columns of the score file (`serving.layout`), sorted by account_id. Accounts outside the cohort have null
    probabilities and a reason; all scored rows are `stale` where usage stopped well before the day.

    Raises
    ------
    TenureError : a model was fitted on other feature declarations, or nothing is known before the day.
    """
    for outcome, model in forecast.models.items():
        if model.kernel.catalogue_hash != CATALOGUE.hash:
            raise TenureError(
                f"Model version {model.version} of {outcome} was fitted on other feature declarations (catalogue "
                f"{model.kernel.catalogue_hash[:12]}) than today's ({CATALOGUE.hash[:12]}); run `tenure train`, or "
                "`tenure train --recipe default` where the gate refuses what that makes."
            )
    rows = build_features(history, [as_of])
    accounts = pd.Index(rows["account_id"].to_numpy(), name="account_id")
    scored = forecast.figures(rows).set_index(accounts)
    headline = forecast.headline
    scored["reading"] = [reading(p, as_of, headline) for p in scored[f"churn_{headline}d"].tolist()]
    for outcome, model in forecast.models.items():
        horizon = forecast.horizon_of(outcome, headline)
        prefix = "" if outcome == "churn" else f"{outcome}_"
        told = pd.Series(
            [json.dumps(d) for d in forecast.drivers(model.kernel, rows, horizon)], index=accounts, dtype=object
        )
        scored[f"{prefix}drivers"] = told.where(scored[f"{outcome}_{horizon}d"].notna(), None)
    scores = _everyone(history, as_of).join(scored, on="account_id")
    for outcome in forecast.models:
        prefix = "" if outcome == "churn" else f"{outcome}_"
        scores[f"{prefix}drivers_horizon"] = forecast.horizon_of(outcome, headline)
    scores["mrr_at_risk"] = scores["mrr"] * scores[f"churn_{headline}d"]
    if late := lateness(history, as_of):
        ok = scores["status"] == "ok"
        scores.loc[ok, "status"], scores.loc[ok, "reason"] = "stale", late
    named = forecast.not_validated
    scores["not_validated_in_time"] = None if named is None else json.dumps(named)
    scores["model_version"] = forecast.churn.version
    scores["expansion_version"] = forecast.expansion.version if forecast.expansion else None
    return _stamped(scores, computed_at)


def score_day_by_rules(
    history: History, as_of: dt.date, computed_at: dt.datetime, reason: str = NO_MODEL
) -> pd.DataFrame:
    """Score every account known at a day with the scorecard alone, where there is no model.

    Parameters
    ----------
    reason : why there is no model, as the accounts of the cohort tell it.

    Returns
    -------
    The columns of the score file with null probabilities at the horizons of the settings. Accounts of the cohort are
    `insufficient_data` and have health, 0 to 100, health_<dimension>, and health_source "rule_based"; NaN where no
    rule had a value.

    Raises
    ------
    TenureError : a rule of the settings makes no sense, or nothing is known before the day.
    """
    scorecard = scorecard_of(history.settings)
    rows = build_features(history, [as_of])
    found = scorecard.score(rows).clip(0, 100)  # a weighted mean of 100s may be 100 and a rounding
    health = pd.DataFrame(
        {"health" if name == "score" else f"health_{name}": found[name].to_numpy() for name in found.columns},
        index=pd.Index(rows["account_id"].to_numpy(), name="account_id"),
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
    return _stamped(scores, computed_at)


def _everyone(history: History, as_of: dt.date) -> pd.DataFrame:
    """Every account known at a day, with its status and, where that says that there is no score, the reason."""
    scores = account_statuses(history, as_of)
    scores.insert(1, "as_of", as_of)
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
