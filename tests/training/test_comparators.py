from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from training.comparators import LogisticComparator, PriorRate, Recency, ScorecardComparator
from training.forecasts import learning_of
from training.rivals import fit_rivals
from training.scorecard import Rule, Scorecard


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """On matrices this small a second thread of the linear algebra only waits for a busy core."""
    with threadpool_limits(1, user_api="blas"):
        yield


def test_the_prior_is_the_rate_and_never_0_or_1() -> None:
    rows = pd.DataFrame(index=range(200))
    fitted = PriorRate().fit(rows, np.repeat([0.0, 1.0], [150, 50]))
    assert fitted.predict_proba(rows.head(3)).tolist() == [[1 - 50.5 / 201, 50.5 / 201]] * 3
    assert 0 < PriorRate().fit(rows, np.zeros(200)).rate_ < 0.01


def test_recency_recovers_its_own_law() -> None:
    rng = np.random.default_rng(4)
    days = np.exp(rng.normal(2, 1, 40_000))
    never = rng.random(days.size) < 0.1
    eta = np.where(never, -0.5, -3 + 0.8 * np.log1p(days))
    y = (rng.random(days.size) < 1 / (1 + np.exp(-eta))).astype(float)
    rows = pd.DataFrame({"days_since_last_use": np.where(never, np.nan, days)})
    fitted = Recency().fit(rows, y)
    margins = fitted.decision_function(pd.DataFrame({"days_since_last_use": [0.0, 10.0, np.nan]}))
    assert margins == pytest.approx([-3, -3 + 0.8 * np.log(11), -0.5], abs=0.12)
    assert fitted.predict_proba(rows)[:, 1].mean() == pytest.approx(y.mean(), abs=1e-3)


def test_recency_without_its_column_is_the_base_rate(make_dataset: Any) -> None:
    dataset = make_dataset(accounts=100)
    known = dataset.at("churn", 30)
    rows = known.rows[["trend"]]
    p = Recency().fit(rows, known.labels).predict_proba(rows)[:, 1]
    assert p == pytest.approx(known.labels.mean(), abs=1e-3)


def test_comparators_get_the_calibration_block_too(fitted: Any) -> None:
    learning = learning_of(fitted.dataset, "churn", fitted.plan.blocks)[30]
    rivals = fit_rivals(learning, Scorecard(), seed=1)
    later, p = learning.calibration, rivals.predictions(learning.calibration.rows)
    for name in ("recency", "scorecard", "logistic"):
        assert p[name].sum() == pytest.approx(later.labels.sum(), rel=1e-6)
    assert p["prior"].mean() == pytest.approx(later.labels.mean(), rel=1e-2)
    train = learning.train
    without = rivals.predictions(train.rows)
    assert without["prior_train"].mean() == pytest.approx(train.labels.mean(), rel=1e-3)
    assert without["recency_train"].mean() == pytest.approx(train.labels.mean(), rel=1e-3)


