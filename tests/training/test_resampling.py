from __future__ import annotations

import numpy as np
import pytest

from training.resampling import account_counts, perfect_labels, shared_uniforms

DAY = np.datetime64("2025-01-01")


def test_overlapping_windows_share_events() -> None:
    accounts = np.repeat(np.arange(4000), 2)
    p = np.full(8000, 0.3)
    for apart, agree in ((0, 1.0), (45, 0.5 + 0.5 * 0.58), (90, 0.58), (400, 0.58)):
        days = np.tile([DAY, DAY + np.timedelta64(apart, "D")], 4000)
        drawn_labels = next(perfect_labels(p, accounts, days, 90, 1, 0))
        assert drawn_labels.mean() == pytest.approx(0.3, abs=0.02)
        assert np.mean(drawn_labels[::2] == drawn_labels[1::2]) == pytest.approx(agree, abs=0.025)


def test_labels_are_where_the_shared_number_is_below_the_probability() -> None:
    rng = np.random.default_rng(0)
    accounts, p = rng.integers(0, 20, 100), rng.random(100)
    days = DAY + rng.permutation(100)
    uniforms = shared_uniforms(accounts, days, 30, 5, 1)
    for labels, uniform in zip(perfect_labels(p, accounts, days, 30, 5, 1), uniforms, strict=True):
        assert np.array_equal(labels == 1, uniform < p)


def test_counts_are_multinomial_and_repeatable() -> None:
    chunks = list(account_counts(50, 3000, 100, 7))
    counts = np.concatenate(chunks)
    assert len(chunks) > 1
    assert counts.shape == (3000, 50)
    assert np.all(counts.sum(axis=1) == 50)
    assert counts.var() == pytest.approx(0.98, abs=0.03)
    assert np.array_equal(counts, np.concatenate(list(account_counts(50, 3000, 100, 7))))
