from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from features.settings import Settings
from training.evaluation import Evaluation, evaluate
from training.gate import decide
from training.recipe import fit_recipe
from training.train import plan_blocks


def judged(dataset: Any, settings: Settings) -> Evaluation:
    blocks, _ = plan_blocks(dataset, settings)
    recipe = fit_recipe(dataset, blocks, settings)
    holdout = dataset.on(blocks.holdout)
    p = recipe.predictions(holdout.rows)
    return evaluate(holdout.labels, p, holdout.accounts, holdout.as_of, dataset.horizon, resamples=400)


@pytest.mark.parametrize("seed", range(3))
def test_signal_passes(make_dataset: Any, settings: Settings, seed: int) -> None:
    decision = decide(judged(make_dataset(signal=1.2, seed=seed), settings))
    assert decision.passed, decision.reason
    assert decision.reason.startswith("Passed: ")
    assert decision.numbers["difference_upper_99_5"] < 0


@pytest.mark.parametrize("seed", range(6))
def test_noise_does_not(make_dataset: Any, settings: Settings, seed: int) -> None:
    decision = decide(judged(make_dataset(signal=0.0, seed=seed), settings))
    assert not decision.passed
    assert decision.reason.startswith("Not passed: ")


def test_recency_in_disguise_does_not_pass(make_dataset: Any, settings: Settings) -> None:
    dataset = make_dataset()
    rng = np.random.default_rng(0)
    days = dataset.rows["days_since_last_use"].fillna(60).to_numpy()
    eta = -3.4 + 0.8 * np.log1p(days)
    dataset.labels[:] = rng.random(len(eta)) < 1 / (1 + np.exp(-eta))
    evaluation = judged(dataset, settings)
    decision = decide(evaluation)
    assert not decision.passed
    assert evaluation.differences["prior"].upper < 0  # the base rate alone it does beat


def by_hand(p: np.ndarray, rival: np.ndarray, y: np.ndarray) -> Evaluation:
    n = len(y)
    day = np.full(n, np.datetime64("2025-01-01"))
    return evaluate(y, {"model": p, "prior": rival}, np.arange(n), day, 30, resamples=400)


def test_rounding_is_no_win() -> None:
    y = np.tile([0.0, 0.0, 0.0, 1.0], 500)
    p = np.full(2000, 0.25)
    evaluation = by_hand(p, p * (1 - 1e-9), y)
    assert not decide(evaluation).passed


def test_it_must_beat_every_comparator() -> None:
    rng = np.random.default_rng(1)
    truth = 1 / (1 + np.exp(-rng.normal(-1.5, 1, 3000)))
    y = (rng.random(3000) < truth).astype(float)
    blunt = np.full(3000, y.mean())
    good = by_hand(truth, blunt, y)
    assert decide(good).passed
    day = np.full(3000, np.datetime64("2025-01-01"))
    both = evaluate(y, {"model": truth, "prior": blunt, "recency": truth}, np.arange(3000), day, 30, resamples=400)
    assert not decide(both).passed
    assert decide(both).numbers["comparator"] == "recency"


def test_a_champion_is_named_and_not_compared() -> None:
    y = np.tile([0.0, 0.0, 0.0, 1.0], 500)
    decision = decide(by_hand(np.where(y == 1, 0.6, 0.1), np.full(2000, 0.25), y), champion="7")
    assert decision.passed
    assert "not set beside champion 7" in decision.reason
    assert decision.reason.count(". ") == 0
