"""What a run keeps: a finished training in, flat parameters, metrics and tables for tracking out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from features.settings import Settings
from training.blocks import Blocks
from training.dataset import Dataset, Labelled
from training.hazards import FittedHazards
from training.plan import Plan
from training.protocol import Judged
from training.recipe import Recipe
from training.thirds import thirds

__all__ = ["describe_blocks", "holdout_table", "metrics_of", "parameters_of"]


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
    final: FittedHazards,
) -> dict[str, Any]:
    """Settings, blocks, the recipe and what was fitted, flat."""
    parameters: dict[str, Any] = {"known_on": dataset.known_on.isoformat()}
    for section in ("history", "churn", "expansion", "training"):
        body = dataclasses.asdict(getattr(settings, section))
        parameters |= {f"{section}.{key}": value for key, value in body.items()}
    for horizon, blocks in described.items():
        for block, figures in blocks.items():
            days = {key: value for key, value in figures.items() if key.endswith("as_of")}
            parameters |= {f"{horizon}d.{block}.{key}": value for key, value in days.items()}
    document = recipe.to_json()
    parameters |= {f"trees.{key}": value for key, value in document.pop("trees").items()}
    parameters |= {f"recipe.{key}": value for key, value in document.items()}
    for horizon, choice in final.calibrations.items():
        parameters[f"{horizon}d.trees"] = final.trees[horizon]
        parameters[f"{horizon}d.calibration"] = choice.fit.method
    return parameters


def metrics_of(judged: Mapping[int, Judged]) -> dict[str, float]:
    """Every figure of every horizon, flat, its interval with it; NaN where one is not defined."""
    metrics: dict[str, float] = {}
    for horizon, found in judged.items():
        evaluation = found.evaluation
        metrics |= {f"{horizon}d.rows": evaluation.rows, f"{horizon}d.events": evaluation.churned_accounts}
        for model, figures in evaluation.figures.items():
            for name, figure in figures.items():
                key = f"{horizon}d.{model}.{name}"
                metrics |= {key: figure.value, f"{key}.low": figure.low, f"{key}.high": figure.high}
            perfect = evaluation.perfect[model]
            metrics[f"{horizon}d.{model}.calibration_error_if_perfect"] = perfect.value
        for rival, difference in evaluation.differences.items():
            metrics[f"{horizon}d.log_loss_minus_{rival}"] = difference.value
            metrics[f"{horizon}d.log_loss_minus_{rival}.upper_99_5"] = difference.upper
    return metrics


def holdout_table(judged: Mapping[int, Judged]) -> pd.DataFrame:
    """account_id, as_of, horizon, label and the probabilities of each model; one line a held-out row and horizon."""
    return pd.concat([found.table() for found in judged.values()], ignore_index=True)
