"""Unseen: each row is told once, by a model that has not learned from it, on days that lie apart."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest

from training.dataset import Dataset, Target
from training.unseen import Unseen, unseen_of

MONTHS, ACCOUNTS = 14, 20


class Constant:
    """A kernel that says the same of everybody."""

    def __init__(self, p: float, tells_revenue: bool = True) -> None:
        self.p, self.ratios = p, {90: (1.0, 0.0)} if tells_revenue else {}

    def probabilities(self, rows: pd.DataFrame, horizon: int) -> np.ndarray:
        assert horizon == 90
        return np.full(len(rows), self.p)

    def retained_ratio(self, rows: pd.DataFrame, horizon: int) -> np.ndarray:
        return np.full(len(rows), 1 + self.p)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    rng = np.random.default_rng(0)
    days = [dt.date(2020 + m // 12, m % 12 + 1, 1) for m in range(MONTHS)]
    n = MONTHS * ACCOUNTS
    labels = (rng.random((n, 1)) < 0.3).astype(float)
    target = Target((30, 90), np.column_stack([labels, labels]), (30, 90))
    return Dataset(
        pd.DataFrame({"n": np.arange(n)}),
        np.tile(np.array([f"a{n}" for n in range(ACCOUNTS)], dtype=object), MONTHS),
        np.repeat(np.array(days, dtype="datetime64[D]"), ACCOUNTS),
        tuple(days),
        {"churn": target},
        days[0],
        dt.date(2030, 1, 1),
        "",
        "",
        rng.random(n),
        np.where(labels == 1, np.nan, rng.random((n, 2))),
    )


def told(dataset: Dataset, masks: list[np.ndarray], *kernels: Constant) -> Unseen:
    models: Any = {n: (kernel, mask) for n, (kernel, mask) in enumerate(zip(kernels, masks, strict=True))}
    return unseen_of(dataset, 90, models)


def test_every_row_once_by_the_first_that_had_not_seen_it(dataset: Dataset) -> None:
    n = np.arange(len(dataset.accounts))
    masks = [n % 3 == 0, n % 2 == 0]
    found = told(dataset, masks, Constant(0.1), Constant(0.2))
    kept: list[dt.date] = []
    for day in reversed(dataset.as_ofs):
        if not kept or (kept[-1] - day).days >= 80:
            kept.append(day)
    here = np.isin(dataset.as_of, np.array(kept, dtype="datetime64[D]"))
    first, second = np.flatnonzero(here & masks[0]), np.flatnonzero(here & masks[1] & ~masks[0])
    places = np.concatenate([first, second])
    assert found.probability.tolist() == [0.1] * len(first) + [0.2] * len(second)
    assert np.array_equal(found.day, dataset.as_of[places])
    assert np.array_equal(found.label, dataset.targets["churn"].labels[places, 1])
    assert np.array_equal(found.mrr, dataset.mrr[places])
    assert np.array_equal(found.ratio, dataset.retained_ratio[places, 1], equal_nan=True)
    assert np.array_equal(np.isnan(found.expected), found.label == 1)
    assert set(found.expected[: len(first)][found.label[: len(first)] == 0]) == {1.1}


def test_without_models_or_revenue_there_is_nothing(dataset: Dataset) -> None:
    assert [len(part) for part in told(dataset, [])] == [0] * 6
    nobody, everybody = (np.full(len(dataset.accounts), whether) for whether in (False, True))
    assert len(told(dataset, [nobody], Constant(0.1)).day) == 0
    silent = told(dataset, [everybody], Constant(0.1, tells_revenue=False))
    assert len(silent.day) == 5 * ACCOUNTS
    assert np.isnan(silent.ratio).all()
    assert np.isnan(silent.expected).all()
