"""The space: a starting recipe in; the recipes that a trial may propose in its place out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from training.model import BoostedTrees
from training.recipe import Recipe

if TYPE_CHECKING:
    import optuna

__all__ = ["RANGES", "propose", "recipe_of", "values_of"]

RANGES: dict[str, tuple[float, float, str]] = {
    "num_leaves": (3, 31, "whole, log"),
    "max_depth": (2, 6, "whole"),
    # Slower ones cost more trees and, averaged over folds as the trees are, gain nothing.
    "learning_rate": (0.05, 0.25, "log"),
    "feature_fraction": (0.3, 1.0, "even"),
    "lambda_l2": (0.3, 100.0, "log"),
    "leaf_share": (0.001, 0.03, "log"),
    "category_smoothing": (3.0, 300.0, "log"),
}
"""By argument of the trees, the least and greatest value and how it is spread.

None of them changes how values are put into bins, so that each block is binned once for the whole search.
"""


def propose(trial: optuna.Trial, outcome: str) -> dict[str, Any]:
    """What a trial tries: a value for each of RANGES, and of churn whether trees bend one way."""
    values: dict[str, Any] = {}
    for name, (low, high, spread) in RANGES.items():
        log = spread.endswith("log")
        if spread.startswith("whole"):
            values[name] = trial.suggest_int(name, int(low), int(high), log=log)
        else:
            values[name] = trial.suggest_float(name, low, high, log=log)
    if outcome == "churn":
        values["one_way"] = trial.suggest_categorical("one_way", [True, False])
    return values


def recipe_of(start: Recipe, values: Mapping[str, Any]) -> Recipe:
    """The starting recipe with what a trial tries in place of its own."""
    trees = {name: value for name, value in values.items() if name in RANGES}
    return dataclasses.replace(
        start, trees={**start.trees, **trees}, one_way=bool(values.get("one_way", start.one_way))
    )


def values_of(recipe: Recipe, outcome: str) -> dict[str, Any]:
    """The point of the space that is nearest to a recipe."""
    arguments = BoostedTrees().get_params() | dict(recipe.trees)
    values: dict[str, Any] = {}
    for name, (low, high, spread) in RANGES.items():
        value = min(max(arguments[name], low), high)
        values[name] = round(value) if spread.startswith("whole") else float(value)
    if outcome == "churn":
        values["one_way"] = recipe.one_way
    return values
