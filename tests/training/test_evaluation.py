from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from training.evaluation import calibration_error, evaluate
from training.resampling import account_counts, perfect_labels

DAY = np.datetime64("2025-01-01")


def drawn(n: int = 2000, accounts: int = 500, seed: int = 0) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)
    owner = rng.integers(0, accounts, n)
    p = expit(rng.normal(-2, 1, n))
    y = (rng.random(n) < expit(0.3 + 1.2 * logit(p))).astype(float)
    return y, p, owner, np.full(n, DAY)


def test_figures_against_scikit_learn() -> None:
    y, p, owner, days = drawn()
    rounded = np.round(p, 1) * 0.9 + 0.01  # many ties
    e = evaluate(y, {"model": p, "tied": rounded}, owner, days, 30, resamples=200)
    for name, q in (("model", p), ("tied", rounded)):
        figures = e.figures[name]
        assert figures["log_loss"].value == pytest.approx(log_loss(y, q))
        assert figures["brier"].value == pytest.approx(brier_score_loss(y, q))
        assert figures["auc"].value == pytest.approx(roc_auc_score(y, q))
        assert figures["observed_to_expected"].value == pytest.approx(y.sum() / q.sum())
        oracle = LogisticRegression(C=1e9, tol=1e-10, max_iter=500).fit(logit(q)[:, None], y)
        assert figures["slope"].value == pytest.approx(float(oracle.coef_[0, 0]), rel=1e-3)
        shift = figures["intercept"].value
        assert expit(logit(q) + shift).sum() == pytest.approx(y.sum())
    difference = e.differences["tied"]
    assert difference.value == pytest.approx(log_loss(y, p) - log_loss(y, rounded))
    assert difference.low < difference.value < difference.high < difference.upper
    assert (e.rows, e.accounts) == (2000, np.unique(owner).size)
    assert e.churned_accounts == np.unique(owner[y == 1]).size
    assert e.churned_rows == y.sum()


def test_hand_computed_calibration_error_and_lift() -> None:
    # Ten bins of two rows: 0.1, 0.1 | 0.2, 0.2 | ... ; the last two rows churned and nobody else.
    p = np.repeat(np.arange(1, 11) / 11, 2)
    y = np.concatenate([np.zeros(18), np.ones(2)])
    expected = (sum(i / 11 for i in range(1, 10)) + (1 - 10 / 11)) / 10
    assert calibration_error(y, p) == pytest.approx(expected)
    e = evaluate(y, {"model": p}, np.arange(20), np.full(20, DAY), 30, resamples=200)
    assert e.figures["model"]["calibration_error"].value == pytest.approx(expected)
    assert e.figures["model"]["lift_10"].value == pytest.approx(10.0)
    assert e.figures["model"]["auc"].value == 1.0


def test_lift_shares_out_ties_at_the_border() -> None:
    y = np.concatenate([np.ones(5), np.zeros(15)])
    p = np.concatenate([np.full(10, 0.5), np.full(10, 0.1)])  # the top tenth is 2 of 10 tied rows, half churned
    e = evaluate(y, {"model": p}, np.arange(20), np.full(20, DAY), 30, resamples=200)
    assert e.figures["model"]["lift_10"].value == pytest.approx(0.5 / 0.25)


def test_a_constant_forecast_has_no_slope_and_plain_json() -> None:
    y, p, owner, days = drawn()
    e = evaluate(y, {"model": p, "prior": np.full(len(y), y.mean())}, owner, days, 30, resamples=200)
    prior = e.to_json()["figures"]["prior"]
    assert prior["slope"]["value"] is None
    assert prior["auc"]["value"] == 0.5
    assert prior["lift_10"]["value"] == pytest.approx(1)
    assert prior["intercept"]["value"] == pytest.approx(0, abs=1e-9)
    json.dumps(e.to_json(), allow_nan=False)


