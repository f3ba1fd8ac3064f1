"""Binned: what bins made once say is what trees say that are grown from nothing, whatever was tried before."""

from __future__ import annotations

import dataclasses
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest

from features.catalogue import CATALOGUE
from training.plan import make_plan
from training.recipe import Recipe
from training.tuning.binned import Binned
from training.tuning.origins import Origin, cut_origins, untouched

TREES: list[dict[str, Any]] = [
    {"num_leaves": 8, "max_depth": 4, "learning_rate": 0.1, "feature_fraction": 0.75, "leaf_share": 0.005},
    {"num_leaves": 31, "max_depth": 6, "learning_rate": 0.25, "feature_fraction": 1.0, "leaf_share": 0.03},
    {"num_leaves": 31, "max_depth": 6, "learning_rate": 0.2, "feature_fraction": 0.6, "leaf_share": 0.001},
    {"num_leaves": 3, "max_depth": 2, "learning_rate": 0.05, "feature_fraction": 0.3, "lambda_l2": 100.0},
    {"num_leaves": 12, "category_smoothing": 3.0, "lambda_l2": 0.3},
]
RECIPES = [
    Recipe(trees={"max_trees": 15, "patience": 4, **trees}, one_way=one_way)
    for trees in TREES
    for one_way in (True, False)
]


@pytest.fixture(scope="module")
def origins(searched: Any) -> list[Origin]:
    plan = make_plan(searched.dataset, "churn", searched.settings)
    before = untouched(plan)
    assert before
    return cut_origins(searched.dataset, "churn", 90, before, searched.settings.training.min_churned)


@pytest.fixture
def binned(searched: Any, origins: list[Origin]) -> Binned:
    return Binned(searched.dataset, origins[1], RECIPES[0])


