"""What a run keeps: a finished training in, flat parameters, metrics and tables for tracking out."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from features.settings import Settings
from training.blocks import Blocks
from training.dataset import Dataset
from training.evaluation import Evaluation
from training.recipe import FittedRecipe

__all__ = ["describe_blocks", "holdout_table", "metrics_of", "parameters_of"]


def describe_blocks(dataset: Dataset, blocks: Blocks, refit: Blocks) -> dict[str, dict[str, Any]]:
    """First and last as_of, days, rows, accounts, distinct churned accounts and base rate of each block."""
    named = {
        "train": blocks.train,
        "calibration": blocks.calibration,
        "holdout": blocks.holdout,
        "refit_train": refit.train,
        "refit_calibration": refit.calibration,
    }
    described: dict[str, dict[str, Any]] = {}
    for name, days in named.items():
        part = dataset.on(days)
        described[name] = {
            "first_as_of": days[0].isoformat(),
            "last_as_of": days[-1].isoformat(),
            "as_of_days": len(days),
            "rows": len(part.labels),
            "accounts": int(np.unique(part.accounts).size),
            "churned_accounts": part.churned_accounts,
            "base_rate": float(part.labels.mean()),
        }
    return described


def parameters_of(
    dataset: Dataset,
    settings: Settings,
    described: dict[str, dict[str, Any]],
    recipe: FittedRecipe,
    final: FittedRecipe,
) -> dict[str, Any]:
    """Settings, blocks and what was fitted, flat."""
    parameters: dict[str, Any] = {"horizon": dataset.horizon, "gap_days": dataset.gap_days}
    for section, body in dataclasses.asdict(settings).items():
        parameters |= {f"{section}.{key}": value for key, value in body.items()}
    for block, figures in described.items():
        parameters |= {f"{block}.{key}": value for key, value in figures.items() if key.endswith("as_of")}
    trees = recipe.model.pipeline_.named_steps["trees"]
    parameters |= {
        f"trees.{key}": value for key, value in trees.get_params().items() if isinstance(value, (int, float))
    }
    for name, fitted in (("recipe", recipe), ("refit", final)):
        parameters[f"{name}.trees"] = fitted.model.pipeline_.named_steps["trees"].n_trees_
        parameters[f"{name}.calibration_a"] = fitted.calibrator.a_
        parameters[f"{name}.calibration_b"] = fitted.calibrator.b_
    return parameters


def metrics_of(evaluation: Evaluation) -> dict[str, float]:
    """Every figure with its interval, flat; NaN where one is not defined."""
    metrics: dict[str, float] = {"rows": evaluation.rows, "churned_accounts": evaluation.churned_accounts}
    for model, figures in evaluation.figures.items():
        for name, figure in figures.items():
            metrics[f"{model}.{name}"] = figure.value
            metrics[f"{model}.{name}.low"] = figure.low
            metrics[f"{model}.{name}.high"] = figure.high
        metrics[f"{model}.calibration_error_if_perfect"] = evaluation.perfect[model].value
    for rival, difference in evaluation.differences.items():
        metrics[f"log_loss_minus_{rival}"] = difference.value
        metrics[f"log_loss_minus_{rival}.upper_99_5"] = difference.upper
    return metrics


def holdout_table(holdout: Dataset, predictions: dict[str, np.ndarray]) -> pd.DataFrame:
    """account_id, as_of, label, p_model, p_prior, p_recency; one line a holdout row."""
    return pd.DataFrame(
        {
            "account_id": holdout.accounts.astype(str),
            "as_of": holdout.as_of.astype("datetime64[us]"),
            "label": holdout.labels,
            **{f"p_{name}": predictions[name] for name in ("model", "prior", "recency")},
        }
    )
