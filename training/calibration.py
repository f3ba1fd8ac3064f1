"""The calibrator: raw margins and labels of a later block in, a smooth strictly increasing map out."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit
from sklearn.base import BaseEstimator

from features.errors import TenureError
from training.kernel import sigmoid

__all__ = ["MIN_EVENTS", "LogisticCalibrator"]

MIN_EVENTS = 20


class LogisticCalibrator(BaseEstimator):
    """Calibrated log-odds = a + b * margin, b > 0.

    Parameters
    ----------
    spread : standard deviation of the normal prior on log b.

    Attributes
    ----------
    a_, b_ : the fitted intercept and slope.

    Notes
    -----
    Platt scaling with the slope written as exp(log b) and log b ~ Normal(0, spread^2). Writing it so keeps
    the map strictly increasing whatever the block says, also where margins and labels have nothing to do
    with each other. A margin is already a log-odds, so that without evidence b is 1; a spread of 1 lets it
    lie between 0.14 and 7 with probability 0.95, which twenty events already outweigh. There is no prior on
    a: calibrated probabilities sum to the events of the block they were fitted on.
    """

    def __init__(self, spread: float = 1.0) -> None:
        self.spread = spread

    def fit(self, margins: np.ndarray, labels: np.ndarray, accounts: np.ndarray | None = None) -> LogisticCalibrator:
        """Fit on (n,) margins, labels of 0 and 1, and account ids (each row its own when None).

        Raises
        ------
        TenureError : fewer than 20 distinct accounts churned, or fewer than 20 did not.
        """
        margins, labels = np.asarray(margins, dtype=np.float64), np.asarray(labels, dtype=np.float64)
        owner = np.arange(len(labels)) if accounts is None else np.asarray(accounts)
        for kind, word in ((1, "churned"), (0, "stayed")):
            found = int(np.unique(owner[labels == kind]).size)
            if found < MIN_EVENTS:
                raise TenureError(
                    f"The calibration block holds {found} accounts that {word} and needs at least {MIN_EVENTS}; "
                    "make the block longer or the history larger."
                )
        centre = float(margins.mean())
        centred = margins - centre

        def loss(log_b: float) -> float:
            slope_part = np.exp(log_b) * centred
            z = _intercept(slope_part, labels) + slope_part
            return float(np.sum(np.logaddexp(0, z) - labels * z)) + 0.5 * (log_b / self.spread) ** 2

        # The profile in log b may have a shoulder, so a coarse look comes first.
        grid = np.linspace(-8, 3, 23)
        start = int(np.argmin([loss(x) for x in grid]))
        low, high = grid[max(start - 1, 0)], grid[min(start + 1, len(grid) - 1)]
        found_log_b = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-9}).x
        self.b_ = float(np.exp(found_log_b))
        self.a_ = _intercept(self.b_ * centred, labels) - self.b_ * centre
        return self

    def predict(self, margins: np.ndarray) -> np.ndarray:
        """Calibrated probabilities, (n,), strictly inside (0, 1)."""
        return sigmoid(self.a_ + self.b_ * np.asarray(margins, dtype=np.float64))


def _intercept(offset: np.ndarray, labels: np.ndarray) -> float:
    """The intercept at which probabilities with this offset sum to the events (Newton, safeguarded)."""
    rate = float(labels.mean())
    low, high = np.log(rate / (1 - rate)) - offset.max() - 1, np.log(rate / (1 - rate)) - offset.min() + 1
    value = float(np.clip(np.log(rate / (1 - rate)) - offset.mean(), low, high))
    for _ in range(200):
        p = expit(value + offset)
        excess = float(p.sum() - labels.sum())
        if excess > 0:
            high = value
        else:
            low = value
        curvature = float(np.sum(p * (1 - p)))
        step = value - excess / curvature if curvature > 0 else low
        step = step if low < step < high else (low + high) / 2
        if abs(step - value) < 1e-12 * max(1.0, abs(value)):
            return float(step)
        value = step
    return float(value)