def afresh(dataset: Any, origin: Origin, recipe: Recipe) -> np.ndarray:
    """The losses, from raw arrays and LightGBM alone, with bins and a fold of accounts of this test's own making."""
    texts = [name for name in dataset.rows if dataset.rows[name].dtype == object]
    train, held = origin.train.place, origin.held.place
    labels = dataset.targets["churn"].labels[:, 1]
    codes = {}
    for name in texts:
        counts = pd.Series([v for v in dataset.rows[name].iloc[train] if v is not None]).value_counts()
        ranked = sorted(counts.index, key=lambda value: (-counts[value], value))[:20]
        codes[name] = {value: float(code) for code, value in enumerate(ranked)}

    def matrix(place: np.ndarray) -> np.ndarray:
        rows = dataset.rows.iloc[place]
        return np.column_stack(
            [
                [codes[name].get(value, np.nan) for value in rows[name]] if name in texts else rows[name].to_numpy()
                for name in rows
            ]
        ).astype(float)

    good = {feature.name: feature.good for feature in CATALOGUE}
    bent = {"high": -1, "low": 1, "neither": 0}
    ways = [0 if name in texts or name not in good else bent[good[name]] for name in dataset.rows]
    trees = {"num_leaves": 8, "max_depth": 4, "learning_rate": 0.1, "feature_fraction": 0.75, "lambda_l2": 5.0}
    trees |= {"leaf_share": 0.005, "category_smoothing": 100.0, **recipe.trees}
    y, n = labels[train], len(train)
    grown_on = _fold(dataset.accounts[train], y, recipe.seed)
    asked = {
        "objective": "binary", "metric": "binary_logloss", "verbosity": -1, "num_threads": 1, "seed": recipe.seed,
        "deterministic": True, "force_row_wise": True, "feature_pre_filter": False, "max_bin": 127,
        "num_leaves": trees["num_leaves"], "max_depth": trees["max_depth"],
        "learning_rate": trees["learning_rate"], "feature_fraction": trees["feature_fraction"],
        "lambda_l2": trees["lambda_l2"], "cat_smooth": trees["category_smoothing"],
        "cat_l2": trees["category_smoothing"], "min_data_in_leaf": int(min(max(n * trees["leaf_share"], 10), 300)),
        "min_data_per_group": int(min(max(n // 30, 20), 500)),
    }  # fmt: skip
    if recipe.one_way:
        asked |= {"monotone_constraints": ways, "monotone_constraints_method": "intermediate"}
    values, columns = matrix(train), [list(dataset.rows).index(name) for name in texts]
    whole = lightgbm.Dataset(values, y, params=asked, categorical_feature=columns)
    parts = [
        lightgbm.Dataset(values[part], y[part], reference=whole, params=asked, categorical_feature=columns)
        for part in (grown_on, ~grown_on)
    ]
    stop = lightgbm.early_stopping(int(trees["patience"]), verbose=False)
    booster = lightgbm.train(asked, parts[0], int(trees["max_trees"]), [parts[1]], callbacks=[stop])
    p = np.asarray(booster.predict(matrix(held), num_threads=1))
    return np.asarray(-np.where(labels[held] == 1, np.log(p), np.log(1 - p)))


def _fold(accounts: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """Which rows the trees are grown on: four in five of those who left and of the others, by account."""
    left = {account for account, label in zip(accounts, labels, strict=True) if label == 1}
    rng, out = np.random.default_rng(seed), set()
    for kind in (sorted(left), sorted(set(accounts) - left)):
        out |= set(rng.permutation(np.array(kind, dtype=object))[::5])
    return np.array([account not in out for account in accounts])


def test_losses_are_those_of_trees_grown_from_nothing(searched: Any, origins: list[Origin], binned: Binned) -> None:
    for recipe in RECIPES:
        expected = afresh(searched.dataset, origins[1], recipe)
        np.testing.assert_allclose(binned.losses(recipe), expected, rtol=1e-9, atol=1e-12)


def test_what_was_tried_before_changes_nothing(binned: Binned) -> None:
    alone = {place: dataclasses.replace(binned).losses(recipe) for place, recipe in enumerate(RECIPES)}
    rng = np.random.default_rng(3)
    for place in rng.permutation(len(RECIPES)):
        np.testing.assert_array_equal(binned.losses(RECIPES[place]), alone[int(place)])
    # Otherwise the order could not have mattered. Of stumps some bend one way by themselves.
    assert len({losses.tobytes() for losses in alone.values()}) >= len(RECIPES) - 1


def test_bins_are_made_once(binned: Binned, monkeypatch: pytest.MonkeyPatch) -> None:
    binned.losses(RECIPES[0])
    made: list[int] = []
    monkeypatch.setattr(lightgbm.Dataset, "__init__", lambda *_, **__: made.append(1))
    monkeypatch.setattr(lightgbm.Dataset, "_free_handle", lambda dataset: made.append(2) or dataset)
    for recipe in RECIPES:
        binned.losses(recipe)
    assert made == []


def test_held_out_rows_make_no_bin_and_grow_no_tree(
    searched: Any, origins: list[Origin], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but the training block is garbage: other numbers, gaps, new categories, other labels."""
    dataset, origin = searched.dataset, origins[0]
    others = np.setdiff1d(np.arange(len(dataset.rows)), origin.train.place)
    rows = dataset.rows.copy()
    rng = np.random.default_rng(0)
    for name in rows.columns:
        if rows[name].dtype == object:
            rows.loc[others, name] = "of the future"
        else:
            rows.loc[others, name] = np.where(rng.random(len(others)) < 0.5, 1e6 * rng.normal(size=len(others)), np.nan)
    grown: list[str] = []
    train = lightgbm.train

    def kept(*arguments: Any, **named: Any) -> lightgbm.Booster:
        booster = train(*arguments, **named)
        grown.append(booster.model_to_string(num_iteration=-1))
        return booster

    monkeypatch.setattr(lightgbm, "train", kept)
    other = dataclasses.replace(dataset, rows=rows)
    held = dataclasses.replace(origin.held, rows=rows.iloc[origin.held.place].reset_index(drop=True))
    first = Binned(dataset, origin, RECIPES[0]).losses(RECIPES[4])
    second = Binned(other, Origin(origin.train, held), RECIPES[0]).losses(RECIPES[4])
    assert len(grown) == 2
    assert grown[0] == grown[1]
    assert not np.allclose(first, second)


def test_only_the_features_of_the_recipe_are_read(searched: Any, origins: list[Origin]) -> None:
    few = dataclasses.replace(RECIPES[0], features=("trend", "plan"))
    binned = Binned(searched.dataset, origins[0], few)
    rows = searched.dataset.rows.copy()
    for name in set(rows.columns) - set(few.features):
        rows[name] = 0.0
    held = dataclasses.replace(origins[0].held, rows=rows.iloc[origins[0].held.place].reset_index(drop=True))
    train = dataclasses.replace(origins[0].train, rows=rows.iloc[origins[0].train.place].reset_index(drop=True))
    blind = Binned(searched.dataset, Origin(train, held), few)
    np.testing.assert_array_equal(binned.losses(few), blind.losses(few))
