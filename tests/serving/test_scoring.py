"""A real company's day, scored with the models and with the scorecard alone."""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import itertools
import json
import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pandas as pd
import pytest

from features.build import build_features
from features.errors import TenureError
from features.settings import ScorecardRule
from serving.forecast import Forecast, Model, champion_of_expansion, load_model
from serving.layout import table_of
from serving.scoring import NO_MODEL, score_day, score_day_by_rules
from serving.store.address import address_of
from serving.store.store import Store
from serving.store.tokens import create
from training import registry
from training.kernel.curve import curve_of

if TYPE_CHECKING:
    from features.history import History

HORIZONS = (30, 90, 365)
NOW = dt.datetime(2026, 2, 1, 3, 0, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def scores(stored_scores: pd.DataFrame) -> pd.DataFrame:
    """What `tenure score` stored, by account."""
    return stored_scores.set_index("account_id")


@pytest.fixture(scope="module")
def rows(history: History) -> pd.DataFrame:
    """The features of the cohort of that day."""
    return build_features(history, [history.observed_until])


@pytest.fixture(scope="module")
def churn(home: Path) -> Model:
    found = registry.champion(home)
    assert found is not None
    return load_model(found)


@pytest.fixture(scope="module")
def expansion(home: Path) -> Model:
    return load_model(registry.version(home, 1, "expansion"))


@pytest.fixture(scope="module")
def scored(scores: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The scored rows, in the order of the features."""
    assert sorted(rows["account_id"]) == sorted(scores.index[scores["churn_90d"].notna()])
    return scores.loc[rows["account_id"]]


def test_churn_never_falls_with_the_horizon_and_its_parts_never_exceed_it(scored: pd.DataFrame) -> None:
    for before, h in itertools.pairwise(HORIZONS):
        assert (scored[f"churn_{before}d"] < scored[f"churn_{h}d"]).all()
        assert (scored[f"involuntary_{before}d"] <= scored[f"involuntary_{h}d"]).all()
        assert scored[f"typical_{before}d"].iloc[0] < scored[f"typical_{h}d"].iloc[0]
    for h in HORIZONS:
        p = scored[f"churn_{h}d"]
        assert ((scored[f"churn_{h}d_low"] < p) & (p < scored[f"churn_{h}d_high"])).all()
        assert ((scored[f"involuntary_{h}d"] > 0) & (scored[f"involuntary_{h}d"] < p)).all()
        assert scored[f"typical_{h}d"].nunique() == 1


def test_the_figures_are_the_kernels(scored: pd.DataFrame, rows: pd.DataFrame, churn: Model) -> None:
    for h in HORIZONS:
        assert (churn.kernel.probabilities(rows, h) == scored[f"churn_{h}d"]).all()
        assert (churn.kernel.involuntary(rows, h) == scored[f"involuntary_{h}d"]).all()


def test_the_next_renewal_agrees_with_the_curve_and_with_the_horizons_around_it(
    scored: pd.DataFrame, rows: pd.DataFrame, churn: Model, history: History
) -> None:
    days = rows["days_to_renewal"].to_numpy()
    told = scored["renewal_next"].to_numpy()
    assert (np.isnan(told) == ~(days + 1 <= HORIZONS[-1])).all()
    known = ~np.isnan(told)
    assert known.sum() > 500
    curve = curve_of(churn.kernel, rows[known].reset_index(drop=True))
    assert np.allclose(1 - told[known], np.diag(curve.churn(days[known] + 1)), atol=1e-12)
    # Whatever the curve is: surviving the renewal is between surviving the horizon before and the one after.
    ends = np.array([0, *HORIZONS])
    churned = np.column_stack([np.zeros(len(scored)), *(scored[f"churn_{h}d"] for h in HORIZONS)])[known]
    place = np.searchsorted(ends, days[known] + 1)
    each = np.arange(known.sum())
    assert (1 - told[known] <= churned[each, place] + 1e-12).all()
    assert (1 - told[known] >= churned[each, place - 1] - 1e-12).all()
    renews = (pd.to_datetime(scored["renews_on"]) - pd.Timestamp(history.observed_until)).dt.days
    assert (renews.to_numpy()[known] == days[known]).all()


def test_expected_revenue_never_contradicts_churn(scored: pd.DataFrame, rows: pd.DataFrame, churn: Model) -> None:
    mrr = rows["mrr"].to_numpy()
    assert (scored["mrr"].to_numpy() == mrr).all()
    curve = curve_of(churn.kernel, rows)
    for h in HORIZONS:
        stays, ratio = 1 - scored[f"churn_{h}d"].to_numpy(), churn.kernel.retained_ratio(rows, h)
        expected = scored[f"expected_mrr_{h}d"].to_numpy()
        assert np.allclose(expected, mrr * stays * ratio, rtol=1e-12)
        assert (expected <= mrr * stays * ratio * (1 + 1e-12)).all()
        assert np.allclose(expected, curve.expected_mrr(mrr, [h])[:, 0], rtol=1e-9)
    assert (scored["expected_mrr_90d"] > 0).all()
    assert np.allclose(scored["mrr_at_risk"], mrr * scored["churn_90d"])


def test_drivers_are_those_of_the_headline_horizon(scored: pd.DataFrame) -> None:
    assert (scored["drivers_horizon"] == 90).all()
    for _, row in scored.head(100).iterrows():
        points = math.fsum(d["points"] for d in json.loads(row["drivers"]))
        assert row["typical_90d"] + points == pytest.approx(row["churn_90d"], abs=1e-9)


def test_what_was_not_validated_in_time_is_named(scores: pd.DataFrame, churn: Model) -> None:
    assert churn.not_validated == (365,)
    assert set(scores["not_validated_in_time"]) == {'["churn_365d"]'}


def test_a_card_that_is_gone_leaves_it_unsaid(home: Path) -> None:
    found = registry.version(home, 1)
    assert load_model(dataclasses.replace(found, card={})).not_validated is None


def test_without_a_champion_of_expansion_there_are_no_columns_of_it(home: Path, scores: pd.DataFrame) -> None:
    assert champion_of_expansion(home) == (None, "")
    assert [name for name in scores.columns if name.startswith("expansion")] == ["expansion_version"]
    assert scores["expansion_version"].isna().all()


def test_expansion_stands_beside_churn(
    scored: pd.DataFrame, rows: pd.DataFrame, churn: Model, expansion: Model, history: History
) -> None:
    found = score_day(history, Forecast(churn, expansion), history.observed_until, NOW).frame
    table_of(found, history.observed_until)  # all that is checked of drivers and order holds
    cohort = found.set_index("account_id").loc[rows["account_id"]]
    assert cohort["expansion_version"].eq("1").all()
    for h in expansion.kernel.horizons:
        told = cohort[f"expansion_{h}d"]
        assert (told == expansion.kernel.probabilities(rows, h)).all()
        assert ((cohort[f"expansion_{h}d_low"] < told) & (told < cohort[f"expansion_{h}d_high"])).all()
    assert (cohort["expansion_30d"] < cohort["expansion_90d"]).all()
    assert cohort["expansion_drivers_horizon"].eq(90).all()
    assert found.loc[found["status"] == "churned", "expansion_drivers"].isna().all()
    for name in ("churn_30d", "churn_365d", "expected_mrr_90d", "renewal_next"):  # churn is as it is without it
        assert (cohort[name].fillna(-1).to_numpy() == scored[name].fillna(-1).to_numpy()).all()


def test_an_account_that_pays_nothing_has_no_expansion(rows: pd.DataFrame, churn: Model, expansion: Model) -> None:
    some = rows.head(3).reset_index(drop=True)
    some.loc[0, "mrr"], some.loc[1, "mrr"] = 0.0, np.nan
    figures = Forecast(churn, expansion).figures(some)
    assert figures["expansion_90d"].isna().tolist() == [True, False, False]
    assert figures["expected_mrr_90d"].isna().tolist() == [False, True, False]
    assert figures.loc[0, "expected_mrr_90d"] == 0


def test_rows_have_the_same_figures_alone_and_in_any_batch(rows: pd.DataFrame, churn: Model, expansion: Model) -> None:
    forecast = Forecast(churn, expansion)
    together = forecast.figures(rows)
    for n in (0, 7, len(rows) - 1):
        alone = forecast.figures(rows.iloc[[n]].reset_index(drop=True))
        pd.testing.assert_frame_equal(alone, together.iloc[[n]].reset_index(drop=True), check_exact=True)


def test_a_model_of_other_declarations_is_refused(churn: Model, expansion: Model, history: History) -> None:
    kernel = copy.copy(expansion.kernel)
    kernel.catalogue_hash = "0" * 64
    with pytest.raises(TenureError, match="version 1 of expansion was fitted on other feature declarations"):
        score_day(history, Forecast(churn, dataclasses.replace(expansion, kernel=kernel)), history.observed_until, NOW)


def test_a_broken_champion_of_expansion_leaves_churn_scoring(
    scored_home: Path, company: Path, settings_file: Path, history: History, tenure: Any, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    home = shutil.copytree(scored_home, tmp_path / "home")
    broken = dataclasses.replace(registry.version(scored_home, 1, "expansion"), folder=tmp_path / "nowhere")
    monkeypatch.setattr("serving.forecast.champion", lambda home, outcome: broken)
    assert tenure("score", company, "--as-of", history.observed_until, "--home", home, "--config", settings_file) == 0
    assert "Warning: The champion of expansion, version 1, cannot be read" in tenure.err
    assert "Accounts to call first" in tenure.out


# --- the scorecard alone ---------------------------------------------------------------------------------


def test_without_a_model_the_cohort_has_health_by_rules(history: History, rows: pd.DataFrame) -> None:
    found = score_day_by_rules(history, history.observed_until, NOW).frame.set_index("account_id")
    cohort = found.loc[rows["account_id"]]
    assert set(cohort["status"]) == {"insufficient_data"}
    assert set(cohort["reason"]) == {NO_MODEL}
    assert set(cohort["health_source"]) == {"rule_based"}
    assert cohort["health"].between(0, 100).all()
    assert cohort["health"].nunique() > 100
    dimensions = ("adoption", "engagement", "support", "billing", "sentiment", "relationship")
    assert all(cohort[f"health_{name}"].dropna().between(0, 100).all() for name in dimensions)
    # The whole lies between its parts.
    parts = cohort[[f"health_{name}" for name in dimensions]]
    assert ((parts.min(axis=1) <= cohort["health"] + 1e-9) & (cohort["health"] <= parts.max(axis=1) + 1e-9)).all()
    others = found.drop(index=rows["account_id"])
    assert set(others["status"]) <= {"churned", "notice_given", "insufficient_data"}
    assert others["health"].isna().all()
    assert others["health_source"].isna().all()
    nulls = ["churn_30d", "churn_365d", "typical_90d", "expected_mrr_90d", "drivers", "drivers_horizon",
             "model_version", "renewal_next", "mrr_at_risk"]  # fmt: skip
    assert found[nulls].isna().all().all()


def test_the_settings_rules_replace_the_default_ones(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = ScorecardRule("mrr", worst=0, best=1, weight=1)
    monkeypatch.setattr(history, "settings", dataclasses.replace(history.settings, scorecard=(rule,)))
    found = score_day_by_rules(history, history.observed_until, NOW).frame
    assert [name for name in found.columns if name.startswith("health")] == [
        "health",
        "health_contract",
        "health_source",
    ]
    assert set(found["health"].dropna()) == {100.0}


def test_stale_usage_is_said_by_both(history: History, churn: Model) -> None:
    later = history.observed_until + dt.timedelta(days=40)
    words = "41 days before this day"
    by_rules = score_day_by_rules(history, later, NOW).frame
    assert by_rules.loc[by_rules["health"].notna(), "reason"].str.endswith(f"{words}.").all()
    by_model = score_day(history, Forecast(churn), later, NOW).frame
    assert set(by_model.loc[by_model["churn_90d"].notna(), "status"]) == {"stale"}
    assert by_model.loc[by_model["status"] == "stale", "reason"].str.contains(words).all()


def test_where_a_model_did_not_pass_the_gate_that_is_the_reason(
    home: Path, company: Path, history: History, tenure: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    challenger = registry.version(home, 1)
    monkeypatch.setattr(registry, "champion", lambda home, outcome="churn": None)
    monkeypatch.setattr(registry, "challenger", lambda home: challenger)
    assert tenure("score", company, "--as-of", history.observed_until, "--home", tmp_path) == 0
    assert "No model of churn has passed the gate yet" in tenure.out
    assert "Lowest health, rule-based" in tenure.out


@pytest.mark.slow
def test_a_company_without_a_model_is_served_health_by_rules(
    company: Path, history: History, tenure: Any, tmp_path: Path, serving: Any
) -> None:
    """From `tenure score` to a real server: ready, labelled, and a clear refusal where a model is needed."""
    out = tmp_path / "scores.parquet"
    home = tmp_path / "home"
    assert tenure("score", company, "--as-of", history.observed_until, "--home", home, "--out", out) == 0, tenure.err
    assert "with the rule-based scorecard" in tenure.out
    assert "Lowest health, rule-based" in tenure.out
    assert "too little history" in tenure.out
    assert "leave by" not in tenure.out
    assert not (home / "mlflow.db").exists()
    stored = pd.read_parquet(out)
    account = stored.loc[stored["health"].notna() & (stored["mrr"] > 0)].sort_values("health")["account_id"].iloc[0]
    with Store.open(address_of(home)) as store:
        day = store.latest()
        assert day is not None
        assert day.header["rule_based"]
        name = json.loads(store.rows(day, [account])[account].figures)["name"]
        bearer = {"authorization": f"Bearer {create(store, 'tests', ['score'])[1]}"}
    assert f"1. {name} ({account}): health" in tenure.out
    with serving(home) as address:
        ready = httpx.get(f"{address}/readyz")
        assert (ready.status_code, ready.json()["rule_based"]) == (200, True)
        asked = {"account_ids": [account]}
        (result,) = httpx.post(f"{address}/score", json=asked, headers=bearer).json()["results"]
        assert (result["status"], result["health_source"]) == ("insufficient_data", "rule_based")
        assert (result["churn_90d"], result["drivers"], result["model_version"]) == (None, [], None)
        asked = {"rows": [{"mrr": 100}]}
        refused = httpx.post(f"{address}/score_features", json=asked, headers=bearer, timeout=60)
        assert (refused.status_code, refused.json()["type"]) == (503, "urn:tenure:problem:no-champion")
        assert "rule-based health" in refused.json()["detail"]


def test_a_model_that_was_trained_without_anchors_tells_no_health(
    history: History, churn: Model, tmp_path: Path
) -> None:
    from serving.standing import with_standing

    day = history.observed_until
    found = score_day(history, Forecast(dataclasses.replace(churn, anchors=None)), day, NOW)
    assert found.healths is None
    with Store.open(address_of(tmp_path)) as store:
        frame = with_standing(store, found, day, history.settings)
    told = table_of(frame, day).to_pandas()
    scored = told["churn_90d"].notna()
    assert told["health"].isna().all()
    assert told["band"].isna().all()
    assert told.loc[scored, "stage"].notna().all()
    assert told.loc[scored, "rule_health"].notna().mean() > 0.9
    assert told["list_rank"].notna().any()
