from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from features.errors import TenureError
from training.evaluation import Evaluation, calibration_error, evaluate

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
    design, slopes, intercepts = np.column_stack([np.ones_like(p), logit(p)]), [], []
    for _ in range(400):
        weight = np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names))[place]
        beta, shift = np.array([0.0, 1.0]), 0.0
        for _ in range(7):
            q = expit(design @ beta)
            information = design.T @ (design * (weight * q * (1 - q))[:, None])
            beta = beta + np.linalg.solve(information, design.T @ (weight * (y - q)))
            q = expit(logit(p) + shift)
            shift += (weight * (y - q)).sum() / (weight * q * (1 - q)).sum()
        slopes.append(beta[1])
        intercepts.append(shift)
    for name, refitted in (("slope", slopes), ("intercept", intercepts)):
        figure = e.figures["model"][name]
        assert (figure.high - figure.low) / 3.29 == pytest.approx(float(np.std(refitted)), rel=0.12)


def test_the_perfect_spread_is_what_perfect_models_show() -> None:
    y, p, _, days = drawn(1500, 1500)
    perfect = evaluate(y, {"model": p}, np.arange(1500), days, 30, resamples=200).perfect["model"]
    rng = np.random.default_rng(5)
    errors = [calibration_error((rng.random(1500) < p).astype(float), p) for _ in range(400)]
    assert perfect.value == pytest.approx(float(np.mean(errors)), rel=0.05)
    assert perfect.low == pytest.approx(float(np.quantile(errors, 0.05)), rel=0.15)
    assert perfect.high == pytest.approx(float(np.quantile(errors, 0.95)), rel=0.1)


