"""The obvious way: rows, folds and the trials to try in; a study of `cross_val_score` over LightGBM's wrapper out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import lightgbm
import numpy as np
import optuna
import pandas as pd
from sklearn.model_selection import cross_val_score

from training.recipe import Recipe

__all__ = ["best_of", "classifier", "framed"]

TREES = (20, 400)
"""How many trees a trial may ask for; the other way stops by itself, at 400 at most."""


def framed(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows as the wrapper takes them: categories as pandas has them."""
    text = [name for name in rows.columns if rows[name].dtype == object]
    return rows.astype(dict.fromkeys(text, "category"))


def classifier(values: Mapping[str, Any], trees: int, columns: Sequence[str], rows: int) -> lightgbm.LGBMClassifier:
    """LightGBM's wrapper with what a trial asks for."""
    ways = Recipe().directions("churn")
    bent = {"monotone_constraints": [ways.get(name, 0) for name in columns],
            "monotone_constraints_method": "intermediate"}  # fmt: skip
    return lightgbm.LGBMClassifier(
        n_estimators=trees,
        num_leaves=values["num_leaves"],
        max_depth=values["max_depth"],
        learning_rate=values["learning_rate"],
        colsample_bytree=values["feature_fraction"],
        reg_lambda=values["lambda_l2"],
        min_child_samples=int(np.clip(rows * values["leaf_share"], 10, 300)),
        cat_smooth=values["category_smoothing"],
        cat_l2=values["category_smoothing"],
        max_bin=127,
        n_jobs=1,
        random_state=1,
        verbosity=-1,
        **(bent if values.get("one_way") else {}),
    )


def best_of(
    rows: pd.DataFrame,
    labels: np.ndarray,
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
    trials: Sequence[Mapping[str, Any]],
    seed: int,
) -> tuple[dict[str, Any], float]:
    """Try the same trials, each with a number of trees that the sampler chooses; the best, and its mean log loss."""
    study = optuna.create_study(direction="minimize", sampler=optuna.samplers.TPESampler(seed=seed))
    for values in trials:
        study.enqueue_trial(dict(values))

    def objective(trial: optuna.Trial) -> float:
        asked = {name: _same(trial, name, [t[name] for t in trials]) for name in trials[0]}
        trees = trial.suggest_int("trees", *TREES, log=True)
        model = classifier(asked, trees, list(rows.columns), len(folds[-1][0]))
        return -float(cross_val_score(model, rows, labels, cv=list(folds), scoring="neg_log_loss").mean())

    study.optimize(objective, n_trials=len(trials))
    return study.best_params, float(study.best_value)


def _same(trial: optuna.Trial, name: str, tried: Sequence[Any]) -> Any:
    """The value that was enqueued for this trial."""
    if isinstance(tried[0], bool):
        return trial.suggest_categorical(name, [True, False])
    suggest = trial.suggest_int if isinstance(tried[0], int) else trial.suggest_float
    return suggest(name, min(tried), max(tried))
