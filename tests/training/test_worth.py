"""Worth: the scorecard's figures beside the model's, each the same as by counting pairs; the model's own untouched."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from features.practice import ScorecardRule
from features.settings import Settings
from training.backtest import backtest
from training.dataset import Dataset
from training.evaluation import evaluate
from training.recipe import Recipe
from training.worth import worth_of

Make = Callable[..., Dataset]
RULES = (
    ScorecardRule("days_since_last_use", worst=20, best=1, weight=3),
    ScorecardRule("mrr", worst=0, best=500, name="Pays well", segments=("s01", "s02"), impact="low"),
    ScorecardRule("days_since_two_way_contact", worst=90, best=7, missing="worst"),
)


def _pairs(labels: np.ndarray, risk: np.ndarray) -> float:
    """The share of pairs in the right order, counted one by one; equal ones are half right."""
    left, stayed = risk[labels == 1], risk[labels == 0]
    return float(np.mean((left[:, None] > stayed[None, :]) + 0.5 * (left[:, None] == stayed[None, :])))


@pytest.fixture(scope="module")
def dataset(make_dataset: Make) -> Dataset:
    return make_dataset(accounts=300, months=6)


def test_each_score_is_judged_on_the_rows_that_have_it(dataset: Dataset, settings: Settings) -> None:
    settings = dataclasses.replace(settings, scorecard=RULES)
    held = dataset.at("churn", 90)
    p = np.clip(np.random.default_rng(1).normal(0.3, 0.1, len(held.labels)) + 0.1 * held.labels, 0.01, 0.99)
    worth = worth_of(dataset, held, p, settings)
    assert (worth.horizon, worth.rows) == (90, len(p))
    judged = evaluate(held.labels, {"model": p}, held.accounts, held.as_of, 90, resamples=200,
                      seed=settings.training.seed)  # fmt: skip
    assert worth.model.auc == judged.figures["model"]["auc"]
    use = held.rows["days_since_last_use"].to_numpy()
    known = ~np.isnan(use)
    first, second, third = worth.rules
    assert (first.name, first.feature, first.weight) == ("days_since_last_use", "days_since_last_use", 3)
    assert first.counted == pytest.approx(known.mean())
    assert first.auc.value == pytest.approx(_pairs(held.labels[known], np.clip(use[known], 1, 20)))
    assert first.auc.low < first.auc.value < first.auc.high
    ours = held.rows["segment"].isin(["s01", "s02"]).to_numpy()
    assert (second.name, second.weight) == ("Pays well", 1)
    assert second.counted == pytest.approx(ours.mean())
    mrr = held.rows["mrr"].to_numpy()
    assert second.auc.value == pytest.approx(_pairs(held.labels[ours], -np.clip(mrr[ours], 0, 500)))
    # What CSMs control is no model input: the rule is not judged, whatever missing is worth to it.
    assert third.counted == 0
    assert math.isnan(third.auc.value)
    assert worth.warnings is not None
    assert third.warned is not None
    assert third.warned.share == 0
    assert worth.scorecard.counted == 1  # the third rule counts everywhere


def test_the_warnings_are_of_those_that_left_before_the_notice_or_the_end(dataset: Dataset, settings: Settings) -> None:
    held = dataset.at("churn", 90)
    churn, notice = dataset.days_to_churn[held.place], dataset.days_to_notice[held.place]
    left = np.where(np.isnan(churn), np.nan, np.fmin(churn, notice))
    within = (left >= 0) & (left < 90)
    ends = {(a, d + np.timedelta64(int(n), "D"))
            for a, d, n in zip(held.accounts[within], held.as_of[within], left[within], strict=True)}  # fmt: skip
    # Knowing when each leaves, one warns of all for whom there is room.
    risk = np.clip(1 / (2 + np.nan_to_num(left, nan=1e6)), 1e-6, 0.99)
    many = dataclasses.replace(settings, training=dataclasses.replace(settings.training, capacity=300))
    worth = worth_of(dataset, held, risk, many)
    assert worth.warnings is not None
    assert worth.model.warned is not None
    assert worth.warnings.left == len(ends)
    assert worth.model.warned.share == 1
    some = worth_of(dataset, held, risk, settings)
    assert some.model.warned is not None
    assert some.warnings is not None
    assert some.warnings.by_lot.share < some.model.warned.share < 1
    blind = dataclasses.replace(dataset, days_to_churn=np.zeros(0), days_to_notice=np.zeros(0))
    unknown = worth_of(blind, held, risk, settings)
    assert unknown.warnings is None
    assert unknown.model.warned is None
    assert unknown.model.auc == some.model.auc


def test_it_is_plain_json(dataset: Dataset, settings: Settings) -> None:
    held = dataset.at("churn", 90)
    worth = worth_of(dataset, held, np.full(len(held.labels), 0.2), dataclasses.replace(settings, scorecard=RULES))
    told: dict[str, Any] = json.loads(json.dumps(worth.to_json(), allow_nan=False))
    assert set(told) == {"horizon", "rows", "model", "scorecard", "rules", "warnings"}
    assert set(told["warnings"]) == {"left", "looked_back", "capacity", "flagged", "step_days", "by_lot"}
    assert told["model"]["auc"]["value"] == 0.5
    assert told["rules"][2]["auc"] == {"value": None, "low": None, "high": None}
    assert set(told["scorecard"]["warned"]) == {"share", "days", "mean_days"}


def test_a_backtest_of_churn_has_it_at_the_headline_alone(
    make_dataset: Make, settings: Settings, quick: Recipe
) -> None:
    dataset = make_dataset(accounts=320, months=13)
    one = dataclasses.replace(settings, training=dataclasses.replace(settings.training, backtest_origins=1))
    found, _ = backtest(dataset, "churn", one, quick)
    assert {horizon: result.worth is not None for horizon, result in found.items()} == {30: False, 90: True}
    worth, judged = found[90].worth, found[90].judged
    assert worth is not None
    assert worth.model.auc == judged.evaluation.figures["model"]["auc"]
    assert [rule.weight for rule in worth.rules][:3] == [10, 5, 5]
    grown, _ = backtest(dataset, "expansion", one, quick, rivals=False)
    assert all(result.worth is None for result in grown.values())
