from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from training.comparators import PriorRate, Recency


def test_the_prior_is_the_rate_and_never_0_or_1() -> None:
    rows = pd.DataFrame(index=range(200))
    fitted = PriorRate().fit(rows, np.repeat([0.0, 1.0], [150, 50]))
    assert fitted.predict_proba(rows.head(3)).tolist() == [[1 - 50.5 / 201, 50.5 / 201]] * 3
    assert 0 < PriorRate().fit(rows, np.zeros(200)).rate_ < 0.01


def test_recency_recovers_its_own_law() -> None:
    rng = np.random.default_rng(4)
    days = np.exp(rng.normal(2, 1, 40_000))
    never = rng.random(days.size) < 0.1
    eta = np.where(never, -0.5, -3 + 0.8 * np.log1p(days))
    y = (rng.random(days.size) < 1 / (1 + np.exp(-eta))).astype(float)
    rows = pd.DataFrame({"days_since_last_use": np.where(never, np.nan, days)})
    fitted = Recency().fit(rows, y)
    margins = fitted.decision_function(pd.DataFrame({"days_since_last_use": [0.0, 10.0, np.nan]}))
    assert margins == pytest.approx([-3, -3 + 0.8 * np.log(11), -0.5], abs=0.12)
    assert fitted.predict_proba(rows)[:, 1].mean() == pytest.approx(y.mean(), abs=1e-3)


def test_recency_without_its_column_is_the_base_rate(make_dataset: Any) -> None:
    dataset = make_dataset(accounts=100)
    rows = dataset.rows[["trend"]]
    p = Recency().fit(rows, dataset.labels).predict_proba(rows)[:, 1]
    assert p == pytest.approx(dataset.labels.mean(), abs=1e-3)


def test_comparators_get_the_calibration_block_too(fitted: Any) -> None:
    dataset, blocks, recipe, _ = fitted
    later = dataset.on(blocks.calibration)
    p = recipe.predictions(later.rows)
    for name in ("model", "recency"):
        assert p[name].sum() == pytest.approx(later.labels.sum(), rel=1e-6)
    assert p["prior"].mean() == pytest.approx(later.labels.mean(), rel=1e-2)
    train = dataset.on(blocks.train)
    assert recipe.predictions(train.rows)["prior_train"].mean() == pytest.approx(train.labels.mean(), rel=1e-3)
    assert recipe.predictions(train.rows)["recency_train"].mean() == pytest.approx(train.labels.mean(), rel=1e-3)
