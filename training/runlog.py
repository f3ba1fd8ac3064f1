"""What a run keeps: a finished training in; the few parameters and metrics to compare it by, and its tables, out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from features.settings import Settings
from training.blocks import Blocks
from training.dataset import Dataset, Labelled
from training.gate import Decision
from training.hazards import FittedHazards
from training.plan import Plan
from training.protocol import Judged
from training.recipe import Recipe
from training.thirds import thirds

__all__ = ["describe_blocks", "holdout_table", "metrics_of", "parameters_of", "settings_of_training"]

_BLOCKS = {"train": "learned on", "calibration": "calibrated on", "holdout": "judged on"}
_FIGURES = {
    "log_loss": "log loss",
    "auc": "AUC",
    "observed_to_expected": "observed over expected",
    "slope": "calibration slope",
    "calibration_error": "calibration error",
    "lift_10": "lift of the riskiest tenth",
}
_RIVALS = {"prior": "the base rate", "recency": "recency"}


def describe_blocks(dataset: Dataset, plan: Plan, seed: int) -> dict[int, dict[str, dict[str, Any]]]:
    """By horizon and block: first_as_of, last_as_of, as_of_days, rows, accounts, events, base_rate.

    The blocks are train, calibration, holdout, refit_train and refit_calibration; where a horizon was judged by folds
    of accounts, train, calibration and holdout are those of the first fold.
    """
    described = {}
    for horizon in plan.horizons:
        labelled = dataset.at(plan.outcome, horizon)
        if horizon in plan.blocks:
            named = {**_named(plan.blocks[horizon], ""), **_named(plan.refit[horizon], "refit_")}
            parts = {name: labelled.on(days) for name, days in named.items() if days}
        else:
            parts = dict(zip(("train", "calibration", "holdout"), thirds(dataset, labelled, seed, 0), strict=True))
        described[horizon] = {name: _described(part) for name, part in parts.items()}
    return described


def _named(blocks: Blocks, before: str) -> dict[str, Any]:
    return {f"{before}{name}": getattr(blocks, name) for name in ("train", "calibration", "holdout")}


def _described(part: Labelled) -> dict[str, Any]:
    days = np.unique(part.as_of)
    return {
        "first_as_of": str(days[0]),
        "last_as_of": str(days[-1]),
        "as_of_days": len(days),
        "rows": len(part.labels),
        "accounts": int(np.unique(part.accounts).size),
        "events": part.events,
        "base_rate": float(part.labels.mean()),
    }


def parameters_of(
    dataset: Dataset,
    settings: Settings,
    described: Mapping[int, Mapping[str, Mapping[str, Any]]],
    recipe: Recipe,
    origin: str,
    final: FittedHazards,
) -> dict[str, Any]:
    """What tells one training from another: the days, the recipe, what was fitted, and settings that are no defaults.

    Few, so that they can be read; every block stands in evaluation.json and every setting in settings.json.

    Parameters
    ----------
    origin : where the recipe comes from, in words.
    """
    parameters: dict[str, Any] = {"known on": dataset.known_on.isoformat(), "recipe from": origin}
    for horizon, blocks in described.items():
        parameters |= {
            f"{horizon} days/{words}": f"{blocks[name]['first_as_of']} to {blocks[name]['last_as_of']}"
            for name, words in _BLOCKS.items()
        }
    for horizon, choice in final.calibrations.items():
        parameters[f"{horizon} days/calibration"] = choice.fit.method
        parameters[f"{horizon} days/trees"] = final.trees[horizon]
    document = recipe.to_json()
    trees = document.pop("trees")
    document["features"] = ", ".join(recipe.features) or "all"
    parameters |= {f"recipe/{key}": value for key, value in (trees | document).items()}
    default, mine = settings_of_training(Settings()), settings_of_training(settings)
    for section, body in mine.items():
        parameters |= {f"{section}.{key}": value for key, value in body.items() if value != default[section][key]}
    return parameters


def settings_of_training(settings: Settings) -> dict[str, dict[str, Any]]:
    """The sections that decide what is trained, as plain values."""
    return {name: dataclasses.asdict(getattr(settings, name)) for name in ("history", "churn", "expansion", "training")}


def metrics_of(judged: Mapping[int, Judged], decision: Decision) -> dict[str, float]:
    """The figures to sort and compare trainings by, the gate's among them; NaN where one is not defined.

    MLflow groups metrics by what stands before the slash. All other figures, and the intervals of these, stand in
    evaluation.json.
    """
    metrics: dict[str, float] = {}
    for horizon, found in judged.items():
        evaluation = found.evaluation
        told = {words: evaluation.figures["model"][name].value for name, words in _FIGURES.items()}
        told |= {
            f"log loss of {words}": evaluation.figures[name]["log_loss"].value
            for name, words in _RIVALS.items()
            if name in evaluation.figures
        }
        told["events"] = evaluation.churned_accounts
        metrics |= {f"{horizon} days/{words}": value for words, value in told.items()}
    metrics["gate/passed"] = float(decision.passed)
    metrics["gate/checks not passed"] = sum(check.decides and not check.passed for check in decision.checks)
    return metrics


def holdout_table(judged: Mapping[int, Judged]) -> pd.DataFrame:
    """account_id, as_of, horizon, label and the probabilities of each model; one line a held-out row and horizon."""
    return pd.concat([found.table() for found in judged.values()], ignore_index=True)
