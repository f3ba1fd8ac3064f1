"""The two-parameter logistic map as a scikit-learn estimator."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator

from training.calibration.fit import SPREAD, fit_map, require_events
from training.kernel import sigmoid

__all__ = ["LogisticCalibrator"]


class LogisticCalibrator(BaseEstimator):
    """Calibrated log-odds = a + b * margin, b > 0.

    Parameters
    ----------
    spread : standard deviation of the normal prior on log b.

    Attributes
    ----------
    a_, b_ : the fitted intercept and slope.
    fit_ : the MapFit they come from.

    Notes
    -----
    Platt scaling with the slope written as exp(log b) and log b ~ Normal(0, spread^2); `fit_map` says why.
    """

    def __init__(self, spread: float = SPREAD) -> None:
        self.spread = spread

    def fit(self, margins: np.ndarray, labels: np.ndarray, accounts: np.ndarray | None = None) -> LogisticCalibrator:
        """Fit on (n,) margins, labels of 0 and 1, and account ids (each row its own when None).

        Raises
        ------
        TenureError : fewer than 20 distinct accounts churned, or fewer than 20 did not.
        """
        labels = np.asarray(labels, dtype=np.float64)
        owner = np.arange(len(labels)) if accounts is None else np.asarray(accounts)
        require_events(labels, owner)
        self.fit_ = fit_map("logistic", margins, labels, owner, spread=self.spread)
        self.a_, self.b_ = self.fit_.map.coefficients
        return self

    def predict(self, margins: np.ndarray) -> np.ndarray:
        """Calibrated probabilities, (n,), strictly inside (0, 1)."""
        return sigmoid(self.fit_.map.log_odds(margins))
