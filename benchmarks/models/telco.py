"""Telco: a flat table of customers in; out-of-fold figures of our pipeline and of common choices beside it out."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from training.calibration import choose
from training.encoding import RowEncoder, category_columns
from training.evaluation import evaluate
from training.forest import grow
from training.kernel import sigmoid
from training.model import BoostedTrees
from training.recipe import Recipe

__all__ = ["ABOUT", "FIGURES", "measure", "read_telco"]

SEED = 20240229
FOLDS, REPEATS = 5, 2
FIGURES = ("auc", "log_loss", "brier", "calibration_error", "lift_10")

ABOUT = (
    "telco.csv, 5 stratified folds, twice. Each repeat's out-of-fold predictions of all customers are judged together "
    "by training.evaluation, and figures are means of the two repeats. tenure is the encoder, trees and calibration "
    "that `tenure train` uses, with the recipe's defaults; nothing was chosen on this table. It has no dates, so there "
    "is no later block to calibrate on: inside each training fold the calibration is chosen and fitted on margins that "
    "the trees' own folds by account held out."
)

Fit = Callable[[pd.DataFrame, np.ndarray, np.ndarray], Callable[[pd.DataFrame], np.ndarray]]
"""Rows, labels and account ids in; what gives other rows' probabilities out."""


def read_telco(file: Path) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """(n, 19) rows, (n,) labels of 0 and 1, and (n,) customer ids; a blank total of charges is missing."""
    table = pd.read_csv(file)
    rows = table.drop(columns=["customerID", "Churn"])
    rows["TotalCharges"] = pd.to_numeric(rows["TotalCharges"], errors="coerce")
    categories = category_columns(rows)
    rows = rows.astype({name: object if name in categories else np.float64 for name in rows.columns})
    return rows, (table["Churn"] == "Yes").to_numpy(dtype=np.float64), table["customerID"].to_numpy(dtype=object)


def measure(file: Path) -> dict[str, Any]:
    """By model: each figure as the mean over the repeats and by repeat, CPU seconds a fit, and difference in log loss.

    The difference is tenure's log loss minus the other's, with its 90 % interval in the first repeat.
    """
    rows, labels, accounts = read_telco(file)
    predictions, seconds = _out_of_fold(rows, labels, accounts, _models(rows))
    day = np.full(len(labels), np.datetime64("2020-01-01"))
    judged = [evaluate(labels, p, accounts, day, 30, model="tenure", resamples=1000, seed=SEED) for p in predictions]
    report: dict[str, Any] = {}
    for name in predictions[0]:
        report[name] = {key: float(np.mean([e.figures[name][key].value for e in judged])) for key in FIGURES}
        report[name]["by_repeat"] = {key: [e.figures[name][key].value for e in judged] for key in FIGURES}
        report[name]["fit_cpu_seconds"] = seconds[name]
        if name != "tenure":
            against = judged[0].differences[name]
            report[name]["tenure_log_loss_difference"] = [against.value, against.low, against.high]
    chance = [e.perfect["tenure"] for e in judged]
    report["tenure"]["calibration_error_by_chance"] = [
        float(np.mean([getattr(c, bound) for c in chance])) for bound in ("value", "low", "high")
    ]
    return report


def _out_of_fold(
    rows: pd.DataFrame, labels: np.ndarray, accounts: np.ndarray, models: dict[str, Fit]
) -> tuple[list[dict[str, np.ndarray]], dict[str, float]]:
    """For each repeat (n,) probabilities by model, and mean CPU seconds of a fit by model."""
    predictions = [{name: np.zeros(len(labels)) for name in models} for _ in range(REPEATS)]
    seconds = dict.fromkeys(models, 0.0)
    splits = RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=REPEATS, random_state=SEED)
    for number, (train, test) in enumerate(splits.split(rows, labels)):
        for name, fit in models.items():
            began = time.process_time()
            probabilities = fit(rows.iloc[train].reset_index(drop=True), labels[train], accounts[train])
            seconds[name] += (time.process_time() - began) / (FOLDS * REPEATS)
            predictions[number // FOLDS][name][test] = probabilities(rows.iloc[test])
    return predictions, seconds


def _models(rows: pd.DataFrame) -> dict[str, Fit]:
    numbers = [name for name in rows.columns if name not in category_columns(rows)]
    categories = category_columns(rows)

    def logistic(**settings: Any) -> Pipeline:
        columns = make_column_transformer(
            (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
            (OneHotEncoder(handle_unknown="ignore"), categories),
        )
        return make_pipeline(columns, LogisticRegression(max_iter=2000, **settings))

    def boosting(**settings: Any) -> Pipeline:
        codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        columns = make_column_transformer((codes, categories), remainder="passthrough")
        return make_pipeline(columns, HistGradientBoostingClassifier(random_state=SEED, **settings))

    return {
        "tenure": _tenure,
        "logistic regression": _plain(logistic),
        "small gradient boosting": _plain(
            lambda: boosting(learning_rate=0.05, max_iter=120, max_leaf_nodes=8, min_samples_leaf=40)
        ),
        "default gradient boosting": _plain(boosting),
        "class-balanced logistic": _plain(lambda: logistic(class_weight="balanced")),
    }


def _tenure(rows: pd.DataFrame, labels: np.ndarray, accounts: np.ndarray) -> Callable[[pd.DataFrame], np.ndarray]:
    """The product's encoder, trees and calibration; no direction is declared for these columns."""
    recipe = Recipe()
    encoder = RowEncoder().fit(rows)
    categorical = [encoder.feature_names_.index(name) for name in encoder.categories_]
    trees = BoostedTrees(**{**recipe.trees, "categorical": categorical, "seed": recipe.seed})
    forest = grow(trees, encoder, rows, labels, accounts)
    calibration = choose(trees.held_out_margins_, labels, accounts, recipe.seed).fit.map
    return lambda others: sigmoid(calibration.log_odds(forest.margins(others)))


def _plain(make: Callable[[], Pipeline]) -> Fit:
    def fit(rows: pd.DataFrame, labels: np.ndarray, accounts: np.ndarray) -> Callable[[pd.DataFrame], np.ndarray]:
        model = make().fit(rows, labels.astype(int))
        return lambda others: np.asarray(model.predict_proba(others)[:, 1])

    return fit
