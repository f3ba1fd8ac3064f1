from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from training.calibration import METHODS, MapFit, coefficient_draws, fit_map
from training.calibration.fit import Method


def block(seed: int, rows: int, true_log_odds: object = None) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    f = rng.normal(-2, 1.3, rows)
    z = f if true_log_odds is None else true_log_odds(f)  # type: ignore[operator]
    return f, (rng.random(rows) < expit(z)).astype(float)


def test_beta_calibration_recovers_its_own_law() -> None:
    rng = np.random.default_rng(1)
    f = rng.normal(0, 2, 60_000)
    p = expit(f)
    y = (rng.random(f.size) < expit(0.4 + 1.5 * np.log(p) - 0.6 * np.log1p(-p))).astype(float)
    c0, c1, c2 = fit_map("beta", f, y).map.coefficients
    assert (c0, c1, c1 + c2) == pytest.approx((0.4, 1.5, 0.6), abs=0.08)


def test_a_spline_follows_a_bend_that_a_line_cannot() -> None:
    def bent(f: np.ndarray) -> np.ndarray:
        return -2 + 0.3 * f + 1.7 * np.logaddexp(0, (f + 2) * 2) / 2

    f, y = block(2, 20_000, bent)
    at = np.array([-4.0, -3.0, -2.0, -1.0, 0.0])
    error = {method: np.abs(fit_map(method, f, y).map.log_odds(at) - bent(at)).max() for method in METHODS}
    assert error["spline"] < 0.2
    assert error["logistic"] > 3 * error["spline"]


@pytest.mark.parametrize("method", METHODS)
def test_the_fit_is_where_the_penalised_loss_is_least(method: Method) -> None:
    # Written anew from the definition in the docstring, without the code under test.
    f, y = block(3, 800, lambda f: -1 + 0.7 * f)
    fitted = fit_map(method, f, y).map

    def loss(coefficients: np.ndarray) -> float:
        z = coefficients[0] + coefficients[1] * f
        for c, t, s in zip(coefficients[2:], fitted.knots, fitted.scales, strict=True):
            z = z + c * s * np.log1p(np.exp((f - t) / s))
        theta = np.log(np.cumsum(coefficients[1:]))
        prior = 0.5 * theta.mean() ** 2 + 0.5 * sum((b - a) ** 2 for a, b in pairwise(theta)) / 0.25
        return float(np.sum(np.log1p(np.exp(z)) - y * z) + prior)

    best = np.asarray(fitted.coefficients)
    rng = np.random.default_rng(4)
    for _ in range(100):
        assert loss(best + rng.normal(0, 0.01, best.size)) > loss(best)


@given(
    method=st.sampled_from(METHODS),
    slope=st.floats(-3, 3),
    seed=st.integers(0, 2**16),
    scale=st.sampled_from([0.0, 1e-9, 1e-3, 1.0, 50.0, 1e6]),
    separated=st.booleans(),
)
def test_every_map_rises_stays_finite_and_keeps_the_sum(
    method: Method, slope: float, seed: int, scale: float, separated: bool
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, 200)
    y = (x > 1).astype(float) if separated else (rng.random(200) < expit(-1 + slope * x)).astype(float)
    y[:2] = 0, 1
    f = -1 + scale * x
    fitted = fit_map(method, f, y)
    z = fitted.map.log_odds(f)
    assert expit(z).sum() == pytest.approx(y.sum(), rel=1e-6)
    assert np.isfinite(fitted.influence).all()
    assert fitted.map.increasing
    ends = np.linspace(f.min() - 3 * max(scale, 1), f.max() + 3 * max(scale, 1), 60)
    assert np.all(np.diff(fitted.map.log_odds(ends)) > 0)


