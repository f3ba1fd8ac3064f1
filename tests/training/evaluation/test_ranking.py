from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from training.evaluation.ranking import Ranking


def shared(rows: list[tuple[float, float, float, float]], most: float) -> float:
    """What the riskiest `most` of (probability, weight, churned, value) rows lose; of a tie, the share that fits."""
    caught, left = 0.0, most
    for level in sorted({row[0] for row in rows}, reverse=True):
        tied = [row for row in rows if row[0] == level]
        weight = sum(row[1] for row in tied)
        part = min(1.0, left / weight) if weight > 0 else 0.0
        caught += part * sum(w * y * value for _, w, y, value in tied)
        left -= part * weight
    return caught


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(2, 40), levels=st.integers(1, 30), days=st.integers(1, 4))
def test_lists_of_each_day_against_a_loop(seed: int, n: int, levels: int, days: int) -> None:
    rng = np.random.default_rng(seed)
    n = max(n, days)
    day = np.concatenate([np.arange(days), rng.integers(0, days, n - days)])
    p, y = (1 + rng.integers(0, levels, n)) / (levels + 2), (rng.random(n) < 0.4).astype(float)
    owner, value = rng.integers(0, 6, n), np.round(rng.exponential(100, n))
    y[0] = 1
    counts = rng.poisson(1.0, (3, 6)).astype(float)  # an account, and a whole day, may not be drawn at all
    held = Ranking(y, p, owner, day, {"rows": np.ones(n), "mrr": value}).hold(counts)
    for most in (2.0 * np.ones_like(held.rows), 0.1 * held.rows, 10**6 * np.ones_like(held.rows)):
        rows, mrr = held.caught(most, "rows", "mrr")
        for c in range(3):
            for d in range(days):
                today = [(p[i], counts[c, owner[i]], y[i], value[i]) for i in range(n) if day[i] == d]
                assert held.rows[c, d] == sum(row[1] for row in today)
                assert mrr[c, d] == pytest.approx(shared(today, most[c, d]), abs=1e-9)
                assert rows[c, d] == pytest.approx(shared([(*row[:3], 1.0) for row in today], most[c, d]), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(2, 60), levels=st.integers(1, 60))
def test_auc_of_resamples_against_scikit_learn(seed: int, n: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    p, y = (1 + rng.integers(0, levels, n)) / (levels + 2), (rng.random(n) < 0.4).astype(float)
    y[:2] = 0, 1
    owner = rng.integers(0, 20, n)
    counts = np.vstack([np.ones(20), rng.poisson(1.0, (4, 20)) + 0.0])
    with np.errstate(invalid="ignore"):
        auc = Ranking(y, p, owner, np.zeros(n, dtype=int), {"rows": np.ones(n)}).hold(counts).auc()
    for found, count in zip(auc, counts, strict=True):
        weight = count[owner]
        if 0 < (weight * y).sum() < weight.sum():
            drawn = weight > 0
            assert found == pytest.approx(roc_auc_score(y[drawn], p[drawn], sample_weight=weight[drawn]))
        else:
            assert np.isnan(found)