def full(resamples: int = 300, n: int = 900, **changed: Any) -> Evaluation:
    """Three days of 300 accounts, with everything there is to pass."""
    y, p, _, _ = drawn(n)
    rng = np.random.default_rng(1)
    given: dict[str, Any] = {
        "labels": y,
        "predictions": {"model": p, "prior": np.full(n, 0.2)},
        "accounts": np.tile(np.arange(n // 3), 3),
        "as_of": np.repeat(DAY + np.array([0, 7, 14]), n // 3),
        "horizon": 30,
        "mrr": np.round(np.exp(rng.normal(5, 1.5, n)), 2),
        "groups": {"segment": rng.choice(["small", "large"], n), "term": rng.choice(["monthly", "yearly"], n)},
        "seen": {"segment": ["small"]},
        "notice_days": np.where(rng.random(n) < 0.7, rng.integers(0, 30, n), np.nan),
        "draws": {"model": expit(logit(p) + rng.normal(0, 0.2, (50, 1)))},
        "capacity": 20,
        "resamples": resamples,
    }
    return evaluate(**given | changed)


def worked_list(y: np.ndarray, p: np.ndarray, as_of: np.ndarray, capacity: int) -> float:
    shares = []
    for day in np.unique(as_of):
        today = np.flatnonzero(as_of == day)
        riskiest = sorted(today, key=lambda i: -p[i])[:capacity]
        shares.append(sum(y[i] for i in riskiest) / len(riskiest))
    return float(np.mean(shares))


def test_money_and_lists_against_plain_loops() -> None:
    e = full()
    y, p, _, _ = drawn(900)
    rng = np.random.default_rng(1)
    mrr = np.round(np.exp(rng.normal(5, 1.5, 900)), 2)
    as_of = np.repeat([0, 7, 14], 300)
    figures = e.figures["model"]
    assert figures["mrr_log_loss"].value == pytest.approx(log_loss(y, p, sample_weight=mrr))
    assert figures["mrr_expected"].value == pytest.approx(sum(m * q for m, q in zip(mrr, p, strict=True)))
    assert figures["mrr_observed_to_expected"].value == pytest.approx((mrr * y).sum() / (mrr * p).sum())
    assert figures["precision_at_capacity"].value == pytest.approx(worked_list(y, p, as_of, 20))
    found = 0.0
    for day in (0, 7, 14):
        today = sorted(np.flatnonzero(as_of == day), key=lambda i: -p[i])[:30]
        found += sum(mrr[i] * y[i] for i in today)
    assert figures["mrr_found_10"].value == pytest.approx(found / (mrr * y).sum())
    top = np.argsort(-p)[:45]
    assert figures["lift_5"].value == pytest.approx(y[top].mean() / y.mean())
    assert (e.mrr, e.churned_mrr) == (pytest.approx(mrr.sum()), pytest.approx((mrr * y).sum()))
    assert (e.days, e.capacity, e.horizon, e.drawn) == (3, 20, 30, ("model",))
    for figure in figures.values():
        assert figure.low <= figure.value <= figure.high


def test_a_day_is_listed_on_its_own() -> None:
    """A day of high probabilities must not take the places of another day's list."""
    p = np.concatenate([np.linspace(0.5, 0.9, 100), np.linspace(0.01, 0.1, 100)])
    y = np.zeros(200)
    y[90:100] = 1  # the ten riskiest of the first day, and of the second nobody but its riskiest
    y[199] = 1
    as_of = np.repeat(DAY + np.array([0, 30]), 100)
    e = evaluate(y, {"model": p}, np.tile(np.arange(100), 2), as_of, 30, capacity=10, mrr=np.ones(200), resamples=50)
    assert e.figures["model"]["precision_at_capacity"].value == pytest.approx((1 + 0.1) / 2)
    assert e.figures["model"]["mrr_found_10"].value == pytest.approx(1.0)
    assert e.figures["model"]["lift_10"].value == pytest.approx(0.5 / (11 / 200))  # all rows together


def test_a_day_with_fewer_accounts_than_places_is_listed_whole() -> None:
    y, p, _, _ = drawn(100)
    e = evaluate(y, {"model": p}, np.arange(100), np.full(100, DAY), 30, capacity=1000, resamples=50)
    assert e.figures["model"]["precision_at_capacity"].value == pytest.approx(y.mean())


def test_draws_widen_what_judges_calibration_and_nothing_else() -> None:
    wide, narrow = full(2000), full(2000, draws=None)
    for name, figure in wide.figures["model"].items():
        other = narrow.figures["model"][name]
        assert figure.value == other.value
        if name in ("intercept", "observed_to_expected", "mrr_observed_to_expected", "mrr_expected"):
            assert figure.high - figure.low > 1.05 * (other.high - other.low)
        elif name != "slope":
            assert figure == other
    assert wide.differences == narrow.differences
    assert wide.figures["prior"]["log_loss"] == narrow.figures["prior"]["log_loss"]
    # The draws move the log-odds by a normal number with a standard deviation of 0.2.
    error = wide.figures["model"]["intercept"], narrow.figures["model"]["intercept"]
    variance = [((f.high - f.low) / 3.29) ** 2 for f in error]
    assert np.sqrt(variance[0] - variance[1]) == pytest.approx(0.2, rel=0.25)


def test_a_draw_moves_each_interval_its_own_way() -> None:
    """With one draw, every interval is the plain one, moved by what the draw's own figures differ by."""
    _, p, _, _ = drawn(900)
    higher = expit(1.3 * logit(p) + 1.0)
    plain, moved = (full(draws=draws).figures["model"] for draws in (None, {"model": higher[None]}))
    other = full(predictions={"model": higher}, draws=None).figures["model"]
    for name in ("intercept", "slope"):
        step = other[name].value - plain[name].value
        assert moved[name].low == pytest.approx(plain[name].low + step, abs=1e-5)
        assert moved[name].high == pytest.approx(plain[name].high + step, abs=1e-5)
    for name in ("observed_to_expected", "mrr_observed_to_expected", "mrr_expected"):
        ratio = other[name].value / plain[name].value
        assert moved[name].low == pytest.approx(plain[name].low * ratio)
        assert moved[name].high == pytest.approx(plain[name].high * ratio)


def test_everything_is_plain_json_and_repeatable() -> None:
    text = json.dumps(full().to_json(), allow_nan=False)
    assert text == json.dumps(full().to_json(), allow_nan=False)
    back = json.loads(text)
    assert set(back) == {field.name for field in dataclasses.fields(Evaluation)}
    assert back["slices"]["segment"][0]["pooled"] == []
    assert [part["new"] for part in back["slices"]["segment"] if part["value"] == "large"] == [["large"]]
    assert back["lead"]["rows"] + back["lead"]["without_notice"] == back["churned_rows"]
    assert back["stability"]["step_days"] == 7
    assert back["figures"]["model"]["auc"]["value"] == pytest.approx(full().figures["model"]["auc"].value)


def test_without_money_groups_or_a_second_day() -> None:
    y, p, _, days = drawn(200)
    e = evaluate(y, {"model": p}, np.arange(200), days, 30, resamples=50)
    plain = e.to_json()
    assert [plain[name] for name in ("mrr", "churned_mrr", "lead", "stability", "slices")] == [None] * 4 + [{}]
    assert plain["figures"]["model"]["mrr_found_10"] == {"value": None, "low": None, "high": None}
    json.dumps(plain, allow_nan=False)


def test_no_churned_money_is_not_defined_and_no_crash() -> None:
    y, _, _, _ = drawn(900)
    plain = full(mrr=np.where(y == 1, 0.0, 100.0)).to_json()["figures"]["model"]
    assert plain["mrr_found_10"]["value"] is None
    assert plain["mrr_observed_to_expected"]["value"] == 0


def test_one_event_is_enough_not_to_crash() -> None:
    y = np.zeros(300)
    y[7] = 1
    p = drawn(300)[1]
    e = evaluate(y, {"model": p}, np.arange(300), np.full(300, DAY), 30, resamples=100, mrr=np.ones(300))
    json.dumps(e.to_json(), allow_nan=False)
    assert 0 <= e.figures["model"]["auc"].value <= 1


def test_what_cannot_be_judged_is_refused() -> None:
    y, p, owner, days = drawn(50)
    with pytest.raises(TenureError, match="of 50 rows 0 churned; make the holdout longer"):
        evaluate(np.zeros(50), {"model": p}, owner, days, 30)
    with pytest.raises(TenureError, match="of 50 rows 50 churned"):
        evaluate(np.ones(50), {"model": p}, owner, days, 30)
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        evaluate(y, {"model": np.ones(50)}, owner, days, 30)
    with pytest.raises(ValueError, match="must be 0 or 1"):
        evaluate(np.full(50, np.nan), {"model": p}, owner, days, 30)
    with pytest.raises(ValueError, match="draws of other"):
        evaluate(y, {"model": p}, owner, days, 30, draws={"other": p[None]})
    with pytest.raises(ValueError, match="segment must have one value"):
        evaluate(y, {"model": p}, owner, days, 30, groups={"segment": np.array(["a"])})
    with pytest.raises(ValueError, match="MRR"):
        evaluate(y, {"model": p}, owner, days, 30, mrr=np.full(50, np.nan))
