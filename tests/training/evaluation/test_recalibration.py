from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logit

from training.evaluation.recalibration import Recalibration, calibration_shifts


def rows(n: int = 600) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    p = expit(rng.normal(-1.5, 1, n))
    return (rng.random(n) < p).astype(float), p


def line(labels: np.ndarray, p: np.ndarray) -> tuple[float, float]:
    """Intercept alone, and slope beside an intercept, by a general minimiser."""

    def loss(z: np.ndarray) -> float:
        return float(np.sum(np.logaddexp(0, z) - labels * z))

    score = logit(p)
    alone = minimize(lambda b: loss(score + b[0]), [0.0], method="Nelder-Mead", options={"xatol": 1e-9}).x
    both = minimize(
        lambda b: loss(b[0] + b[1] * score), [0.0, 1.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-10}
    ).x
    return float(alone[0]), float(both[1])


@pytest.mark.parametrize("bend", [0.0, 0.4])
def test_shifts_are_those_of_fitting_every_draw(bend: float) -> None:
    y, p = rows()
    rng = np.random.default_rng(1)
    score = logit(p)
    draws = np.array([expit(a + b * score + bend * np.abs(score)) for a, b in rng.normal([0, 1], [0.3, 0.2], (6, 2))])
    intercepts, slopes = calibration_shifts(y, p, draws)
    own = line(y, p)
    for k, draw in enumerate(draws):
        found = line(y, draw)
        assert intercepts[k] == pytest.approx(found[0] - own[0], abs=1e-5)
        assert slopes[k] == pytest.approx(found[1] - own[1], abs=1e-5)


def test_constant_forecasts_and_constant_draws_have_no_slope_and_do_not_warn() -> None:
    y, p = rows()
    flat = np.full(len(p), 0.2)
    assert np.isnan(Recalibration(y, flat).slope)
    intercepts, slopes = calibration_shifts(y, flat, np.array([flat, 1.5 * flat]))
    assert intercepts == pytest.approx([0, logit(0.2) - logit(0.3)], abs=1e-6)
    assert np.isnan(slopes).all()
    intercepts, slopes = calibration_shifts(y, p, np.array([p, flat]))
    assert np.isfinite(intercepts).all()
    assert slopes[0] == pytest.approx(0, abs=1e-6)
    assert np.isnan(slopes[1])
