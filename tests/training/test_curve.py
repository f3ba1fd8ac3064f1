"""The curve on random hazards: it is the model at its horizons, and never falls between them."""

from __future__ import annotations

import math
from random import Random
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from training.kernel.curve import Curve, curve_of, renewal_days


def _curve(seed: int, n: int = 40) -> Curve:
    rng = np.random.default_rng(seed)
    ends = tuple(sorted(rng.choice(np.arange(1, 400), int(rng.integers(1, 5)), replace=False).tolist()))
    renewal = np.where(rng.random(n) < 0.3, np.nan, rng.integers(0, 450, n))
    renewal[:4] = [0, ends[0] - 1, ends[0], ends[-1] - 1]
    shares = tuple(rng.choice([0.0, 1.0, rng.random()], len(ends)).tolist())
    hazards = rng.uniform(0.001, 0.9, (n, len(ends)))
    return Curve(ends, hazards, shares, renewal, rng.uniform(0.3, 2, (n, len(ends))))


@pytest.mark.parametrize("seed", range(20))
def test_at_the_horizons_it_is_the_model_and_it_never_falls(seed: int) -> None:
    curve = _curve(seed)
    at = 1 - np.cumprod(1 - curve.hazards, axis=1)
    assert curve.churn(curve.ends) == pytest.approx(at, abs=1e-12)
    days = np.arange(0, curve.ends[-1] + 0.25, 0.5)
    p = curve.churn(days)
    assert np.all(p[:, 0] == 0)
    assert np.all(np.diff(p, axis=1) >= 0)
    assert np.isnan(curve.churn([curve.ends[-1] + 1e-9, 1e9])).all()
    assert curve.churn(np.tile(days, (40, 1))) == pytest.approx(p, nan_ok=True)
    assert np.isnan(curve.churn(np.full((40, 1), np.nan))).all()


@pytest.mark.parametrize("seed", range(6))
def test_it_is_the_stated_interpolation(seed: int) -> None:
    """Row by row and day by day, in plain loops."""
    curve = _curve(seed, 12)
    days = list(range(curve.ends[-1] + 3))
    found = curve.churn(days)
    for i, hazards in enumerate(curve.hazards.tolist()):
        for d in days:
            if d > curve.ends[-1]:
                assert math.isnan(found[i, d])
                continue
            total, begin = 0.0, 0
            for end, q, share in zip(curve.ends, hazards, curve.renewal_share, strict=True):
                grown = -math.log(1 - q)
                part = min(max(d - begin, 0), end - begin) / (end - begin)
                if begin <= curve.renewal[i] < end:
                    # On the renewal itself somebody may leave: it is over when the day after it begins.
                    part = share * (d >= curve.renewal[i] + 1) + (1 - share) * part
                total += grown * part
                begin = end
            assert found[i, d] == pytest.approx(1 - math.exp(-total), abs=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_after_the_renewal_agrees_with_the_curve(seed: int) -> None:
    curve = _curve(seed)
    asked = np.where(np.isnan(curve.renewal), 3.0, curve.renewal)
    asked[-1] = np.nan
    renewed = curve.renewed(asked)
    for i, day in enumerate(asked.tolist()):
        if math.isnan(day) or day + 1 > curve.ends[-1]:
            assert math.isnan(renewed[i])
        else:
            assert renewed[i] == 1 - curve.churn([day + 1])[i, 0]
    assert not np.isnan(renewed).all()
    assert np.isnan(renewed).any()


@pytest.mark.parametrize("seed", range(6))
def test_expected_mrr_never_contradicts_churn(seed: int) -> None:
    curve = _curve(seed)
    mrr = np.linspace(1, 900, 40)
    days = np.linspace(0, curve.ends[-1], 60)
    ratio, expected = curve.retained_ratio(days), curve.expected_mrr(mrr, days)
    assert curve.ratios is not None
    assert curve.retained_ratio(curve.ends) == pytest.approx(curve.ratios, abs=1e-12)
    assert curve.retained_ratio([0]) == pytest.approx(1)
    assert expected == pytest.approx(mrr[:, None] * (1 - curve.churn(days)) * ratio)
    assert expected[:, 0] == pytest.approx(mrr)
    highest = np.maximum(1, curve.ratios.max(axis=1))
    assert np.all(expected <= (mrr * highest)[:, None] * (1 - curve.churn(days)) + 1e-9)
    knots = [0.0, *curve.ends]
    for i in range(5):
        assert ratio[i] == pytest.approx(np.interp(days, knots, [1.0, *curve.ratios[i]]))
    assert np.isnan(curve.expected_mrr(mrr, [curve.ends[-1] + 1])).all()
    none = Curve(curve.ends, curve.hazards, curve.renewal_share, curve.renewal, None)
    with pytest.raises(ValueError, match="does not tell how revenue grows"):
        none.expected_mrr(mrr, days)


def test_a_kernels_curve_is_the_kernel(kernels: ModuleType) -> None:
    for seed in range(8):
        kernel, rows = kernels.kernel(Random(seed)), kernels.rows(seed, 20)
        rows = rows.assign(days_to_renewal=np.arange(20.0) * 9, term_months=[12.0, 1.0, np.nan, 3.0] * 5)
        curve = curve_of(kernel, rows)
        for place, horizon in enumerate(kernel.horizons):
            assert curve.churn([horizon])[:, 0] == pytest.approx(kernel.probabilities(rows, horizon), abs=1e-12)
            assert curve.retained_ratio([horizon])[:, 0] == pytest.approx(kernel.retained_ratio(rows, horizon))
            assert curve.renewal_share[place] == kernel.intervals[place].renewal_share
        assert curve_of(kernel, rows.head(0)).churn([1, 2]).shape == (0, 2)


def test_who_renews_every_month_has_no_day_that_stands_out(fitted: Any) -> None:
    rows = pd.DataFrame({"days_to_renewal": [5.0, 5.0, np.nan, 5.0], "term_months": [12.0, 1.0, 12.0, np.nan]})
    assert renewal_days(rows).tolist() == pytest.approx([5.0, math.nan, math.nan, math.nan], nan_ok=True)
    assert np.isnan(renewal_days(rows[["term_months"]])).all()
    head = fitted.dataset.rows.head(300)
    annual = head["term_months"].to_numpy() > 1
    curve = curve_of(fitted.kernel, head)
    jumps = np.diff(curve.churn(np.arange(0, 91)), axis=1).max(axis=1)
    soon = head["days_to_renewal"].to_numpy() < 90
    assert jumps[annual & soon].mean() > 3 * jumps[~annual].mean()
