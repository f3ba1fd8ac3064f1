"""Observed against expected: intervals that hold what they promise, with rows that repeat and a calibration's error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit

from training.monitoring.limits import Limits
from training.monitoring.realised import CalibrationError, calibration_error, level, realised, slope
from training.resampling import account_counts


def draw(rng: np.random.Generator, accounts: int = 600, days: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Monthly rows of accounts that leave once, windows of three months: labels, probabilities, owners."""
    p = np.clip(rng.beta(1.5, 14, accounts), 0.005, 0.6)
    leaves = rng.exponential(3 / -np.log1p(-p))
    start = np.arange(days)[:, None]
    there = leaves[None, :] > start
    labels = (leaves[None, :] < start + 3).astype(float)
    owner = np.broadcast_to(np.arange(accounts), there.shape)
    return labels[there], np.broadcast_to(p, there.shape)[there], owner[there]


def test_the_interval_is_that_of_an_account_bootstrap() -> None:
    labels, p, owner = draw(np.random.default_rng(1), accounts=2000)
    bounds = level(labels, p, owner, 0.0, 0.01)
    o, e = np.bincount(owner, labels), np.bincount(owner, p)
    ratios = np.concatenate([(w @ o) / (w @ e) for w in account_counts(len(o), 4000, len(o), 0)])
    low, high = np.quantile(ratios, [0.05, 0.95])
    assert bounds.low == pytest.approx(low, abs=0.025)
    assert bounds.high == pytest.approx(high, abs=0.025)
    assert bounds.least < bounds.low < bounds.value < bounds.high < bounds.most


def test_the_interval_holds_the_truth_with_the_calibrations_error_in_it() -> None:
    rng = np.random.default_rng(2)
    inside = {True: 0, False: 0}
    for _ in range(300):
        labels, p, owner = draw(rng, accounts=400)
        wrong = p * np.exp(0.2 * rng.normal())  # what a small calibration block leaves
        for told in inside:
            bounds = level(labels, wrong, owner, 0.2 if told else 0.0, 0.01)
            inside[told] += bounds.low <= 1 <= bounds.high
    assert 0.87 <= inside[True] / 300 <= 0.96
    assert inside[False] / 300 < 0.75


def test_no_churn_at_all_has_an_upper_limit_only() -> None:
    p, owner = np.full(200, 0.02), np.arange(200)
    bounds = level(np.zeros(200), p, owner, 0.1, 0.01)
    assert (bounds.value, bounds.low, bounds.least) == (0, 0, 0)
    assert 2.9 / 4 < bounds.high < bounds.most < 2  # Poisson: 0 of 3.0 is 5 % likely


def test_a_calibrations_error_is_what_its_blocks_vary_by() -> None:
    rng = np.random.default_rng(3)
    told, logs, slopes = [], [], []
    for _ in range(200):
        labels, p, owner = draw(rng)
        told.append(calibration_error(labels, p, owner))
        logs.append(np.log(labels.sum() / p.sum()))
        slopes.append(slope(labels, p, owner, 0.0, 0.01).value)
    assert np.mean([t.level for t in told]) == pytest.approx(np.std(logs), rel=0.15)
    assert np.mean([t.slope for t in told]) == pytest.approx(np.std(slopes), rel=0.15)
    with pytest.raises(ValueError, match="churned and rows that did not"):
        calibration_error(np.zeros(5), np.full(5, 0.1), np.arange(5))


def test_a_slope_of_one_where_differences_are_real_and_none_where_they_are_not() -> None:
    rng = np.random.default_rng(4)
    labels, p, owner = draw(rng, accounts=3000)
    real = slope(labels, p, owner, 0.1, 0.001)
    assert real.low < 1 < real.high
    made_up = slope(labels, rng.permutation(p), owner, 0.1, 0.001)
    assert made_up.low < 0 < made_up.high
    assert made_up.most < 0.5
    days = np.full(len(p), np.datetime64("2025-01-01"))
    alike = np.full(len(p), 0.1)
    same = realised(90, "latest", labels, alike, owner, days, calibration_error(labels, alike, owner), Limits())
    assert (same.slope, same.slope_off) == (None, "")


def judged(factor: float, accounts: int = 3000, **options: Any) -> str:
    labels, p, owner = draw(np.random.default_rng(5), accounts=accounts)
    days = np.full(len(p), np.datetime64("2025-01-01"))
    error = CalibrationError(0.05, 0.05)
    return realised(90, "since training", labels, expit(logit(p) - np.log(factor)), owner, days, error, Limits()).off


def test_the_grades_are_the_tolerance_and_how_sure_it_is() -> None:
    assert judged(1.0) == judged(1.15) == judged(1 / 1.15) == ""
    assert judged(2.0) == judged(1 / 2.0) == "retrain"
    assert judged(1.5, accounts=250) == "watch"
