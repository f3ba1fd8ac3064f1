"""What the model has to beat: base rate, days since last use, scorecard and logistic regression, as estimators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import _num_samples, check_is_fitted, validate_data

from training.calibration import MapFit, fit_map
from training.encoding import RowEncoder
from training.estimators import BinaryClassifier, RowReader
from training.folds import account_folds
from training.scorecard import Scorecard

__all__ = ["LogisticComparator", "PriorRate", "Recency", "ScorecardComparator"]


class PriorRate(BinaryClassifier):
    """The same probability for every row: the share of churned rows where it was fitted.

    Attributes
    ----------
    rate_ : that share, with half a row added to each side so that it is never 0 or 1.
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.no_validation = tags.input_tags.sparse = True  # the rows are not looked at
        tags.classifier_tags.poor_score = True
        return tags

    def fit(self, X: Any, y: Any) -> PriorRate:  # noqa: N803 scikit-learn's name for it
        """Fit on (n,) labels, which may be all 0 or all 1; the rows are not looked at."""
        labels = self._learn_classes(y, X)
        validate_data(self, X, skip_check_array=True)
        self.rate_ = float((labels.sum() + 0.5) / (len(labels) + 1))
        return self

    def decision_function(self, X: Any) -> np.ndarray:  # noqa: N803 scikit-learn's name for it
        """Raw margins, (n,)."""
        check_is_fitted(self)
        return np.full(_num_samples(X), np.log(self.rate_ / (1 - self.rate_)))

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803 scikit-learn's name for it
        """(n, 2)."""
        check_is_fitted(self)
        return np.tile([1 - self.rate_, self.rate_], (_num_samples(X), 1))

    def _classes(self, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if set(np.unique(labels)) <= {0, 1}:
            return np.array([0, 1], dtype=labels.dtype), labels
        return super()._classes(labels)


class Recency(RowReader, BinaryClassifier):
    """Logistic regression on log(1 + days since the last use) and on never having used the product.

    Parameters
    ----------
    column : the feature that counts the days; NaN means never used. An absent column is all NaN.
    """

    def __init__(self, column: str = "days_since_last_use") -> None:
        self.column = column

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True  # one column knows little
        return tags

    def fit(self, X: Any, y: Any) -> Recency:  # noqa: N803 scikit-learn's name for it
        """Fit on (n, k) rows and (n,) labels of two classes."""
        labels = self._learn_classes(y, X)
        inputs = self._inputs(self._rows(X, fitting=True))
        self.regression_ = LogisticRegression(C=100.0, max_iter=1000).fit(inputs, labels.astype(int))
        return self

    def decision_function(self, X: Any) -> np.ndarray:  # noqa: N803 scikit-learn's name for it
        """Raw margins, (n,)."""
        inputs = self._inputs(self._rows(X))
        return np.asarray(self.regression_.decision_function(inputs), dtype=np.float64)

    def _inputs(self, rows: pd.DataFrame) -> np.ndarray:
        if self.column in rows.columns:
            days = rows[self.column].to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            days = np.full(len(rows), np.nan)
        never = np.isnan(days)
        return np.column_stack([np.where(never, 0.0, np.log1p(np.clip(days, 0, None))), never.astype(np.float64)])


class ScorecardComparator(RowReader, BinaryClassifier):
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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True  # its rules are about a company's features and nothing else
        return tags

    def fit(self, X: Any, y: Any, groups: Any = None) -> ScorecardComparator:  # noqa: N803 scikit-learn's name for it
        """Fit the map on (n, k) rows, (n,) labels of two classes and (n,) account ids (each row its own when None).

        Raises
        ------
        ValueError : the labels are not of two classes.
        """
        labels = self._learn_classes(y, X, groups)
        score = self._scores(self._rows(X, fitting=True))
        known = score[~np.isnan(score)]
        self.fill_ = float(known.mean()) if known.size else 50.0
        self.fit_: MapFit = fit_map("logistic", self._unhealth(score), labels, groups)
        return self

    def decision_function(self, X: Any) -> np.ndarray:  # noqa: N803 scikit-learn's name for it
        """Raw margins, (n,)."""
        score = self._scores(self._rows(X))
        return self.fit_.map.log_odds(self._unhealth(score))

    def _scores(self, rows: pd.DataFrame) -> np.ndarray:
        return (self.scorecard or Scorecard()).score(rows)["score"].to_numpy(dtype=np.float64)

    def _unhealth(self, score: np.ndarray) -> np.ndarray:
        return (50 - np.where(np.isnan(score), self.fill_, score)) * np.log(2) / 10


class LogisticComparator(RowReader, BinaryClassifier):
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

    def fit(self, X: Any, y: Any, groups: Any = None) -> LogisticComparator:  # noqa: N803 scikit-learn's name for it
        """Fit on (n, k) rows, (n,) labels of two classes, and (n,) account ids (each row its own when None).

        Raises
        ------
        ValueError : the labels are not of two classes.
        """
        labels = self._learn_classes(y, X, groups)
        rows = self._rows(X, fitting=True)
        self.encoder_ = RowEncoder(max_values=self.max_values).fit(rows)
        spread = _spread(self.encoder_, rows)
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

    def decision_function(self, X: Any) -> np.ndarray:  # noqa: N803 scikit-learn's name for it
        """Raw margins, (n,)."""
        rows = self._rows(X)
        standard = self._standard(self._filled(_spread(self.encoder_, rows)))
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
    encoded = encoder.encoded(rows)
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
