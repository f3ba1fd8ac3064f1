"""Binned: an origin and a recipe in; the losses of trees that were grown on bins made once for the whole search out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import lightgbm
import numpy as np

from training.dataset import Dataset
from training.encoding import RowEncoder, category_columns
from training.evaluation import log_losses
from training.folds import account_folds
from training.forest import medians
from training.hazards import trees_of
from training.kernel import encode_rows, fill_gaps, sigmoid
from training.recipe import Recipe
from training.tuning.origins import Origin

__all__ = ["Binned"]

_STOPPING = 5
"""One in so many accounts of a training block says when to stop; it is not among those that the trees learn from."""


@dataclass(frozen=True)
class Binned:
    """One origin, ready for any recipe of the search.

    One booster, stopped by one fold of accounts, tells good recipes from bad ones nearly as well as the recipe itself,
    with five boosters for each interval between horizons, in a tenth of the time (docs/adr/0018).
    """

    dataset: Dataset
    origin: Origin
    start: Recipe

    def losses(self, recipe: Recipe) -> np.ndarray:
        """(n,) log loss of each held-out row, before calibration.

        The trees learn from rows that were known on the origin's first day, and so do the bins.
        """
        ways = recipe.directions(self.origin.train.outcome, self.dataset.catalogue)
        trees = trees_of(recipe, ways, self._names, self._categories)
        grown, stopping, held = self._binned
        booster = lightgbm.train(
            {**trees.booster_parameters(len(self.origin.train.labels)), "feature_pre_filter": False},
            grown,
            num_boost_round=trees.max_trees,
            valid_sets=[stopping],
            callbacks=[lightgbm.early_stopping(trees.patience, verbose=False)],
        )
        margins = np.asarray(booster.predict(held, raw_score=True, num_threads=1))
        return log_losses(self.origin.held.labels, sigmoid(margins))

    @cached_property
    def _names(self) -> list[str]:
        return self.start.inputs(self.origin.train.rows.columns)

    @cached_property
    def _categories(self) -> list[str]:
        return category_columns(self.origin.train.rows[self._names])

    @cached_property
    def _binned(self) -> tuple[lightgbm.Dataset, lightgbm.Dataset, np.ndarray]:
        """What the trees are grown on and stopped by, in bins, and the matrix that they are asked of."""
        train = self.origin.train
        encoder = RowEncoder(self._categories).fit(train.rows[self._names])
        matrix = encode_rows(train.rows, self._names, encoder.categories_)
        fills = medians(matrix, self._names, encoder.categories_)
        whole = lightgbm.Dataset(
            fill_gaps(matrix, self._names, fills),
            train.labels,
            # How few rows a leaf may hold differs from trial to trial, so no feature may be dropped for it here.
            params={"max_bin": self.start.unfitted().max_bin, "feature_pre_filter": False, "verbosity": -1},
            feature_name=self._names,
            categorical_feature=[self._names.index(name) for name in self._categories] or "auto",
        ).construct()
        fold = account_folds(train.labels, train.accounts, _STOPPING, self.start.seed)
        grown, stopping = (whole.subset(np.flatnonzero(part).tolist()) for part in (fold > 0, fold == 0))
        held = encode_rows(self.origin.held.rows, self._names, encoder.categories_, fills)
        return grown.construct(), stopping.construct(), held
