from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from features.errors import TenureError
from training.calibration import LogisticCalibrator


def test_known_parameters_are_recovered() -> None:
    rng = np.random.default_rng(1)
    f = rng.normal(-1, 1.2, 60_000)
    y = (rng.random(f.size) < expit(-0.7 + 0.6 * f)).astype(float)
    fitted = LogisticCalibrator().fit(f, y)
    assert fitted.a_ == pytest.approx(-0.7, abs=0.05)
    assert fitted.b_ == pytest.approx(0.6, abs=0.03)
    assert fitted.predict(f).sum() == pytest.approx(y.sum(), rel=1e-6)


def test_without_prior_it_is_logistic_regression() -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(2)
    f = rng.normal(-2, 1, 3000)
    y = (rng.random(f.size) < expit(f)).astype(float)
    oracle = LogisticRegression(C=1e9, tol=1e-10).fit(f[:, None], y)
    fitted = LogisticCalibrator(spread=1e6).fit(f, y)
    assert fitted.b_ == pytest.approx(float(oracle.coef_[0, 0]), abs=1e-3)
    assert fitted.a_ == pytest.approx(float(oracle.intercept_[0]), abs=1e-3)


@given(slope=st.floats(-3, 3), seed=st.integers(0, 2**16), scale=st.sampled_from([0.0, 1e-6, 0.1, 1.0, 8.0]))
def test_it_rises_strictly_whatever_the_block_says(slope: float, seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    f = rng.normal(-1, scale, 300)
    y = (rng.random(f.size) < expit(-1 + slope * f)).astype(float)
    y[:20], y[20:40] = 0, 1
    fitted = LogisticCalibrator().fit(f, y)
    assert fitted.b_ > 0
    p = fitted.predict(np.linspace(-8, 8, 50))
    assert np.all((p > 0) & (p < 1))
    assert np.all(np.diff(fitted.a_ + fitted.b_ * np.linspace(-8, 8, 50)) > 0)


def test_under_no_signal_the_rate_stays_and_the_slope_shrinks() -> None:
    rng = np.random.default_rng(3)
    f = rng.normal(-2, 1, 20_000)
    y = (rng.random(f.size) < 0.1).astype(float)
    fitted = LogisticCalibrator().fit(f, y)
    assert 0 < fitted.b_ < 0.1
    assert fitted.predict(f).mean() == pytest.approx(y.mean(), rel=1e-6)


def test_without_spread_in_the_margins_the_slope_is_one() -> None:
    y = np.repeat([0.0, 1.0], [300, 100])
    fitted = LogisticCalibrator().fit(np.full(400, -3.0), y)
    assert fitted.b_ == pytest.approx(1.0, abs=1e-4)
    assert fitted.predict(np.array([-3.0]))[0] == pytest.approx(0.25, abs=1e-9)


def test_too_few_accounts_are_refused_with_the_numbers() -> None:
    f, y = np.zeros(400), np.repeat([0.0, 1.0], [300, 100])
    accounts = np.concatenate([np.arange(300), np.arange(100) % 19])
    with pytest.raises(TenureError, match="19 accounts that churned and needs at least 20"):
        LogisticCalibrator().fit(f, y, accounts)
    with pytest.raises(TenureError, match="0 accounts that stayed"):
        LogisticCalibrator().fit(f, np.ones(400))
