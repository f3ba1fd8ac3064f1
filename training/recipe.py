"""The recipe: a dataset and its blocks in, a fitted calibrated model and its comparators out; no tracking."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.catalogue import CATALOGUE
from features.errors import TenureError
from features.settings import Settings
from training.blocks import Blocks
from training.calibration import LogisticCalibrator
from training.comparators import PriorRate, Recency
from training.dataset import Dataset
from training.encoding import RowEncoder
from training.kernel import Kernel
from training.model import ChurnModel

__all__ = ["FittedRecipe", "fit_recipe", "kernel_of", "require_churned"]

_DIRECTIONS = {feature.name: {"high": -1, "low": 1, "neither": 0}[feature.good] for feature in CATALOGUE}
"""Where a high value is the good one, more of it never raises the risk; the other way round where a low one is."""


@dataclass(frozen=True)
class FittedRecipe:
    """The model and what it is compared with, each learned on the training block and recalibrated alike.

    The comparators get the calibration block too, so that the model cannot win only by knowing a more
    recent base rate; `prior_train` and `recency_train` are what they say without it.
    """

    model: ChurnModel
    calibrator: LogisticCalibrator
    prior: PriorRate
    prior_train: PriorRate
    recency: Recency
    recency_calibrator: LogisticCalibrator

    def predictions(self, rows: pd.DataFrame) -> dict[str, np.ndarray]:
        """By name, (n,) probabilities for (n, k) feature rows."""
        recency_margins = self.recency.decision_function(rows)
        return {
            "model": self.calibrator.predict(self.model.decision_function(rows)),
            "prior": self.prior.predict_proba(rows)[:, 1],
            "recency": self.recency_calibrator.predict(recency_margins),
            "prior_train": self.prior_train.predict_proba(rows)[:, 1],
            "recency_train": self.recency.predict_proba(rows)[:, 1],
        }


def fit_recipe(dataset: Dataset, blocks: Blocks, settings: Settings) -> FittedRecipe:
    """Fit on the training block and calibrate on the calibration block; the holdout is not looked at.

    Raises
    ------
    TenureError : the calibration block holds fewer than 20 accounts that churned or that stayed.
    ValueError : the training labels are not both 0 and 1.
    """
    train, later = dataset.on(blocks.train), dataset.on(blocks.calibration)
    model = ChurnModel(directions=_DIRECTIONS, seed=settings.training.seed).fit(
        train.rows, train.labels, train.accounts
    )
    recency = Recency().fit(train.rows, train.labels)
    return FittedRecipe(
        model=model,
        calibrator=LogisticCalibrator().fit(model.decision_function(later.rows), later.labels, later.accounts),
        prior=PriorRate().fit(later.rows, later.labels),
        prior_train=PriorRate().fit(train.rows, train.labels),
        recency=recency,
        recency_calibrator=LogisticCalibrator().fit(
            recency.decision_function(later.rows), later.labels, later.accounts
        ),
    )


def kernel_of(recipe: FittedRecipe, dataset: Dataset) -> Kernel:
    """The fitted model as the kernel that scores, stores and explains it."""
    encoder: RowEncoder = recipe.model.pipeline_.named_steps["encoder"]
    trees = recipe.model.pipeline_.named_steps["trees"]
    return Kernel(
        {dataset.horizon: trees.booster_.model_to_string()},
        {dataset.horizon: (recipe.calibrator.a_, recipe.calibrator.b_)},
        encoder.feature_names_,
        encoder.categories_,
        encoder.fills_,
        encoder.typical_,
        dataset.catalogue_hash,
    )


def require_churned(dataset: Dataset, blocks: Blocks, needed: tuple[int, int, int]) -> None:
    """Refuse blocks with too few distinct churned accounts.

    Raises
    ------
    TenureError : names the numbers found and needed for every block.
    """
    named = {"train": blocks.train, "calibration": blocks.calibration, "holdout": blocks.holdout}
    least = dict(zip(named, needed, strict=True))
    found = {name: dataset.on(days).churned_accounts for name, days in named.items() if days}
    if all(count >= least[name] for name, count in found.items()):
        return
    figures = ", ".join(f"{count} of {least[name]} in {name}" for name, count in found.items())
    raise TenureError(
        f"There is too little to learn from: distinct churned accounts found and needed are {figures}; bring more "
        "history, or lower [training] min_churned if you accept wider intervals."
    )
