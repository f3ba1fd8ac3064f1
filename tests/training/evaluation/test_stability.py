from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logit

from training.evaluation import list_stability
from training.evaluation.lead import LeadSampler

DAY = np.datetime64("2025-01-01")


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), days=st.integers(2, 5), capacity=st.integers(1, 12), levels=st.integers(1, 40))
def test_lists_against_a_loop(seed: int, days: int, capacity: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    scores = {}
    for day in range(days):
        for account in range(20):
            if rng.random() < 0.8 or account == 0:
                scores[day, account] = (1 + rng.integers(0, levels)) / (levels + 2)
    order = [list(scores)[i] for i in rng.permutation(len(scores))]
    found = list_stability(
        np.array([scores[key] for key in order]),
        np.array([account for _, account in order]),
        DAY + 7 * np.array([day for day, _ in order]),
        capacity,
        resamples=50,
    )
    assert found is not None
    lists = []
    for day in range(days):
        today = sorted((-p, account) for (d, account), p in scores.items() if d == day)
        lists.append({account for _, account in today[:capacity]})
    again, due, moved = 0, 0, []
    for day in range(days - 1):
        due += sum((day + 1, account) in scores for account in lists[day])
        again += len(lists[day] & lists[day + 1])
        moved += [
            abs(logit(scores[day + 1, a]) - logit(scores[day, a])) for a in range(20)
            if (day, a) in scores and (day + 1, a) in scores
        ]  # fmt: skip
    assert (found.step_days, found.steps, found.capacity) == (7, days - 1, capacity)
    assert found.stays.value == pytest.approx(again / due if due else np.nan, nan_ok=True)
    assert found.change.value == pytest.approx(np.mean(moved))


def test_lists_by_lot_stay_as_often_as_chance_says() -> None:
    rng = np.random.default_rng(0)
    p, accounts = rng.random(400 * 30) * 0.9 + 0.05, np.tile(np.arange(400), 30)
    found = list_stability(p, accounts, DAY + np.repeat(np.arange(30) * 7, 400), 40)
    assert found is not None
    assert found.by_chance == pytest.approx(0.1)
    assert found.stays.low < 0.1 < found.stays.high
    same = list_stability(np.tile(p[:400], 30), accounts, DAY + np.repeat(np.arange(30) * 7, 400), 40)
    assert same is not None
    assert (same.stays.value, same.change.value) == (1, 0)


def test_one_day_has_no_next_and_an_account_no_two_rows() -> None:
    p = np.array([0.1, 0.2])
    assert list_stability(p, np.array(["a", "b"]), np.full(2, DAY)) is None
    with pytest.raises(ValueError, match="two rows"):
        list_stability(np.full(3, 0.1), np.array(["a", "a", "b"]), DAY + np.array([0, 0, 1]))


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 40))
def test_median_lead_time_against_repeated_rows(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    days, labels = np.round(rng.exponential(30, n)), (rng.random(n) < 0.6).astype(float)
    days[rng.random(n) < 0.3] = np.nan
    owner, counts = rng.integers(0, 5, n), rng.poisson(1.0, (6, 5)).astype(float)
    sampler = LeadSampler(labels, days, owner)
    given_ = (labels == 1) & ~np.isnan(days)
    assert (sampler.rows, sampler.without_notice) == (given_.sum(), labels.sum() - given_.sum())
    for count, found in zip(counts, sampler.figures(counts)["days"], strict=True):
        repeated = np.repeat(days[given_], count[owner[given_]].astype(int))
        assert found == pytest.approx(np.median(repeated) if repeated.size else np.nan, nan_ok=True)
