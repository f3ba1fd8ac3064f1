"""Unforeseen: the errors of a forecast, against worlds in which they are known and against plain loops."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.dataset import Dataset, Target
from training.unforeseen import Unforeseen, unforeseen_of
from training.unseen import Unseen, unseen_of

SPREADS = st.dictionaries(st.integers(1, 400), st.floats(0, 2), max_size=4)


@given(SPREADS, st.lists(st.floats(0, 2000), min_size=2, max_size=20).map(sorted))
def test_the_variance_begins_at_nothing_and_never_shrinks(spread: dict[int, float], days: list[float]) -> None:
    made = Unforeseen(0.1, 0.1, 0.1, spread)
    found = made.variance(np.array([0.0, *days]))
    assert found[0] == 0
    assert np.all(np.diff(found) >= -1e-12)
    told = made.variance(np.array(sorted(spread), dtype=float))
    assert list(told) == pytest.approx(
        np.maximum.accumulate([spread[end] for end in sorted(spread)] or [0])[: len(told)]
    )
    if spread:
        last = max(spread)
        assert made.variance(np.array([3.0 * last])) == pytest.approx(3 * told[-1:])
    assert Unforeseen.from_json(json.loads(json.dumps(made.to_json()))) == made


def test_between_horizons_it_runs_straight() -> None:
    made = Unforeseen(0, 0, 0, {30: 0.3, 90: 0.9, 180: 0.5})
    days = np.array([0, 10, 30, 45, 90, 120, 180, 270], dtype=float)
    assert made.variance(days) == pytest.approx([0, 0.1, 0.3, 0.45, 0.9, 0.9, 0.9, 1.35])


class Constant:
    """A kernel that says the same of everybody, and remembers the days on which it was asked."""

    horizons = (30, 90)

    def __init__(self, p: float) -> None:
        self.p, self.asked = p, set[int]()
        self.ratios: dict[int, tuple[float, float]] = {}

    def probabilities(self, rows: pd.DataFrame, horizon: int) -> np.ndarray:
        assert horizon == 90
        self.asked |= set(rows["day"].tolist())
        return np.full(len(rows), self.p)


def world(shock: float, accounts: int = 500, months: int = 40, p: float = 0.15, seed: int = 0) -> Dataset:
    """Everybody leaves alike within 90 days; a shock moves the rate of all at once, another one each month."""
    rng = np.random.default_rng(seed)
    days = [dt.date(2020 + m // 12, m % 12 + 1, 1) for m in range(months)]
    as_of = np.repeat(np.array(days, dtype="datetime64[D]"), accounts)
    moved = np.exp(shock * rng.standard_normal(months) - shock**2 / 2)
    labels = (rng.random((months, accounts)) < p * moved[:, None]).astype(float).ravel()
    target = Target((30, 90), np.column_stack([labels, labels]), (30, 90))
    return Dataset(
        pd.DataFrame({"day": as_of.astype(int)}),
        np.tile(np.array([f"a{n}" for n in range(accounts)], dtype=object), months),
        as_of,
        tuple(days),
        {"churn": target},
        days[0],
        dt.date(2030, 1, 1),
        "",
        "",
        np.ones(len(as_of)),
        np.zeros((0, 2)),
    )


def final_of(kernel: Any, drawn: np.ndarray | None = None, errors: dict[int, float] | None = None) -> Any:
    draws = np.ones((200, 1)) if drawn is None else drawn
    return SimpleNamespace(kernel=kernel, ratio_errors=errors or {}, drawn=lambda latest, count, seed: draws)


def halves_of(dataset: Dataset, kernel: Any) -> Unseen:
    even = np.isin(dataset.accounts, np.unique(dataset.accounts)[::2])
    return unseen_of(dataset, 90, {0: (kernel, even), 1: (kernel, ~even)})


def shock_of(dataset: Dataset, kernel: Any) -> float:
    return unforeseen_of(dataset, final_of(kernel), halves_of(dataset, kernel)).shock_sd


@pytest.mark.parametrize("seed", range(2))
def test_a_market_that_moves_is_told_from_one_that_does_not(seed: int) -> None:
    calm, restless = (shock_of(world(shock, seed=seed), Constant(0.15)) for shock in (0.0, 0.5))
    assert 0.05 <= calm < 0.12
    assert 0.25 < restless < 0.8
    # A model that is wrong by as much everywhere is wrong in its level, which is no shock.
    assert shock_of(world(0.0, seed=seed), Constant(0.10)) < 0.12


def test_shocks_are_those_of_plain_loops_over_days_far_apart() -> None:
    dataset, kernel = world(0.3, accounts=200, months=14), Constant(0.15)
    found = shock_of(dataset, kernel)
    kept: list[dt.date] = []
    for day in reversed(dataset.as_ofs):
        if not kept or (kept[-1] - day).days >= 80:
            kept.append(day)
    assert kernel.asked == {(day - dt.date(1970, 1, 1)).days for day in kept}
    assert len(kept) == 5
    came = {day: int(dataset.targets["churn"].labels[dataset.as_of == np.datetime64(day), 1].sum()) for day in kept}
    expected, chance = 200 * 0.15, 200 * 0.15 * 0.85
    level = sum(came.values()) / (5 * expected)
    by_chance = chance / expected**2
    own = sum((came[day] / (level * expected) - 1) ** 2 for day in kept) / 4 - by_chance
    prior, weight = 4 / 0.15**4, 4 / (0.15**2 + by_chance) ** 2
    assert found == pytest.approx(max((prior * 0.15**2 + weight * own) / (prior + weight), 0.05**2) ** 0.5)


def test_with_next_to_no_days_the_usual_holds() -> None:
    few = world(0.9, months=4)
    assert shock_of(few, Constant(0.15)) == 0.15
    whole = world(0.0)
    assert unforeseen_of(whole, final_of(Constant(0.15)), unseen_of(whole, 90, {})).shock_sd == 0.15
    nobody = unseen_of(whole, 90, {0: (Constant(0.15), np.zeros(len(whole.accounts), dtype=bool))})
    assert unforeseen_of(whole, final_of(Constant(0.15)), nobody).shock_sd == 0.15
    assert shock_of(world(0.0, p=0.0), Constant(0.15)) >= 0.05


def test_level_and_growth_are_those_of_the_fit() -> None:
    dataset = world(0.0, accounts=50, months=6)
    rng = np.random.default_rng(0)
    common = np.exp(0.2 * rng.standard_normal((20_000, 1)))
    none = unseen_of(dataset, 90, {})
    found = unforeseen_of(dataset, final_of(Constant(0.1), 0.1 * common * np.ones(50), {30: 9.0, 90: 0.03}), none)
    assert found.level_sd == pytest.approx(np.sqrt(np.exp(0.04) - 1), rel=0.05)
    assert found.growth_sd == pytest.approx(np.hypot(0.03, 0.015))  # its calibration, and what is usual
    assert unforeseen_of(dataset, final_of(Constant(0.1)), none).growth_sd == pytest.approx(0.015)
    assert found.spread == {}


def test_the_spread_is_what_is_left_of_retained_revenue(fitted: Any, make_dataset: Callable[..., Dataset]) -> None:
    dataset, kernel = fitted.dataset, fitted.kernel
    found = unforeseen_of(dataset, fitted.hazards, unseen_of(dataset, 90, {}))
    target = dataset.targets["churn"]
    for place, horizon in enumerate(target.horizons):
        told = kernel.retained_ratio(dataset.rows, horizon)
        left = [(a - b) ** 2 for a, b in zip(dataset.retained_ratio[:, place], told, strict=True) if not np.isnan(a)]
        assert found.spread[horizon] == pytest.approx(sum(left) / len(left))
    assert 0 < found.level_sd < 0.2
    noise = np.random.default_rng(0).normal(0, 0.3, dataset.retained_ratio.shape)
    other = replace(dataset, retained_ratio=dataset.retained_ratio + noise)
    louder = unforeseen_of(other, fitted.hazards, unseen_of(other, 90, {}))
    for horizon in target.horizons:
        assert louder.spread[horizon] - found.spread[horizon] == pytest.approx(0.09, rel=0.1)
