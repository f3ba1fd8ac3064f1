"""Made-up rows with known structure, and one store with two registered versions for the whole session."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.settings import Settings, TrainingSettings
from training.blocks import Blocks
from training.dataset import Dataset
from training.kernel import Kernel
from training.recipe import FittedRecipe, fit_recipe, kernel_of
from training.train import TrainResult, plan_blocks, train_dataset

HORIZON = 30


def _make_dataset(accounts: int = 700, months: int = 14, signal: float = 1.0, seed: int = 0) -> Dataset:
    """Every account on every month; log-odds -2.2 + signal x (recency, trend, plan); label windows disjoint."""
    rng = np.random.default_rng(seed)
    days = tuple(dt.date(2024 + m // 12, m % 12 + 1, 1) for m in range(months))
    n = accounts * months
    owner = np.tile(np.arange(accounts), months)
    state = rng.normal(size=n) + rng.normal(size=accounts)[owner] * 0.5
    trend = rng.normal(size=n)
    plan = rng.choice(np.array(["basic", "pro", "enterprise"], dtype=object), n)
    eta = -2.2 + signal * (0.5 * state + 0.9 * trend + 0.6 * (plan == "basic"))
    rows = pd.DataFrame(
        {
            "days_since_last_use": np.where(rng.random(n) < 0.04, np.nan, np.exp(1.5 + 0.6 * state)),
            "trend": np.where(rng.random(n) < 0.1, np.nan, trend),
            "mrr": np.round(np.exp(rng.normal(5, 1, n)), 2),
            "noise": rng.normal(size=n),
            "constant": np.ones(n),
            "empty": np.full(n, np.nan),
            "plan": np.where(rng.random(n) < 0.05, None, plan),
            "segment": rng.choice(np.array([f"s{i:02d}" for i in range(30)], dtype=object), n),
        }
    )
    for name in ("plan", "segment"):
        rows[name] = rows[name].astype(object)
    labels = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float)
    as_of = np.repeat(np.array(days, dtype="datetime64[D]"), accounts)
    names = np.array([f"a{i:04d}" for i in range(accounts)], dtype=object)
    gap = HORIZON + 2
    return Dataset(
        rows, labels, as_of, names[owner], days, HORIZON, gap, days[0], days[-1] + dt.timedelta(gap), "f" * 64, "c" * 64
    )


@pytest.fixture(scope="session")
def make_dataset() -> Callable[..., Dataset]:
    return _make_dataset


@pytest.fixture(scope="session")
def settings() -> Settings:
    return Settings(training=TrainingSettings(bootstrap=400))


@pytest.fixture(scope="session")
def fitted(settings: Settings) -> tuple[Dataset, Blocks, FittedRecipe, Kernel]:
    dataset = _make_dataset()
    blocks, _ = plan_blocks(dataset, settings)
    recipe = fit_recipe(dataset, blocks, settings)
    return dataset, blocks, recipe, kernel_of(recipe, dataset)


@pytest.fixture(scope="session")
def trained(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[TrainResult]]:
    """A home with version 1, from clear signal, and version 2, from noise; trained among inherited MLflow settings."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "cwd").mkdir()
    patch = pytest.MonkeyPatch()
    patch.chdir(folder / "cwd")
    patch.setenv("MLFLOW_TRACKING_URI", "http://nowhere.invalid:1")
    patch.setenv("MLFLOW_RUN_ID", "inherited")
    try:
        results = [train_dataset(_make_dataset(signal=signal), settings, folder / "home") for signal in (1.0, 0.0)]
    finally:
        patch.undo()
    assert os.listdir(folder / "cwd") == []
    return folder / "home", results
