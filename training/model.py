"""The churn model: feature rows and labels in, a scikit-learn classifier that gives raw margins out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import lightgbm
import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from training.averaging import average_boosters
from training.encoding import RowEncoder, category_columns
from training.estimators import BinaryClassifier, RowReader
from training.folds import account_folds

__all__ = ["BoostedTrees", "ChurnModel"]


class BoostedTrees(BinaryClassifier):
    """The mean of gradient-boosted trees from several folds by account, as many trees as the folds say help.

    Churn is rare and an account's rows repeat from month to month, so the trees are small and regularised,
    and the folds that choose their number never put one account on both sides. The boosters grown for that
    choice are kept and averaged: nothing is fitted twice, and the mean of five is steadier than one. Rows are
    not weighted or resampled: that would move the probabilities.

    Parameters
    ----------
    num_leaves, max_depth, learning_rate, feature_fraction, lambda_l2, max_bin : as LightGBM means them.
    leaf_share : the least share of the rows that a leaf speaks of, held between 10 and 300 rows.
    category_smoothing : LightGBM's cat_smooth and cat_l2, for categories with more than four values.
    max_trees : the most that are tried.
    patience : trees without a gain after which the search for their number ends.
    folds : by account.
    categorical : matrix columns that hold category codes.
    monotone : for each matrix column 1 where the margin may only rise with it, -1 where it may only fall, 0 elsewhere.
    feature_names : written into the model file.
    seed : of the folds and of LightGBM.

    Attributes
    ----------
    n_trees_ : chosen number for each fold; 0 means that nothing beat the base rate, and the model is one constant leaf.
    boosters_ : the lightgbm.Boosters that are averaged, one a fold; a single one where there are too few accounts for
        folds (it then has one tree) or nothing to learn.
    booster_ : one lightgbm.Booster that equals their mean, with the first `n_trees_` trees of each.
    held_out_margins_ : (n,) margin of each training row from the booster that did not see its account, NaN where
        there were too few accounts for folds. Nearly what new accounts would get, so a table without dates can be
        calibrated on it.

    >>> rng = np.random.default_rng(0)
    >>> days_idle, accounts = rng.uniform(0, 30, size=(600, 1)), np.arange(600) // 2
    >>> churned = rng.random(600) < np.where(days_idle[:, 0] > 20, 0.5, 0.05)
    >>> trees = BoostedTrees(folds=3).fit(days_idle, churned, accounts)
    >>> trees.predict_proba([[25.0], [3.0]])[:, 1].round(1)
    array([0.4, 0.1])
    """

    def __init__(
        self,
        num_leaves: int = 8,
        max_depth: int = 4,
        learning_rate: float = 0.1,
        feature_fraction: float = 0.75,
        lambda_l2: float = 5.0,
        leaf_share: float = 0.005,
        category_smoothing: float = 100.0,
        max_bin: int = 127,
        max_trees: int = 400,
        patience: int = 10,
        folds: int = 5,
        categorical: Sequence[int] = (),
        monotone: Sequence[int] = (),
        feature_names: Sequence[str] | None = None,
        seed: int = 20240229,
    ) -> None:
        self.num_leaves = num_leaves
        self.max_depth = max_depth
        self.learning_rate = learning_rate
        self.feature_fraction = feature_fraction
        self.lambda_l2 = lambda_l2
        self.leaf_share = leaf_share
        self.category_smoothing = category_smoothing
        self.max_bin = max_bin
        self.max_trees = max_trees
        self.patience = patience
        self.folds = folds
        self.categorical = categorical
        self.monotone = monotone
        self.feature_names = feature_names
        self.seed = seed

    def fit(self, X: Any, y: Any, groups: Any = None) -> BoostedTrees:  # noqa: N803 scikit-learn's name for it
        """Fit on (n, k) numbers, (n,) labels of two classes, and (n,) account ids (each row its own when None).

        Raises
        ------
        ValueError : the labels are not of two classes.
        """
        labels = self._learn_classes(y, X, groups)
        matrix = validate_data(self, X, dtype=np.float64, ensure_all_finite=False)
        params = self.booster_parameters(len(labels))
        data = lightgbm.Dataset(
            matrix,
            labels,
            params=params,
            feature_name=list(self.feature_names) if self.feature_names is not None else "auto",
            categorical_feature=list(self.categorical) if self.categorical else "auto",
            free_raw_data=False,
        )
        folds = _account_folds(labels, groups, self.folds, self.seed)
        self.boosters_, self.n_trees_ = self._boost_folds(data, labels, folds, params) if folds else ([], 1)
        if not self.boosters_ or self.n_trees_ == 0:
            constant = {"min_gain_to_split": 1e30} if self.n_trees_ == 0 else {}
            self.boosters_ = [lightgbm.train(params | constant, data, num_boost_round=1)]
        self.booster_ = average_boosters(self.boosters_, max(self.n_trees_, 1))
        self.held_out_margins_ = np.full(len(labels), np.nan)
        for fold, (fit, test) in enumerate(folds):
            self.held_out_margins_[test] = (
                self.boosters_[fold].predict(matrix[test], raw_score=True, num_iteration=self.n_trees_, num_threads=1)
                if self.n_trees_
                else np.log(labels[fit].mean() / (1 - labels[fit].mean()))
            )
        return self

    def decision_function(self, X: Any) -> np.ndarray:  # noqa: N803 scikit-learn's name for it
        """Raw margins, (n,)."""
        check_is_fitted(self)
        matrix = validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite=False)
        return np.asarray(self.booster_.predict(matrix, raw_score=True, num_threads=1), dtype=np.float64)

    def booster_parameters(self, n: int) -> dict[str, Any]:
        """What LightGBM is told where there are n rows to learn from."""
        constraints = (
            {"monotone_constraints": list(self.monotone), "monotone_constraints_method": "intermediate"}
            if any(self.monotone)
            else {}
        )
        return constraints | {
            "objective": "binary",
            "metric": "binary_logloss",
            "num_leaves": self.num_leaves,
            "max_depth": self.max_depth,
            "learning_rate": self.learning_rate,
            "feature_fraction": self.feature_fraction,
            "lambda_l2": self.lambda_l2,
            # A leaf must speak of a fair share of rows: the same account fills several of them.
            "min_data_in_leaf": int(np.clip(n * self.leaf_share, 10, 300)),
            "min_data_per_group": int(np.clip(n // 30, 20, 500)),
            "cat_smooth": self.category_smoothing,
            "cat_l2": self.category_smoothing,
            "max_bin": self.max_bin,
            "deterministic": True,
            "force_row_wise": True,
            # On few rows a second thread gains a fifth, and costs 15x where its core is busy with something else.
            "num_threads": 1 if n < 200_000 else 2,
            "seed": self.seed,
            "verbosity": -1,
        }

    def _boost_folds(
        self,
        data: lightgbm.Dataset,
        labels: np.ndarray,
        folds: list[tuple[np.ndarray, np.ndarray]],
        params: dict[str, Any],
    ) -> tuple[list[lightgbm.Booster], int]:
        """A booster for each fold, and the number of trees that is best over all of them."""
        result = lightgbm.cv(
            params,
            data,
            num_boost_round=self.max_trees,
            folds=folds,
            callbacks=[lightgbm.early_stopping(self.patience, verbose=False)],
            return_cvbooster=True,
        )
        losses = np.asarray(result["valid binary_logloss-mean"])
        best = int(np.argmin(losses))
        constant = float(np.mean([_log_loss(labels[test], float(labels[fit].mean())) for fit, test in folds]))
        grown = result["cvbooster"]
        assert isinstance(grown, lightgbm.CVBooster)
        return list(grown.boosters), best + 1 if losses[best] < constant else 0


class ChurnModel(RowReader, BinaryClassifier):
    """Encoder and trees, fitted on one block of feature rows.

    Parameters
    ----------
    trees : the estimator behind the encoder; `BoostedTrees` with its defaults when None.
    directions : by feature, 1 where more of it may only raise the margin, -1 where it may only lower it.
    seed : of its random choices.

    Attributes
    ----------
    encoder_, trees_ : the fitted `RowEncoder` and `BoostedTrees`.

    Notes
    -----
    `groups` given to scikit-learn's `cross_val_score` keep accounts apart in its own folds only. For the folds inside
    to do so too, enable metadata routing, ask by `set_fit_request(groups=True)` and give `params={"groups": ...}`.

    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> rows = pd.DataFrame({"days_idle": rng.uniform(0, 30, 600), "plan": rng.choice(["basic", "pro"], 600)})
    >>> churned = rng.random(600) < np.where(rows["days_idle"] > 20, 0.5, 0.05)
    >>> model = ChurnModel(BoostedTrees(folds=3), directions={"days_idle": 1}).fit(rows, churned)
    >>> model.predict_proba(pd.DataFrame({"plan": "pro", "days_idle": [25.0, 3.0]}))[:, 1].round(1)
    array([0.5, 0.1])
    """

    def __init__(
        self,
        trees: BoostedTrees | None = None,
        directions: Mapping[str, int] | None = None,
        seed: int = 20240229,
    ) -> None:
        self.trees = trees
        self.directions = directions
        self.seed = seed

    def fit(self, X: Any, y: Any, groups: Any = None) -> ChurnModel:  # noqa: N803 scikit-learn's name for it
        """Fit on (n, k) feature rows, (n,) labels of two classes, and (n,) account ids (each row its own when None).

        Raises
        ------
        ValueError : the labels are not of two classes.
        """
        labels = self._learn_classes(y, X, groups)
        rows = self._rows(X, fitting=True)
        names = list(rows.columns)
        categories = category_columns(rows)
        settings = (self.trees or BoostedTrees()).get_params() | {
            "categorical": [names.index(name) for name in categories],
            "monotone": [0 if name in categories else (self.directions or {}).get(name, 0) for name in names],
            "feature_names": names,
            "seed": self.seed,
        }
        self.encoder_ = RowEncoder(categories).fit(rows)
        self.trees_ = BoostedTrees(**settings).fit(self.encoder_.encoded(rows), labels, groups)
        return self

    def decision_function(self, X: Any) -> np.ndarray:  # noqa: N803 scikit-learn's name for it
        """Raw margins, (n,)."""
        rows = self._rows(X)
        return self.trees_.decision_function(self.encoder_.encoded(rows))


def _account_folds(
    labels: np.ndarray, groups: np.ndarray | None, folds: int, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows to fit on and rows to hold out, for each fold by account; empty when there are too few accounts."""
    owner = np.arange(len(labels)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    churned = int(np.unique(owner[labels == 1]).size)
    if min(churned, int(owner.max()) + 1 - churned) < folds:
        return []
    fold = account_folds(labels, owner, folds, seed)
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(folds)]


def _log_loss(labels: np.ndarray, rate: float) -> float:
    return float(-np.mean(labels * np.log(rate) + (1 - labels) * np.log1p(-rate)))
