"""Forecasts: what there is to learn from in; a fitted model's forecasts of rows that it did not learn from out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from features.settings import Settings
from training.blocks import Blocks
from training.calibration import MIN_EVENTS
from training.dataset import Dataset, Labelled
from training.evaluation import terms
from training.hazards import FittedHazards, Learning, fit_hazards
from training.kernel.curve import curve_of
from training.plan import Plan
from training.recipe import Recipe
from training.rivals import fit_rivals, scorecard_of
from training.thirds import thirds

__all__ = [
    "GROUPS",
    "Forecast",
    "forecast",
    "learning_of",
    "merged",
    "numbers_of",
    "refit",
    "refit_learning",
    "text_of",
]

_DRAWS = 100


@dataclass(frozen=True)
class Forecast:
    """One fit's forecasts of rows that it did not learn from."""

    held_out: Labelled
    predictions: dict[str, np.ndarray]
    draws: np.ndarray
    parts: dict[str, np.ndarray]
    fitted: FittedHazards
    seen: dict[str, set[str]]
    calibration_events: int


def learning_of(dataset: Dataset, outcome: str, blocks: Mapping[int, Blocks]) -> dict[int, Learning]:
    """By horizon, the rows of its training and calibration blocks."""
    return {
        horizon: Learning(dataset.at(outcome, horizon).on(b.train), dataset.at(outcome, horizon).on(b.calibration))
        for horizon, b in blocks.items()
    }


def forecast(
    dataset: Dataset,
    outcome: str,
    learning: dict[int, Learning],
    held: Labelled,
    recipe: Recipe,
    settings: Settings,
    rivals: bool = True,
) -> Forecast:
    """Fit on what there is to learn from, and forecast rows of the longest horizon that are not among it."""
    # The matrices here are small: a second thread of the linear algebra only waits for the first one.
    with threadpool_limits(1, user_api="blas"):
        fitted = fit_hazards(dataset, outcome, merged(dataset, outcome, learning), recipe)
        predictions = {"model": fitted.kernel.probabilities(held.rows, held.horizon)}
        if rivals:
            beside = fit_rivals(learning[held.horizon], scorecard_of(settings), recipe.seed)
            predictions |= beside.predictions(held.rows)
    parts = {}
    if outcome == "churn":
        parts["involuntary"] = fitted.kernel.involuntary(held.rows, held.horizon)
        curve = curve_of(fitted.kernel, held.rows)
        parts["churn_by_renewal"] = 1 - curve.renewed(numbers_of(held.rows, "days_to_renewal"))
        if curve.ratios is not None:
            parts["retained_ratio"] = curve.ratios[:, -1]
    learned = learning[held.horizon]
    seen = {
        name: {value for part in (learned.train, learned.calibration) for value in values(part.rows).tolist()}
        for name, values in GROUPS.items()
    }
    return Forecast(
        held, predictions, fitted.drawn(held, _DRAWS, recipe.seed), parts, fitted, seen, learned.calibration.events
    )


def refit(dataset: Dataset, plan: Plan, recipe: Recipe, settings: Settings) -> FittedHazards:
    """The model that is registered: fitted up to the latest matured labels of each horizon.

    A horizon that could not be validated in time learns from two thirds of the accounts and is calibrated on the
    rest, as it was judged; its gap would leave next to nothing between the two.
    """
    with threadpool_limits(1, user_api="blas"):
        return fit_hazards(
            dataset, plan.outcome, refit_learning(dataset, plan, settings.training.seed), recipe, stepped=True
        )


def refit_learning(dataset: Dataset, plan: Plan, seed: int) -> dict[int, Learning]:
    """By horizon, what the model that is registered learns from."""
    learning = learning_of(dataset, plan.outcome, plan.refit)
    for horizon in plan.horizons:
        if horizon not in learning:
            first, second, third = thirds(dataset, dataset.at(plan.outcome, horizon), seed, 0)
            learning[horizon] = Learning(first.joined(third), second)
    return learning


def merged(dataset: Dataset, outcome: str, learning: Mapping[int, Learning]) -> dict[int, Learning]:
    """The same without horizons whose interval has too few events on these blocks: it becomes part of the next one.

    A long horizon's blocks hold few as_of days, on which little happens within the shortest horizon.
    """
    target = dataset.targets[outcome]

    def enough(before: int | None, horizon: int) -> bool:
        for part in (learning[horizon].train, learning[horizon].calibration):
            earlier = target.labels[part.place, target.place(before)] if before else np.zeros(len(part.place))
            for kind in (1, 0):
                if len(np.unique(part.accounts[(earlier == 0) & (part.labels == kind)])) < MIN_EVENTS:
                    return False
        return True

    *shorter, last = sorted(learning)
    kept: list[int] = []
    for horizon in shorter:
        if enough(kept[-1] if kept else None, horizon):
            kept.append(horizon)
    while kept and not enough(kept[-1], last):
        kept.pop()
    return {horizon: learning[horizon] for horizon in (*kept, last)}


def text_of(rows: pd.DataFrame, column: str) -> np.ndarray:
    """(n,) a category as text, "not known" where it is missing or the column is absent."""
    if column not in rows.columns:
        return np.full(len(rows), "not known", dtype=object)
    return np.array([v if isinstance(v, str) else "not known" for v in rows[column].astype(object)], dtype=object)


def numbers_of(rows: pd.DataFrame, column: str) -> np.ndarray:
    """(n,) a number column, NaN where it is absent."""
    if column not in rows.columns:
        return np.full(len(rows), np.nan)
    return rows[column].to_numpy(dtype=np.float64, na_value=np.nan)


GROUPS: dict[str, Callable[[pd.DataFrame], np.ndarray]] = {
    "segment": lambda rows: text_of(rows, "segment"),
    "term": lambda rows: terms(numbers_of(rows, "term_months")),
}
"""Groups whose values may be new in the holdout."""