@pytest.mark.parametrize("method", METHODS)
def test_margins_that_are_all_the_same_get_the_rate_and_a_slope_of_one(method: Method) -> None:
    fitted = fit_map(method, np.full(400, -3.0), np.repeat([0.0, 1.0], [300, 100])).map
    assert expit(fitted.log_odds(np.array([-3.0])))[0] == pytest.approx(0.25, abs=1e-9)
    assert np.cumsum(fitted.coefficients[1:]) == pytest.approx(1.0, abs=1e-4)


def clustered(seed: int, accounts: int = 300, rows: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of an account share their margin and most of their fate."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(accounts), rows)
    own = rng.normal(0, 1.2, accounts)[owner]
    f = -1.5 + own + rng.normal(0, 0.3, owner.size)
    same = rng.random(accounts)[owner]
    return f, (np.where(rng.random(owner.size) < 0.8, same, rng.random(owner.size)) < expit(f)).astype(float), owner


@pytest.mark.parametrize("method", METHODS)
def test_influence_gives_the_variance_of_an_account_bootstrap(method: Method) -> None:
    f, y, owner = clustered(5)
    fitted = fit_map(method, f, y, owner)
    # Log-odds at three margins stand for the coefficients, which are nearly collinear.
    at = np.quantile(f, [0.1, 0.5, 0.9])
    basis = fitted.map.basis(at)
    claimed = np.sqrt(np.diag(basis @ fitted.covariance @ basis.T))
    rng = np.random.default_rng(6)
    rows_of = np.split(np.arange(owner.size), 300)
    values = []
    for _ in range(100):
        drawn = np.concatenate([rows_of[a] for a in rng.integers(0, 300, 300)])
        values.append(fit_map(method, f[drawn], y[drawn]).map.log_odds(at))
    assert claimed / np.std(values, axis=0) == pytest.approx(1, abs=0.3)
    # Rows taken for independent would claim far too little: the six rows of an account are nearly one.
    alone = fit_map(method, f, y).covariance
    assert np.all(claimed > 1.5 * np.sqrt(np.diag(basis @ alone @ basis.T)))


def test_draws_spread_as_the_covariance_says_and_all_of_them_rise() -> None:
    f, y, owner = clustered(7)
    fitted = fit_map("beta", f, y, owner)
    (draws,) = coefficient_draws([fitted], 4000, seed=8)
    assert np.cumsum(draws[:, 1:], axis=1).min() > 0
    at = fitted.map.basis(np.array([-1.5]))[0]
    assert (draws @ at).std() == pytest.approx(np.sqrt(at @ fitted.covariance @ at), rel=0.1)
    assert (draws @ at).mean() == pytest.approx(float(fitted.map.log_odds(np.array([-1.5]))[0]), abs=0.02)


def test_a_hardly_known_slope_is_still_drawn_above_zero() -> None:
    rng = np.random.default_rng(9)
    f, y = rng.normal(-2, 1, 400), (rng.random(400) < 0.1).astype(float)
    draws = coefficient_draws([fit_map("logistic", f, y)], 500, seed=1)[0]
    assert draws[:, 1].min() > 0


def test_an_account_moves_all_fits_it_is_in_together() -> None:
    f, y, owner = clustered(10)
    names = np.array([f"a{i:03d}" for i in owner])
    first = fit_map("logistic", f, y, names)
    others = np.array([f"b{i:03d}" for i in owner])
    half = np.arange(owner.size) % 6 < 3
    same, apart = (fit_map("logistic", f[half], y[half], ids[half]) for ids in (names, others))

    def correlation(a: MapFit, b: MapFit) -> float:
        one, two = coefficient_draws([a, b], 2000, seed=2)
        return float(np.corrcoef(one @ [1, -1.5], two @ [1, -1.5])[0, 1])

    assert correlation(first, same) > 0.6
    assert abs(correlation(first, apart)) < 0.1


def test_what_cannot_be_fitted_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        fit_map("logistic", np.array([0.0, np.nan]), np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match="both 0 and 1"):
        fit_map("logistic", np.zeros(3), np.zeros(3))