def _law(n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Rows, labels and true log-odds: a number with telling gaps, a category, and noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    gap = rng.random(n) < 0.2
    plan = rng.choice(np.array(["basic", "pro", "max"], dtype=object), n)
    eta = np.where(gap, 0.5, -2 + 0.9 * x) + 1.2 * (plan == "basic")
    rows = pd.DataFrame(
        {"x": np.where(gap, np.nan, np.sinh(x) * 100), "plan": plan, "empty": np.nan, "constant": 1.0}
        | {f"noise_{i}": rng.normal(size=n) for i in range(20)}
    )
    return rows, (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float), eta


def test_logistic_regression_uses_numbers_gaps_and_categories() -> None:
    rows, y, _ = _law(4000, 1)
    later, later_y, eta = _law(4000, 2)
    fitted = LogisticComparator().fit(rows, y)
    p = fitted.predict_proba(later)[:, 1]

    def loss(q: np.ndarray) -> float:
        return float(-np.mean(later_y * np.log(q) + (1 - later_y) * np.log1p(-q)))

    best, rate = loss(1 / (1 + np.exp(-eta))), loss(np.full(4000, y.mean()))
    assert loss(p) < best + 0.1 * (rate - best)
    assert fitted.predict_proba(rows)[:, 1].sum() == pytest.approx(y.sum(), rel=1e-3)


def test_logistic_regression_is_scikit_learns_on_the_same_columns() -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(3)
    rows = pd.DataFrame(rng.normal(size=(800, 4)), columns=list("abcd"))
    y = (rng.random(800) < 1 / (1 + np.exp(1 - rows["a"]))).astype(float)
    spread = np.sign(rows) * np.log1p(rows.abs())
    standard = ((spread - spread.mean()) / spread.std(ddof=0)).to_numpy()
    oracle = LogisticRegression(C=0.03, tol=1e-10, max_iter=1000).fit(standard, y)
    fitted = LogisticComparator(penalties=(0.03,)).fit(rows, y)
    assert fitted.coef_ == pytest.approx(oracle.coef_[0], abs=1e-5)
    assert fitted.intercept_ == pytest.approx(oracle.intercept_[0], abs=1e-5)


def test_the_penalty_is_chosen_with_whole_accounts_left_out() -> None:
    # Twenty equal rows an account and labels by account: rows as folds would call memorising them good.
    rng = np.random.default_rng(4)
    owner = np.repeat(np.arange(200), 20)
    rows = pd.DataFrame(rng.normal(size=(200, 40))[owner], columns=[f"f{i}" for i in range(40)])
    y = (rng.random(200) < 0.3).astype(float)[owner]
    assert LogisticComparator().fit(rows, y, owner).C_ == 0.0003
    assert LogisticComparator().fit(rows, y).C_ == 0.03


def test_logistic_regression_meets_what_it_has_not_seen() -> None:
    rows, y, _ = _law(1000, 5)
    fitted = LogisticComparator().fit(rows, y)
    new = rows.head(4).drop(columns=["noise_0"])
    new["plan"] = "unheard of"
    new["noise_1"] = [np.nan, 1e300, -1e300, 0.0]
    new["constant"] = 5.0
    assert np.isfinite(fitted.decision_function(new)).all()
    with pytest.raises(ValueError, match="of one class"):
        LogisticComparator().fit(rows, np.zeros(1000))


def test_a_value_far_out_counts_as_eight_standard_deviations() -> None:
    rows, y, _ = _law(1000, 8)
    fitted = LogisticComparator().fit(rows[["noise_0"]], y)
    far = pd.DataFrame({"noise_0": [1e300, -1e300]})
    step = 8 * fitted.coef_[0]
    assert fitted.decision_function(far) == pytest.approx([fitted.intercept_ + step, fitted.intercept_ - step])


def test_the_scorecard_becomes_a_calibrated_probability() -> None:
    rng = np.random.default_rng(6)
    days = rng.uniform(0, 28, 8000)
    score = 100 * (1 - days / 28)
    y = (rng.random(8000) < 1 / (1 + np.exp(1 + 0.04 * score))).astype(float)
    rows = pd.DataFrame({"days_since_last_use": days})
    card = Scorecard((Rule("days_since_last_use", worst=28, best=0, weight=1),))
    fitted = ScorecardComparator(card).fit(rows, y, np.arange(8000) // 2)
    assert fitted.fit_.accounts.tolist() == list(range(4000))
    assert fitted.predict_proba(rows)[:, 1].sum() == pytest.approx(y.sum(), rel=1e-6)
    at = pd.DataFrame({"days_since_last_use": [0.0, 28.0, np.nan]})
    margins = fitted.decision_function(at)
    assert margins[:2] == pytest.approx([-5, -1], abs=0.35)
    # No rule has a value: neither healthy nor ill.
    assert margins[0] < margins[2] < margins[1]


def test_rows_without_any_rule_get_the_base_rate() -> None:
    rows = pd.DataFrame({"unknown": np.zeros(100)})
    y = np.repeat([0.0, 1.0], [90, 10])
    assert ScorecardComparator().fit(rows, y).predict_proba(rows)[:, 1] == pytest.approx(0.1, abs=1e-9)


@pytest.mark.parametrize("estimator", [PriorRate(), Recency(), LogisticComparator(), ScorecardComparator()])
def test_comparators_are_scikit_learn_estimators(estimator: Any) -> None:
    from sklearn.base import clone, is_classifier

    rows, y, _ = _law(300, 7)
    fitted = clone(estimator).fit(rows, y)
    assert is_classifier(fitted)
    p = fitted.predict_proba(rows)
    assert p.shape == (300, 2)
    assert p.sum(axis=1) == pytest.approx(1)
    assert ((p > 0) & (p < 1)).all()
    assert set(fitted.predict(rows)) <= {0, 1}
