from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from training.monitoring.outlook import outlook


def test_what_is_expected_is_what_comes_on_average() -> None:
    rng = np.random.default_rng(0)
    p = np.round(rng.beta(1.5, 8, 600), 2).clip(0.01, 0.99)  # with ties
    found = outlook(90, p, {"log_loss": 0.3})
    drawn = rng.random((2000, len(p))) < p
    losses = -np.where(drawn, np.log(p), np.log1p(-p)).mean(axis=1)
    churned = drawn.sum(axis=1)
    above = drawn @ rankdata(p) - churned * (churned + 1) / 2  # Mann and Whitney's count, ties as one half
    assert found.log_loss == pytest.approx(losses.mean(), abs=0.001)
    assert found.auc == pytest.approx(np.mean(above / (churned * (len(p) - churned))), abs=0.002)
    assert (found.rows, found.rate) == (600, pytest.approx(p.mean()))
    assert (found.holdout_log_loss, found.holdout_auc) == (0.3, None)


def test_one_probability_for_all_ranks_nobody() -> None:
    assert outlook(90, np.full(10, 0.2), {}).auc is None
