"""What the model has to beat: base rate, days since last use, scorecard and logistic regression, as estimators."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression

from training.calibration import MapFit, fit_map
from training.encoding import RowEncoder
from training.folds import account_folds
from training.kernel import sigmoid
from training.scorecard import Scorecard

__all__ = ["LogisticComparator", "PriorRate", "Recency", "ScorecardComparator"]


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


class _ByMargin(ClassifierMixin, BaseEstimator):
    """A classifier whose probability is the logistic function of its raw margin."""

    classes_: np.ndarray

    def decision_function(self, X: pd.DataFrame) -> np.ndarray:  # noqa: N803 scikit-learn's name for it
        """Raw margins, (n,)."""
        raise NotImplementedError

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:  # noqa: N803 scikit-learn's name for it
        """(n, 2)."""
        p = sigmoid(self.decision_function(X))
        return np.column_stack([1 - p, p])

    def predict(self, X: pd.DataFrame) -> np.ndarray:  # noqa: N803 scikit-learn's name for it
        """(n,) the likelier class."""
        return self.classes_[(self.decision_function(X) > 0).astype(int)]


class Recency(_ByMargin):
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

    def _inputs(self, rows: pd.DataFrame) -> np.ndarray:
        if self.column in rows.columns:
            days = rows[self.column].to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            days = np.full(len(rows), np.nan)
        never = np.isnan(days)
        return np.column_stack([np.where(never, 0.0, np.log1p(np.clip(days, 0, None))), never.astype(np.float64)])


class ScorecardComparator(_ByMargin):
    """The rule-based scorecard, turned into a probability by a two-parameter logistic map on its score.

    Parameters
    ----------
    scorecard : the rules; the default ones when None.

    Attributes
    ----------
    fit_ : the MapFit from (50 - score) ln 2 / 10, so that without evidence ten points halve the odds.
    fill_ : stands in for the score of a row in which no rule has a value: the mean score where it was fitted.
    """

    def __init__(self, scorecard: Scorecard | None = None) -> None:
        self.scorecard = scorecard

    def fit(self, X: pd.DataFrame, y: np.ndarray, groups: np.ndarray | None = None) -> ScorecardComparator:  # noqa: N803 scikit-learn's name for it
        """Fit the map on (n, k) rows, (n,) labels of both kinds and (n,) account ids.

        Raises
        ------
        ValueError : the labels are not both 0 and 1.
        """
        score = self._scores(X)
        known = score[~np.isnan(score)]
        self.classes_ = np.array([0, 1])
        self.fill_ = float(known.mean()) if known.size else 50.0
        self.fit_: MapFit = fit_map("logistic", self._unhealth(score), np.asarray(y), groups)
        return self

    def decision_function(self, X: pd.DataFrame) -> np.ndarray:  # noqa: N803 scikit-learn's name for it
        """Raw margins, (n,)."""
        return self.fit_.map.log_odds(self._unhealth(self._scores(X)))

    def _scores(self, rows: pd.DataFrame) -> np.ndarray:
        return (self.scorecard or Scorecard()).score(rows)["score"].to_numpy(dtype=np.float64)

    def _unhealth(self, score: np.ndarray) -> np.ndarray:
        return (50 - np.where(np.isnan(score), self.fill_, score)) * np.log(2) / 10


class LogisticComparator(_ByMargin):
    """Regularised logistic regression on all inputs, every choice made where it is fitted.

    Parameters
    ----------
    penalties : inverse strengths of the ridge penalty that folds by account choose from, as scikit-learn's C.
    max_values : the most frequent values of a category that get a column of their own.
    folds, seed : of the choice.

    Attributes
    ----------
    C_ : the chosen inverse strength.
    intercept_, coef_ : of the standardised columns, (), (p,).

    Notes
    -----
    Numbers go through sign(x) log(1 + |x|), since counts and money have long tails, then get the median for
    a gap and a column that flags it, and are standardised. Every frequent value of a category has a column, none
    is left out as the reference: the penalty makes that harmless. Newton's method, since the matrix is narrow.
    """

    def __init__(
        self,
        penalties: Sequence[float] = (0.0003, 0.003, 0.03),
        max_values: int = 10,
        folds: int = 3,
        seed: int = 20240229,
    ) -> None:
        self.penalties = penalties
        self.max_values = max_values
        self.folds = folds
        self.seed = seed

    def fit(self, X: pd.DataFrame, y: np.ndarray, groups: np.ndarray | None = None) -> LogisticComparator:  # noqa: N803 scikit-learn's name for it
        """Fit on (n, k) rows, (n,) labels of 0 and 1, and (n,) account ids (each row its own when None).

        Raises
        ------
        ValueError : the labels are not both 0 and 1.
        """
        labels = np.asarray(y, dtype=np.float64)
        if set(np.unique(labels)) != {0.0, 1.0}:
            raise ValueError("The labels must hold both 0 and 1.")
        self.classes_ = np.array([0, 1])
        self.encoder_ = RowEncoder(max_values=self.max_values).fit(X)
        spread = _spread(self.encoder_, X)
        empty = np.isnan(spread).all(axis=0)
        self.medians_ = np.zeros(spread.shape[1])
        self.medians_[~empty] = np.nanmedian(spread[:, ~empty], axis=0)
        self.flagged_ = np.flatnonzero(np.isnan(spread).any(axis=0))
        filled = self._filled(spread)
        self.kept_ = np.flatnonzero(filled.std(axis=0) > 1e-9)
        self.mean_, self.scale_ = filled[:, self.kept_].mean(axis=0), filled[:, self.kept_].std(axis=0)
        matrix = np.column_stack([np.ones(len(labels)), self._standard(filled)])
        self.C_ = self._choose(matrix, labels, groups)
        weights = _ridge(matrix, labels, self.C_, _start(matrix, labels))
        self.intercept_, self.coef_ = float(weights[0]), weights[1:]
        return self

    def decision_function(self, X: pd.DataFrame) -> np.ndarray:  # noqa: N803 scikit-learn's name for it
        """Raw margins, (n,)."""
        standard = self._standard(self._filled(_spread(self.encoder_, X)))
        return np.asarray(self.intercept_ + standard @ self.coef_, dtype=np.float64)

    def _filled(self, spread: np.ndarray) -> np.ndarray:
        gaps = np.isnan(spread)
        return np.column_stack([np.where(gaps, self.medians_, spread), gaps[:, self.flagged_]])

    def _standard(self, filled: np.ndarray) -> np.ndarray:
        return np.asarray(np.clip((filled[:, self.kept_] - self.mean_) / self.scale_, -_FAR, _FAR))

    def _choose(self, matrix: np.ndarray, labels: np.ndarray, groups: np.ndarray | None) -> float:
        owner = np.arange(len(labels)) if groups is None else np.asarray(groups)
        fold = account_folds(labels, owner, self.folds, self.seed)
        events = np.bincount(fold, labels, self.folds)
        ascending = sorted(self.penalties)
        if min(events.min(), (np.bincount(fold, minlength=self.folds) - events).min()) < 1:
            return ascending[0]
        losses = np.zeros(len(ascending))
        for k in range(self.folds):
            seen, held = matrix[fold != k], matrix[fold == k]
            weights = _start(seen, labels[fold != k])
            for i, penalty in enumerate(ascending):
                weights = _ridge(seen, labels[fold != k], penalty, weights, tolerance=1e-4)
                losses[i] += _loss(held, labels[fold == k], weights)
        return ascending[int(np.argmin(losses))]


_FAR = 8.0
"""Standard deviations from the mean; a value further out counts as this far, so that none decides alone."""


def _spread(encoder: RowEncoder, rows: pd.DataFrame) -> np.ndarray:
    """(n, p): numbers drawn together by the logarithm, NaN in their gaps, then one 0/1 column a category value."""
    encoded = encoder.transform(rows)
    columns = []
    for position, name in enumerate(encoder.feature_names_):
        values = encoded[:, position]
        if name in encoder.categories_:
            columns += [(values == code).astype(np.float64) for code in range(len(encoder.categories_[name]))]
        else:
            columns.append(np.sign(values) * np.log1p(np.abs(values)))
    return np.column_stack(columns)


def _start(matrix: np.ndarray, labels: np.ndarray) -> np.ndarray:
    weights = np.zeros(matrix.shape[1])
    weights[0] = np.log(labels.mean() / (1 - labels.mean()))
    return weights


def _loss(matrix: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    z = matrix @ weights
    return float(np.sum(np.logaddexp(0, z) - labels * z))


def _ridge(
    matrix: np.ndarray, labels: np.ndarray, penalty: float, weights: np.ndarray, tolerance: float = 1e-8
) -> np.ndarray:
    """(p,) weights of least log loss plus |weights|^2 / (2 penalty), the first one, the intercept, left free."""
    strength = np.full(matrix.shape[1], 1 / penalty)
    strength[0] = 0.0

    def loss(at: np.ndarray) -> float:
        return _loss(matrix, labels, at) + 0.5 * float(strength @ at**2)

    value = loss(weights)
    for _ in range(50):
        p = expit(matrix @ weights)
        gradient = matrix.T @ (p - labels) + strength * weights
        rooted = matrix * np.sqrt(p * (1 - p))[:, None]
        step = np.linalg.solve(rooted.T @ rooted + np.diag(strength + 1e-10), gradient)
        fraction = 1.0
        while fraction > 1e-4 and loss(weights - fraction * step) > value:
            fraction /= 2
        weights = weights - fraction * step
        before, value = value, loss(weights)
        if before - value < tolerance * value:
            break
    return weights