def test_intervals_resample_accounts() -> None:
    """Ten copies of every row under its account must not narrow the intervals; ten separate accounts would."""
    y, p, owner, _ = drawn(400, 10**9)
    owner = np.arange(400)
    once = evaluate(y, {"model": p}, owner, np.full(400, DAY), 30, resamples=1000)
    ten = [np.tile(x, 10) for x in (y, p, owner)]
    together = evaluate(ten[0], {"model": ten[1]}, ten[2], np.full(4000, DAY), 30, resamples=1000)
    apart = evaluate(ten[0], {"model": ten[1]}, np.arange(4000), np.full(4000, DAY), 30, resamples=1000)
    for name in ("log_loss", "auc", "slope"):
        width = {key: e.figures["model"][name].high - e.figures["model"][name].low
                 for key, e in (("once", once), ("together", together), ("apart", apart))}  # fmt: skip
        assert width["together"] == pytest.approx(width["once"], rel=0.15)
        assert width["apart"] < 0.5 * width["once"]


def test_one_step_intervals_agree_with_refitting() -> None:
    y, p, owner, days = drawn(3000, 800, seed=3)
    e = evaluate(y, {"model": p}, owner, days, 30, resamples=2000)
    names, place = np.unique(owner, return_inverse=True)
    rng = np.random.default_rng(11)
    slopes = []
    for _ in range(150):
        weight = np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names))[place]
        fit = LogisticRegression(C=1e9, max_iter=500).fit(logit(p)[:, None], y, sample_weight=weight)
        slopes.append(float(fit.coef_[0, 0]))
    figure = e.figures["model"]["slope"]
    assert (figure.high - figure.low) / 3.29 == pytest.approx(float(np.std(slopes)), rel=0.2)


def test_intervals_cover_the_truth_about_nine_times_in_ten() -> None:
    covered = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        p = expit(rng.normal(-1.5, 1, 800))
        y = (rng.random(800) < p).astype(float)
        figures = evaluate(y, {"model": p}, np.arange(800) // 2, np.full(800, DAY), 30, resamples=200).figures["model"]
        covered += figures["slope"].low < 1 < figures["slope"].high
        covered += figures["intercept"].low < 0 < figures["intercept"].high
    assert 96 <= covered <= 118  # of 120, 90 % expected


def test_the_perfect_spread_is_what_perfect_models_show() -> None:
    y, p, _, days = drawn(1500, 1500)
    perfect = evaluate(y, {"model": p}, np.arange(1500), days, 30, resamples=200).perfect["model"]
    rng = np.random.default_rng(5)
    errors = [calibration_error((rng.random(1500) < p).astype(float), p) for _ in range(400)]
    assert perfect.value == pytest.approx(float(np.mean(errors)), rel=0.05)
    assert perfect.low == pytest.approx(float(np.quantile(errors, 0.05)), rel=0.15)
    assert perfect.high == pytest.approx(float(np.quantile(errors, 0.95)), rel=0.1)


def test_overlapping_windows_share_events() -> None:
    accounts = np.repeat(np.arange(4000), 2)
    p = np.full(8000, 0.3)
    for apart, agree in ((0, 1.0), (45, 0.5 + 0.5 * 0.58), (90, 0.58), (400, 0.58)):
        days = np.tile([DAY, DAY + np.timedelta64(apart, "D")], 4000)
        drawn_labels = next(perfect_labels(p, accounts, days, 90, 1, 0))
        assert drawn_labels.mean() == pytest.approx(0.3, abs=0.02)
        assert np.mean(drawn_labels[::2] == drawn_labels[1::2]) == pytest.approx(agree, abs=0.025)


def test_counts_are_multinomial_and_repeatable() -> None:
    chunks = list(account_counts(50, 3000, 100, 7))
    counts = np.concatenate(chunks)
    assert len(chunks) > 1
    assert counts.shape == (3000, 50)
    assert np.all(counts.sum(axis=1) == 50)
    assert counts.var() == pytest.approx(0.98, abs=0.03)
    assert np.array_equal(counts, np.concatenate(list(account_counts(50, 3000, 100, 7))))


def test_what_cannot_be_judged_is_refused() -> None:
    y, p, owner, days = drawn(50)
    with pytest.raises(ValueError, match="must hold accounts that churned"):
        evaluate(np.zeros(50), {"model": p}, owner, days, 30)
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        evaluate(y, {"model": np.ones(50)}, owner, days, 30)
