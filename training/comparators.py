"""What the model has to beat: the base rate, and the days since the last use, as scikit-learn estimators."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression

from training.kernel import sigmoid

__all__ = ["PriorRate", "Recency"]


class PriorRate(ClassifierMixin, BaseEstimator):
    """The same probability for every row: the share of churned rows where it was fitted.

    Attributes
    ----------
    rate_ : that share, with half a row added to each side so that it is never 0 or 1.
    """

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> PriorRate:  # noqa: N803 scikit-learn's name for it
        """Fit on (n,) labels; the rows are not looked at."""
        labels = np.asarray(y, dtype=np.float64)
        self.classes_ = np.array([0, 1])
        self.rate_ = float((labels.sum() + 0.5) / (len(labels) + 1))
        return self

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:  # noqa: N803 scikit-learn's name for it
        """(n, 2)."""
        return np.tile([1 - self.rate_, self.rate_], (len(X), 1))

    def predict(self, X: pd.DataFrame) -> np.ndarray:  # noqa: N803 scikit-learn's name for it
        """(n,) the likelier class."""
        return np.full(len(X), int(self.rate_ > 0.5))


class Recency(ClassifierMixin, BaseEstimator):
    """Logistic regression on log(1 + days since the last use) and on never having used the product.

    Parameters
    ----------
    column : the feature that counts the days; NaN means never used. An absent column is all NaN.
    """

    def __init__(self, column: str = "days_since_last_use") -> None:
        self.column = column

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> Recency:  # noqa: N803 scikit-learn's name for it
        """Fit on (n, k) rows and (n,) labels of both kinds."""
        self.regression_ = LogisticRegression(C=100.0, max_iter=1000)
        self.regression_.fit(self._inputs(X), np.asarray(y).astype(int))
        self.classes_ = self.regression_.classes_
        return self

    def decision_function(self, X: pd.DataFrame) -> np.ndarray:  # noqa: N803 scikit-learn's name for it
        """Raw margins, (n,)."""
        return np.asarray(self.regression_.decision_function(self._inputs(X)), dtype=np.float64)

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:  # noqa: N803 scikit-learn's name for it
        """(n, 2)."""
        p = sigmoid(self.decision_function(X))
        return np.column_stack([1 - p, p])

    def predict(self, X: pd.DataFrame) -> np.ndarray:  # noqa: N803 scikit-learn's name for it
        """(n,) the likelier class."""
        return self.classes_[(self.decision_function(X) > 0).astype(int)]

    def _inputs(self, rows: pd.DataFrame) -> np.ndarray:
        if self.column in rows.columns:
            days = rows[self.column].to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            days = np.full(len(rows), np.nan)
        never = np.isnan(days)
        return np.column_stack([np.where(never, 0.0, np.log1p(np.clip(days, 0, None))), never.astype(np.float64)])
