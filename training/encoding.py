"""The encoder: training rows in; category lists, gap fillers and typical values learned from them out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin

from training.estimators import RowReader
from training.kernel import encode_rows

__all__ = ["RowEncoder", "category_columns"]


def category_columns(rows: pd.DataFrame) -> list[str]:
    """Names of the columns that do not hold numbers.

    >>> category_columns(pd.DataFrame({"plan": ["a", None], "mrr": [1.0, 2.0]}))
    ['plan']
    """
    return [str(name) for name in rows.columns if not (is_numeric_dtype(rows[name]) or is_bool_dtype(rows[name]))]


class RowEncoder(RowReader, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Turn feature rows into the float64 matrix that the trees read, with lists learned where it is fitted.

    Parameters
    ----------
    categories : names of the category columns; told by their type when None.
    max_values : the most frequent values of a category that keep a code; others become missing.

    Attributes
    ----------
    feature_names_ : input columns in matrix order.
    categories_ : for each category, its values in the order of their codes (frequency, then alphabet).
    fills_ : medians of the number columns that had no gap, see `training.kernel.encode_rows`.
    typical_ : median or most frequent value of each column, None where it was empty.

    >>> rows = pd.DataFrame({"plan": ["pro", "basic", "pro"], "mrr": [50.0, 20.0, 80.0]})
    >>> encoder = RowEncoder().fit(rows)
    >>> encoder.categories_, encoder.fills_
    ({'plan': ['pro', 'basic']}, {'mrr': 50.0})
    >>> encoder.transform(pd.DataFrame({"mrr": [np.nan, 35.0], "plan": ["basic", "free"]}))
    array([[ 1., 50.],
           [nan, 35.]])
    """

    def __init__(self, categories: Sequence[str] | None = None, max_values: int = 20) -> None:
        self.categories = categories
        self.max_values = max_values

    def fit(self, X: Any, y: Any = None) -> RowEncoder:  # noqa: N803 scikit-learn's name for it
        """Learn the lists from (n, k) rows."""
        rows = self._rows(X, fitting=True)
        names = category_columns(rows) if self.categories is None else list(self.categories)
        self.feature_names_ = list(rows.columns)
        self.categories_: dict[str, list[str]] = {}
        self.fills_: dict[str, float] = {}
        self.typical_: dict[str, float | str | None] = {}
        for name in self.feature_names_:
            if name in names:
                counts = rows[name].dropna().astype(str).value_counts()
                ranked = sorted(counts.items(), key=lambda pair: (-int(pair[1]), str(pair[0])))
                self.categories_[name] = [str(value) for value, _ in ranked[: self.max_values]]
                self.typical_[name] = self.categories_[name][0] if ranked else None
            else:
                values = rows[name].to_numpy(dtype=np.float64, na_value=np.nan)
                present = values[~np.isnan(values)]
                median = float(np.median(present)) if present.size else None
                self.typical_[name] = median
                if median is not None and present.size == values.size:
                    self.fills_[name] = median
        return self

    def transform(self, X: Any) -> np.ndarray:  # noqa: N803 scikit-learn's name for it
        """(n, k) float64, NaN for missing; a frame where `set_output` asks for one."""
        return self.encoded(self._rows(X))

    def encoded(self, rows: pd.DataFrame) -> np.ndarray:
        """(n, k) float64, NaN for missing, an array whatever output is set."""
        return encode_rows(rows, self.feature_names_, self.categories_, self.fills_)
