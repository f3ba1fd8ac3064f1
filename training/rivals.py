"""Rivals: what a horizon's model is set beside, learned and recalibrated on the same blocks as the model is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.settings import Settings
from training.calibration import MapFit, fit_map
from training.comparators import LogisticComparator, PriorRate, Recency, ScorecardComparator
from training.hazards import Learning
from training.kernel import sigmoid
from training.scorecard import DEFAULT_RULES, Scorecard, rule_of

__all__ = ["Rivals", "fit_rivals", "scorecard_of"]


def scorecard_of(settings: Settings) -> Scorecard:
    """The company's own scorecard where its settings have one, otherwise the default one.

    Raises
    ------
    TenureError : a rule makes no sense.
    """
    rules = tuple(rule_of(rule) for rule in settings.scorecard)
    return Scorecard(rules or DEFAULT_RULES, settings.stages)


@dataclass(frozen=True)
class Rivals:
    """Base rate, recency, scorecard and logistic regression.

    Each gets the calibration block too, so that the model cannot win only by knowing a more recent base rate;
    `prior_train` and `recency_train` are what they say without it.
    """

    prior: PriorRate
    prior_train: PriorRate
    by_margin: dict[str, tuple[Any, MapFit]]

    def predictions(self, rows: pd.DataFrame) -> dict[str, np.ndarray]:
        """By name, (n,) probabilities for (n, k) feature rows."""
        found = {
            "prior": self.prior.predict_proba(rows)[:, 1],
            "prior_train": self.prior_train.predict_proba(rows)[:, 1],
            "recency_train": self.by_margin["recency"][0].predict_proba(rows)[:, 1],
        }
        for name, (estimator, calibration) in self.by_margin.items():
            found[name] = sigmoid(calibration.map.log_odds(estimator.decision_function(rows)))
        return found


def fit_rivals(learning: Learning, scorecard: Scorecard, seed: int) -> Rivals:
    """Fit on the training block of a horizon and calibrate on its calibration block.

    Raises
    ------
    ValueError : the labels of a block are not both 0 and 1.
    """
    train, later = learning.train, learning.calibration
    estimators: dict[str, Any] = {
        "recency": Recency().fit(train.rows, train.labels),
        "scorecard": ScorecardComparator(scorecard).fit(train.rows, train.labels),
        "logistic": LogisticComparator(seed=seed).fit(train.rows, train.labels, train.accounts),
    }
    return Rivals(
        PriorRate().fit(later.rows, later.labels),
        PriorRate().fit(train.rows, train.labels),
        {
            name: (
                estimator,
                fit_map("logistic", estimator.decision_function(later.rows), later.labels, later.accounts),
            )
            for name, estimator in estimators.items()
        },
    )
