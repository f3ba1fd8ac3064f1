"""Scoring: a history, a day and the models in; one row an account out, with its probabilities and its reasons."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from features.build import build_features
from features.catalogue import CATALOGUE
from features.cohort import account_statuses
from features.contract import CONTRACT, SURVEY_SCALES
from features.errors import TenureError
from features.feeds import fed_by
from features.history import History
from features.stages import stages_of
from serving.drafts import Drafts
from serving.forecast import Forecast
from serving.healths import COLUMNS as HEALTH_COLUMNS
from serving.healths import Healths, healths_of
from serving.parts import PART, told_of
from success.facts import facts_of
from success.health import band_of
from success.wording import reading
from training.own import Own
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
          "expansion_version", "not_validated_in_time", "health_source", "stage", "health_stage", "health_cell", "band",
          "arm", "rule_scores", "tables")  # fmt: skip


class Scored(NamedTuple):
    """A day, scored.

    Attributes
    ----------
    frame : the columns of the score file (`serving.layout`), sorted by account_id.
    features : of the cohort, all that are declared, by account_id.
    facts : of every account, what its brief is made of, see `success.facts`.
    failed : accounts on which a model failed; their status is error.
    resumed : accounts that a scoring before this one, which did not get to its end, had got through.
    healths : what told health; None where the scorecard did, or nothing.
    own : what that health is made of, in the order of `features`.
    """

    frame: pd.DataFrame
    features: pd.DataFrame
    facts: dict[str, dict[str, Any]]
    failed: int = 0
    resumed: int = 0
    healths: Healths | None = None
    own: Own | None = None


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
    absent = fed_by(set(CONTRACT) - set(history.tables))
    healths = healths_of(forecast, history.settings, absent)
    told = told_of(forecast, rows, drafts, progress, part, healths)
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
    scores = scores.join(_by_rules(history, rows).set_index(features.index), on="account_id")
    facts = _with_facts(scores, history, as_of)
    for outcome in forecast.models:
        prefix = "" if outcome == "churn" else f"{outcome}_"
        scores[f"{prefix}drivers_horizon"] = forecast.horizon_of(outcome, headline)
    scores["mrr_at_risk"] = scores["mrr"] * scores[f"churn_{headline}d"]
    if late := lateness(history, as_of):
        ok = scores["status"] == "ok"
        scores.loc[ok, "status"], scores.loc[ok, "reason"] = "stale", late
    if healths is None:
        scores = _without_health(scores, rows, features, history)
    error = scores.pop("error")
    scores.loc[error.notna(), "status"], scores.loc[error.notna(), "reason"] = "error", error.dropna()
    named = forecast.not_validated
    scores["not_validated_in_time"] = None if named is None else json.dumps(named)
    scores["model_version"] = forecast.churn.version
    scores["expansion_version"] = forecast.expansion.version if forecast.expansion else None
    return Scored(
        _stamped(scores, history, computed_at), features, facts, int(failed.sum()), told.resumed, healths, told.own
    )


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
    rows = build_features(history, [as_of])
    features = _features(rows)
    rules = _by_rules(history, rows).set_index(features.index)
    names = {name: "health" if name == "rule_health" else name.replace("rule_", "health_") for name in rules.columns}
    health = rules.drop(columns="rule_scores").rename(columns=names)
    bands = history.settings.health
    health["band"] = [band_of(x, bands.bands, bands.edges) for x in health["health"].tolist()]
    health["stage"] = stages_of(rows, history.settings.stages)
    scores = _everyone(history, as_of).join(health, on="account_id").join(rules, on="account_id")
    facts = _with_facts(scores, history, as_of)
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
    return Scored(_stamped(scores, history, computed_at), features, facts)


def _by_rules(history: History, rows: pd.DataFrame) -> pd.DataFrame:
    """With the index of the rows: rule_health, rule_<dimension>, 0 to 100, and rule_scores, what they are made of."""
    scorecard = scorecard_of(history.settings)
    found = scorecard.score(rows).clip(0, 100)  # a weighted mean of 100s may be 100 and a rounding
    found.columns = pd.Index(["rule_health" if name == "score" else f"rule_{name}" for name in found.columns])
    found["rule_scores"] = [json.dumps(told, allow_nan=False) for told in scorecard.told(rows)]
    return found


def _without_health(scores: pd.DataFrame, rows: pd.DataFrame, features: pd.DataFrame, history: History) -> pd.DataFrame:
    """The scores of a model that was trained before there were anchors: it has stages, and no health."""
    texts = {name: None for name in HEALTH_COLUMNS if name in _TEXTS}
    scores = scores.assign(**texts, **{name: np.nan for name in HEALTH_COLUMNS if name not in _TEXTS})
    stages = pd.Series(stages_of(rows, history.settings.stages), features.index, dtype=object)
    return scores.assign(stage=scores["account_id"].map(stages))


def _with_facts(scores: pd.DataFrame, history: History, as_of: dt.date) -> dict[str, dict[str, Any]]:
    """The facts of every account; what a score row says of them becomes columns of `scores`."""
    facts = facts_of(history, as_of)
    known = [facts[account] for account in scores["account_id"]]
    pulses = [(one.get("surveys") or {}).get("pulse") or {} for one in known]
    low, high = SURVEY_SCALES["csm_pulse"]
    scores["pulse"] = [100 * (pulse["score"] - low) / (high - low) if pulse else np.nan for pulse in pulses]
    scores["pulse_on"] = [_day(pulse.get("on")) for pulse in pulses]
    control, scored = history.settings.arms.control, scores["rule_scores"].tolist()
    for one, told in zip(known, scored, strict=True):
        one["arm"] = one["arm"] if one.get("arm") in control else None
        one["rule_scores"] = json.loads(told) if isinstance(told, str) else None
    scores["arm"] = pd.Series([one["arm"] for one in known], scores.index, dtype=object)
    scores["advocated_on"] = [_day((one.get("advocacy") or {}).get("last_on")) for one in known]
    scores["churned_on"] = [_day(one.get("churned_on")) for one in known]
    return facts


def _day(text: str | None) -> dt.date | None:
    return None if text is None else dt.date.fromisoformat(text)


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


def _stamped(scores: pd.DataFrame, history: History, computed_at: dt.datetime) -> pd.DataFrame:
    scores["tables"] = json.dumps(sorted(history.tables))
    scores["catalogue_hash"] = CATALOGUE.hash
    scores["computed_at"] = pd.Timestamp(computed_at)
    return scores.astype({name: object for name in _TEXTS if name in scores.columns})
