from __future__ import annotations

from pathlib import Path
from random import Random
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.doubts import doubts, fold_log_odds, outside
from training.encoding import RowEncoder
from training.forest import grow
from training.kernel import Interval, Kernel, SmoothMap, load_kernel
from training.model import BoostedTrees
from training.monitoring.reference import make_reference
from training.train import TrainResult

STRAIGHT = SmoothMap((), (), (-0.2, 1.3))
FOLDS = 3


@pytest.fixture(scope="module")
def grown() -> tuple[Kernel, BoostedTrees, pd.DataFrame, np.ndarray]:
    """A kernel of one interval whose boosters are still at hand."""
    rng = np.random.default_rng(3)
    rows = pd.DataFrame(rng.normal(size=(900, 3)), columns=["a", "b", "c"])
    labels = (rng.random(900) < 1 / (1 + np.exp(1.5 - rows["a"] - 0.5 * rows["b"]))).astype(float).to_numpy()
    accounts = np.repeat(np.arange(300), 3)
    trees = BoostedTrees(max_trees=12, folds=FOLDS, feature_names=["a", "b", "c"], monotone=[0, 0, 0])
    encoder = RowEncoder([]).fit(rows)
    forest = grow(trees, encoder, rows, labels, accounts)
    kernel = Kernel([Interval(90, forest.text, forest.fills, STRAIGHT)], ["a", "b", "c"], {}, {}, "c" * 64)
    return kernel, trees, rows, labels


def test_each_booster_is_found_again_in_the_averaged_text(
    grown: tuple[Kernel, BoostedTrees, pd.DataFrame, np.ndarray],
) -> None:
    kernel, trees, rows, _ = grown
    found = fold_log_odds(kernel, rows, 90, FOLDS)
    assert trees.n_trees_ > 0
    for fold, booster in enumerate(trees.boosters_):
        alone = booster.predict(rows.to_numpy(), raw_score=True, num_iteration=trees.n_trees_, num_threads=1)
        assert found[fold] == pytest.approx(-0.2 + 1.3 * alone, abs=1e-9)
    # Through a straight map, the mean of the boosters is the model.
    p = kernel.probabilities(rows, 90)
    assert found.mean(axis=0) == pytest.approx(np.log(p / (1 - p)), abs=1e-9)
    assert found.std(axis=0).max() > 0.01


def test_the_errors_are_those_of_the_intervals(trained: tuple[Path, list[TrainResult]]) -> None:
    result = trained[1][0]
    kernel = load_kernel(result.folder)
    rows = result.judged[90].held_out.rows.head(200)
    table = doubts(kernel, rows, 90, FOLDS, {})
    low, high = kernel.bounds(rows, 90)
    assert (table["low"].to_numpy() == low).all()
    assert (table["high"].to_numpy() == high).all()
    assert (table["both_low"] <= table["low"] + 1e-12).all()
    assert (table["both_high"] >= table["high"] - 1e-12).all()
    assert (table["trees_error"] > 0).mean() > 0.9
    width = np.log(table["both_high"] / (1 - table["both_high"])) - np.log(table["both_low"] / (1 - table["both_low"]))
    wanted = 2 * 1.6448536 * np.hypot(table["calibration_error"], table["trees_error"])
    assert width.to_numpy() == pytest.approx(wanted.to_numpy(), abs=1e-6)


def test_the_trees_error_is_about_that_of_growing_them_on_other_accounts() -> None:
    rng = np.random.default_rng(5)
    fixed = pd.DataFrame(rng.normal(size=(60, 3)), columns=["a", "b", "c"])
    said, told = [], []
    for _ in range(12):
        rows = pd.DataFrame(rng.normal(size=(1500, 3)), columns=["a", "b", "c"])
        labels = (rng.random(1500) < 1 / (1 + np.exp(1.5 - rows["a"] - 0.5 * rows["b"]))).astype(float).to_numpy()
        trees = BoostedTrees(max_trees=20, patience=100, feature_names=["a", "b", "c"])
        forest = grow(trees, RowEncoder([]).fit(rows), rows, labels, np.arange(1500))
        kernel = Kernel([Interval(90, forest.text, {}, SmoothMap((), (), (0.0, 1.0)))], ["a", "b", "c"], {}, {}, "")
        table = doubts(kernel, fixed, 90, 5, {})
        said.append(np.log(table["probability"] / (1 - table["probability"])))
        told.append(table["trees_error"] ** 2)
    ratio = float(np.mean(told) / np.var(said, axis=0, ddof=1).mean())
    assert 0.5 < ratio < 2, ratio


@given(st.randoms(use_true_random=False))
def test_a_kernel_that_was_not_grown_in_folds_agrees_with_itself(kernels: ModuleType, random: Random) -> None:
    kernel = kernels.kernel(random, shapes=("constant",))
    rows = kernels.rows(random.randrange(100))
    found = fold_log_odds(kernel, rows, kernel.horizons[-1], 5)
    p = kernel.probabilities(rows, kernel.horizons[-1])
    assert np.ptp(found, axis=0).max() == 0
    assert found[0] == pytest.approx(np.log(p) - np.log1p(-p), rel=1e-6, abs=1e-6)


def test_what_was_never_seen_is_named(grown: tuple[Kernel, BoostedTrees, pd.DataFrame, np.ndarray]) -> None:
    kernel, _, rows, _ = grown
    days = np.full(len(rows), np.datetime64("2025-01-01"))
    reference = make_reference(rows, {}, np.arange(len(rows)), days)
    asked = pd.DataFrame({"a": [rows["a"].max() + 1, rows["a"].min(), np.nan], "b": [0.0, -99.0, 0.0], "other": 1e9})
    assert outside(asked, kernel, reference) == [["a"], ["b"], []]
    assert outside(asked, kernel, {}) == [[], [], []]
    table = doubts(kernel, asked.assign(c=0.0), 90, FOLDS, reference)
    assert list(table["outside"]) == [1, 1, 0]
    assert list(table["unknown"]) == ["a", "b", ""]


def test_an_unknown_category_is_named(kernels: ModuleType) -> None:
    kernel = kernels.kernel(Random(1))
    rows = pd.DataFrame({"plan": ["pro", "unheard of", None]})
    assert outside(rows, kernel, {}) == [[], ["plan"], []]


def test_one_booster_cannot_disagree(grown: tuple[Kernel, BoostedTrees, pd.DataFrame, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="at least two folds"):
        fold_log_odds(grown[0], grown[2], 90, 1)
