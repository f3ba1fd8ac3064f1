"""Sizes: a model that takes large accounts for more like all others than they are is put right, a right one is left."""

from __future__ import annotations

import json

import numpy as np
import pytest

from training.sizes import Tilt, tilt_of
from training.unseen import Unseen


def rows_of(slope: float, level: float = 0.0, n: int = 40_000, seed: int = 0) -> Unseen:
    """Rows whose true hazard is what the model says times exp(level + slope x (log MRR - 6))."""
    rng = np.random.default_rng(seed)
    mrr = rng.lognormal(6, 1, n)
    told = rng.uniform(0.02, 0.2, n)
    hazard = -np.log1p(-told) * np.exp(level + slope * (np.log(mrr) - 6))
    came = (rng.random(n) < -np.expm1(-hazard)).astype(float)
    nothing = np.full(n, np.nan)
    return Unseen(np.zeros(n, dtype="datetime64[D]"), told, came, mrr, nothing, nothing)


@pytest.mark.parametrize("seed", range(3))
def test_money_that_is_lost_adds_up_after_it(seed: int) -> None:
    rows = rows_of(-0.3, seed=seed)
    tilt = tilt_of(rows)
    hazard = -np.log1p(-rows.probability)
    before = float(rows.mrr @ rows.probability) / float(rows.mrr @ rows.label)
    after = float(rows.mrr @ -np.expm1(-hazard * tilt.factor(rows.mrr))) / float(rows.mrr @ rows.label)
    assert before > 1.25
    assert abs(after - 1) < 0.08
    assert -0.35 < tilt.slope < -0.2


@pytest.mark.parametrize("seed", range(3))
def test_a_model_that_is_right_is_hardly_moved(seed: int) -> None:
    tilt = tilt_of(rows_of(0.0, seed=seed))
    assert abs(tilt.slope) < 0.05
    assert abs(tilt.level) < 0.08


def test_little_says_little() -> None:
    much, little = (abs(tilt_of(rows_of(-0.3, n=n)).slope) for n in (40_000, 300))
    assert little < much
    few = Unseen(*(part[:0] for part in rows_of(0.0, n=10)))
    assert tilt_of(few) == Tilt()


def test_beyond_what_was_seen_it_stays_as_it_is_there_and_unknown_sizes_are_left() -> None:
    tilt = tilt_of(rows_of(-0.3))
    ends = np.exp([tilt.low, tilt.high])
    assert tilt.factor(np.array([ends[0] / 100, ends[1] * 100])) == pytest.approx(tilt.factor(ends))
    assert tilt.factor(np.array([np.nan, 0.0, -5.0])) == pytest.approx(1.0)
    assert Tilt.from_json(json.loads(json.dumps(tilt.to_json()))) == tilt
    for damage in ({"level": "1"}, {"slope": None}):
        with pytest.raises(TypeError):
            Tilt.from_json(tilt.to_json() | damage)
