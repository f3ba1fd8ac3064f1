"""Estimators: labels of two classes and rows of any kind in; codes 0 and 1 and columns with names out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from training.kernel import sigmoid

__all__ = ["BinaryClassifier", "RowReader"]


class BinaryClassifier(ClassifierMixin, BaseEstimator):
    """A classifier of two classes whose probability is the logistic function of its raw margin.

    Attributes
    ----------
    classes_ : the two labels in their order; the later one is the event whose probability is predicted.
    """

    classes_: np.ndarray

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        return tags

    def decision_function(self, X: Any) -> np.ndarray:  # noqa: N803 scikit-learn's name for it
        """Raw margins, (n,)."""
        raise NotImplementedError

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803 scikit-learn's name for it
        """(n, 2), before calibration on a later block."""
        p = sigmoid(self.decision_function(X))
        return np.column_stack([1 - p, p])

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803 scikit-learn's name for it
        """(n,) the likelier class."""
        margins = self.decision_function(X)
        return self.classes_[(margins > 0).astype(int)]

    def _learn_classes(self, y: Any, *beside: Any) -> np.ndarray:
        """Keep `classes_` and give (n,) floats, 1 where the label is the later of the two.

        Parameters
        ----------
        beside : rows and account ids, which must be as many; None is passed over.

        Raises
        ------
        ValueError : the labels are not of two classes, or something else is not as long.
        """
        labels = validate_data(self, y=y)
        check_consistent_length(labels, *beside)
        kind = type_of_target(labels, input_name="y", raise_unknown=True)
        if kind != "binary":
            raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
        self.classes_, codes = self._classes(labels)
        return codes.astype(np.float64)

    def _classes(self, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        classes, codes = np.unique(labels, return_inverse=True)
        if len(classes) != 2:
            found = "one class" if len(classes) else "no class"
            raise ValueError(f"The labels must be of two classes, such as 0 and 1, but are of {found}.")
        return classes, codes


class RowReader:
    """An estimator that reads the columns of a frame by name, whatever their order; one that is absent is missing.

    An array, or a frame whose columns are not named by text, is read by position: as x0, x1 and so on, or under the
    names of the frame that the estimator was fitted on.
    """

    n_features_in_: int

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        return tags

    def _rows(self, X: Any, *, fitting: bool = False) -> pd.DataFrame:  # noqa: N803 scikit-learn's name for it
        """(n, k) rows under the names that they were fitted with; when fitting, those are learned first.

        Raises
        ------
        NotFittedError : there is nothing yet to read them by.
        ValueError : rows without names are not as wide as those it was fitted on, or two columns have one name.
        """
        if not fitting:
            check_is_fitted(self)
        framed = isinstance(X, pd.DataFrame)
        named = framed and all(isinstance(name, str) for name in X.columns)
        if named and not fitting and hasattr(self, "feature_names_in_"):
            return X
        found = validate_data(self, X, reset=fitting, skip_check_array=framed, dtype=None, ensure_all_finite=False)
        if named and fitting:
            return X
        names = getattr(self, "feature_names_in_", [f"x{place}" for place in range(self.n_features_in_)])
        rows = found if framed else pd.DataFrame(found).infer_objects()
        return rows.set_axis(names, axis=1)
