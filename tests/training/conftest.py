"""Made-up rows with known structure, and one store with two registered versions for the whole session."""

from __future__ import annotations

import datetime as dt
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from features.catalogue import CATALOGUE
from features.settings import Settings, TrainingSettings
from training.dataset import Dataset, Target
from training.forecasts import refit
from training.hazards import FittedHazards
from training.kernel import Kernel
from training.plan import Plan, make_plan
from training.recipe import Recipe
from training.train import TrainResult, train_dataset

HORIZONS = (30, 90)
LAG = 2
QUICK = Recipe(trees={"max_trees": 25, "folds": 3})


class Fitted(NamedTuple):
    """What would be registered, without a store."""

    dataset: Dataset
    plan: Plan
    hazards: FittedHazards
    kernel: Kernel


def _make_dataset(
    accounts: int = 700,
    months: int = 14,
    signal: float = 1.0,
    seed: int = 0,
    horizons: Sequence[int] = HORIZONS,
) -> Dataset:
    """Every account on every month; the log of the churn rate is -5.7 + signal x (recency, trend, plan) a day.

    Each row draws its own day of churn, so rows of an account are independent but for what they have in common, and
    labels of several horizons are nested. The rate falls to 0.6 of itself after 60 days. A third of the churns are
    involuntary, more of them where the trend is high; of annual accounts that churn in the interval of their renewal,
    half do so on the day of it. Labels are missing where a horizon has not matured.
    """
    rng = np.random.default_rng(seed)
    days = tuple(dt.date(2024 + m // 12, m % 12 + 1, 1) for m in range(months))
    n, ends = accounts * months, np.array(horizons)
    owner = np.tile(np.arange(accounts), months)
    state = rng.normal(size=n) + rng.normal(size=accounts)[owner] * 0.5
    trend, use = rng.normal(size=n), np.exp(1.5 + 0.6 * state)
    plan = rng.choice(np.array(["basic", "pro", "enterprise"], dtype=object), n)
    clock = rng.exponential(size=n) / np.exp(-5.7 + signal * (0.5 * state + 0.9 * trend + 0.6 * (plan == "basic")))
    churn = np.floor(np.where(clock < 60, clock, 60 + (clock - 60) / 0.6))
    term, renewal = np.where(rng.random(n) < 0.5, 12.0, 1.0), rng.integers(0, 365, n).astype(float)
    interval = np.searchsorted(ends, churn, side="right")
    together = (term > 1) & (interval == np.searchsorted(ends, renewal, side="right")) & (interval < len(ends))
    churn = np.where(together & (rng.random(n) < 0.5), renewal, churn)
    involuntary = rng.random(n) < 1 / (1 + np.exp(0.9 - trend))
    rows = pd.DataFrame(
        {
            "days_since_last_use": np.where(rng.random(n) < 0.04, np.nan, use),
            "trend": np.where(rng.random(n) < 0.1, np.nan, trend),
            "mrr": np.round(np.exp(rng.normal(5, 1, n)), 2),
            "noise": rng.normal(size=n),
            "constant": np.ones(n),
            "empty": np.full(n, np.nan),
            "days_to_renewal": renewal,
            "term_months": term,
            "tenure_days": rng.integers(1, 900, n).astype(float),
            "plan": np.where(rng.random(n) < 0.05, None, plan),
            "segment": rng.choice(np.array([f"s{i:02d}" for i in range(30)], dtype=object), n),
        }
    )
    for name in ("plan", "segment"):
        rows[name] = rows[name].astype(object)
    as_of = np.repeat(np.array(days, dtype="datetime64[D]"), accounts)
    gaps = tuple(h + LAG for h in horizons)
    known_on = days[-1] + dt.timedelta(gaps[0])
    matured = as_of[:, None] + np.array(gaps).astype("timedelta64[D]") <= np.datetime64(known_on)
    labels = np.where(matured, churn[:, None] < ends, np.nan)
    growth = rng.exponential(size=n) / np.exp(-5.5 + signal * 0.8 * trend)
    grown = np.where(matured, growth[:, None] < ends, np.nan)
    ratio = np.exp(rng.normal(0, 0.05, (n, len(ends))) + 0.002 * ends * np.tanh(trend)[:, None])
    mrr = rows["mrr"].to_numpy().copy()
    mrr[rng.random(n) < 0.02] = np.nan
    notice = np.where(involuntary | (churn > ends[-1]), np.nan, np.maximum(churn - 10, 0))
    names = np.array([f"a{i:04d}" for i in range(accounts)], dtype=object)
    return Dataset(
        rows,
        names[owner],
        as_of,
        days,
        {
            "churn": Target(tuple(horizons), labels, gaps, np.where(involuntary[:, None], labels, labels * 0)),
            "expansion": Target(tuple(horizons), grown, gaps),
        },
        days[0],
        known_on,
        "f" * 64,
        CATALOGUE.hash,
        mrr,
        np.where((labels == 0) & ~np.isnan(mrr)[:, None], ratio, np.nan),
        np.where(churn < 400, churn, np.nan),
        notice,
        ("accounts", "subscriptions", "usage"),
    )


@pytest.fixture(scope="session")
def kernels() -> ModuleType:
    """Makes random kernels. Tests are collected by path, so there is no package to import it from."""
    name = "tenure_test_support_kernels"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("kernels.py"))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def make_dataset() -> Callable[..., Dataset]:
    return _make_dataset


@pytest.fixture(scope="session")
def settings() -> Settings:
    return Settings(training=TrainingSettings(bootstrap=200))


@pytest.fixture(scope="session")
def quick() -> Recipe:
    """A recipe of few trees."""
    return QUICK


@pytest.fixture(scope="session")
def fitted(settings: Settings) -> Fitted:
    dataset = _make_dataset()
    plan = make_plan(dataset, "churn", settings)
    hazards = refit(dataset, plan, QUICK, settings)
    return Fitted(dataset, plan, hazards, hazards.kernel)


@pytest.fixture(scope="session")
def trained(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[TrainResult]]:
    """A home with version 1, from clear signal, and version 2, from noise; trained where no store was named."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "cwd").mkdir()
    patch = pytest.MonkeyPatch()
    patch.chdir(folder / "cwd")
    for variable in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_RUN_ID"):
        patch.delenv(variable, raising=False)
    patch.setenv("MLFLOW_EXPERIMENT_ID", "of another store")
    try:
        results = [
            train_dataset(_make_dataset(signal=signal), settings, folder / "home", recipe=QUICK)
            for signal in (1.0, 0.0)
        ]
    finally:
        patch.undo()
    assert os.listdir(folder / "cwd") == []
    return folder / "home", results
