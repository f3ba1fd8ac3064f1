"""Scoring: a history, a day and a model in; one row an account out, with its probability and its reasons."""

from __future__ import annotations

import datetime as dt
import json

import pandas as pd

from features.build import build_features
from features.catalogue import CATALOGUE
from features.cohort import account_statuses
from features.errors import TenureError
from features.history import History
from success.wording import reading
from training.drivers import explained_drivers
from training.kernel import Kernel

__all__ = ["score_day"]

_REASONS = {
    "notice_given": "Notice has been given, so there is nothing left to forecast.",
    "churned": "The last paid subscription has ended.",
    "insufficient_data": "There has been no paid subscription yet.",
}


def score_day(
    history: History, kernel: Kernel, model_version: str, as_of: dt.date, computed_at: dt.datetime
) -> pd.DataFrame:
    """Score every account known at a day.

    Returns
    -------
    The columns of the score file (DESIGN section 9), sorted by account_id. Accounts outside the cohort have null
    probabilities and a reason; all scored rows are `stale` where usage stopped well before the day.

    Raises
    ------
    TenureError : the model was fitted on other feature declarations, or nothing is known before the day.
    """
    if kernel.catalogue_hash != CATALOGUE.hash:
        raise TenureError(
            f"Model version {model_version} was fitted on other feature declarations (catalogue "
            f"{kernel.catalogue_hash[:12]}) than today's ({CATALOGUE.hash[:12]}); run `tenure train`."
        )
    rows = build_features(history, [as_of])
    scores = account_statuses(history, as_of)
    scores.insert(1, "as_of", as_of)
    horizon = kernel.horizons[0]
    explained = kernel.explain(rows, horizon)
    scored = pd.DataFrame(
        {
            f"churn_{horizon}d": explained.probability,
            f"typical_{horizon}d": explained.typical_probability,
            "reading": [reading(p, as_of, horizon) for p in explained.probability.tolist()],
            "drivers": [json.dumps(d) for d in explained_drivers(rows, explained.points, kernel)],
        },
        index=pd.Index(rows["account_id"].to_numpy(), name="account_id"),
    )
    scores = scores.join(scored, on="account_id")
    scores["mrr_at_risk"] = scores["mrr"] * scores[f"churn_{horizon}d"]
    scores["reason"] = scores["status"].map(_REASONS).astype(object)
    _mark_stale(scores, history, as_of)
    scores["model_version"] = model_version
    scores["catalogue_hash"] = kernel.catalogue_hash
    scores["computed_at"] = pd.Timestamp(computed_at)
    return scores.astype(dict.fromkeys(("name", "segment", "reading", "drivers", "reason"), object))


def _mark_stale(scores: pd.DataFrame, history: History, as_of: dt.date) -> None:
    """Say so where usage stops well before the day: the scores then speak of an older state."""
    until = history.observed_period(as_of)[1]
    late = (as_of - until).days
    if late > history.settings.history.stale_after_days:
        ok = scores["status"] == "ok"
        scores.loc[ok, "status"] = "stale"
        scores.loc[ok, "reason"] = (
            f"Usage is known only until {until - dt.timedelta(days=1)}, {late + 1} days before this day."
        )
