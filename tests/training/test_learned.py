"""What is learned beside the hazards: involuntary shares, retained revenue, and the day of the renewal."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from training.dataset import Dataset
from training.forecasts import learning_of
from training.hazards import FittedHazards, Learning, fit_hazards
from training.kernel import SmoothMap
from training.recipe import Recipe
from training.timing import renewal_shares


def _learning(fitted: Any) -> dict[int, Learning]:
    return learning_of(fitted.dataset, "churn", fitted.plan.refit)


def test_the_renewal_share_is_that_of_plain_loops(fitted: Any) -> None:
    dataset, learning = fitted.dataset, _learning(fitted)
    found = renewal_shares(dataset, learning)
    assert found == {i.until: i.renewal_share for i in fitted.kernel.intervals}
    for before, horizon in ((0, 30), (30, 90)):
        part = learning[horizon].train
        on, counted = 0, set()
        for i, row in enumerate(part.rows.to_dict("records")):
            churn = dataset.days_to_churn[part.place[i]]
            if part.accounts[i] in counted or not part.labels[i] or not row["term_months"] > 1.5:
                continue
            if before <= row["days_to_renewal"] < horizon and before <= churn < horizon:
                counted.add(part.accounts[i])
                on += 0 <= churn - row["days_to_renewal"] <= 3
        assert len(counted) > 30
        assert found[horizon] == on / len(counted)
        assert 0.4 < found[horizon] < 0.7


def test_few_renewals_are_taken_together_and_none_say_nothing(fitted: Any) -> None:
    dataset, learning = fitted.dataset, _learning(fitted)
    some = {h: Learning(part.train.only(np.arange(len(part.train.labels)) % 4 == 0), part.calibration)
            for h, part in learning.items()}  # fmt: skip
    shares = renewal_shares(dataset, some)
    assert shares[30] == shares[90]
    assert 0 < shares[30] < 1
    none = {h: Learning(part.train.only(part.train.labels == 0), part.calibration) for h, part in learning.items()}
    assert renewal_shares(dataset, none) == {30: 0.0, 90: 0.0}
    bare = {
        h: Learning(dataclasses.replace(part.train, rows=part.train.rows[["trend"]]), part.calibration)
        for h, part in learning.items()
    }
    assert renewal_shares(dataset, bare) == {30: 0.0, 90: 0.0}


def test_expected_revenue_of_who_stays_sums_to_what_came(fitted: Any) -> None:
    """Weighted with MRR, on the rows that the line of each horizon was laid through."""
    dataset = fitted.dataset
    for column, (horizon, part) in enumerate(_learning(fitted).items()):
        rows = part.calibration
        ratio, mrr = dataset.retained_ratio[rows.place, column], dataset.mrr[rows.place]
        known = ~np.isnan(ratio) & ~np.isnan(mrr)
        assert 0 < known.sum() < len(known)
        expected = fitted.kernel.retained_ratio(rows.rows, horizon)
        assert (expected * mrr)[known].sum() == pytest.approx((ratio * mrr)[known].sum(), rel=1e-9)
        assert 0 <= fitted.kernel.ratios[horizon][1] <= 2
        assert np.corrcoef(expected[known], ratio[known])[0, 1] > 0.5


def _refitted(dataset: Dataset, quick: Recipe, fitted: Any) -> FittedHazards:
    return fit_hazards(dataset, "churn", learning_of(dataset, "churn", fitted.plan.refit), quick)


def test_a_ranking_that_teaches_nothing_is_made_flat_and_no_revenue_tells_nothing(fitted: Any, quick: Recipe) -> None:
    dataset = fitted.dataset
    noise = np.random.default_rng(0).permutation(dataset.retained_ratio.ravel()).reshape(dataset.retained_ratio.shape)
    noise = np.where(np.isnan(dataset.retained_ratio), np.nan, np.where(np.isnan(noise), 1.0, noise))
    slopes = [
        b
        for _, b in _refitted(dataclasses.replace(dataset, retained_ratio=noise), quick, fitted).kernel.ratios.values()
    ]
    assert len(slopes) == 2
    assert min(slopes) >= 0
    unknown = dataclasses.replace(dataset, retained_ratio=np.full_like(dataset.retained_ratio, np.nan))
    assert _refitted(unknown, quick, fitted).kernel.ratios == {}
    assert _refitted(dataclasses.replace(dataset, retained_ratio=np.zeros((0, 0))), quick, fitted).kernel.ratios == {}


def test_involuntary_parts_follow_what_tells_them_and_sum_to_what_came(fitted: Any) -> None:
    dataset, kernel = fitted.dataset, fitted.kernel
    involuntary = dataset.targets["churn"].involuntary
    assert involuntary is not None
    assert all(isinstance(i.share, SmoothMap) for i in kernel.intervals)
    held = dataset.at("churn", 30)
    part, p = kernel.involuntary(held.rows, 30), kernel.probabilities(held.rows, 30)
    came = involuntary[held.place, 0]
    assert part.sum() == pytest.approx(came.sum(), rel=0.12)
    trend = held.rows["trend"].to_numpy()
    share = part / p
    assert share[trend > 1].mean() > share[trend < -1].mean() + 0.15
    # A churn in the calibration block is involuntary as often as expected of those that churned.
    rows = _learning(fitted)[30].calibration
    churned = rows.only(rows.labels == 1)
    told = kernel.involuntary(churned.rows, 30) / kernel.probabilities(churned.rows, 30)
    assert told.sum() == pytest.approx(involuntary[churned.place, 0].sum(), rel=1e-6)


def test_where_few_churned_either_way_the_share_is_one_number(fitted: Any, quick: Recipe) -> None:
    dataset = fitted.dataset
    target = dataset.targets["churn"]
    names = np.unique(dataset.accounts)[:15]
    few = np.where(np.isin(dataset.accounts, names)[:, None], target.involuntary, target.labels * 0)
    targets = {**dataset.targets, "churn": dataclasses.replace(target, involuntary=few)}
    kernel = _refitted(dataclasses.replace(dataset, targets=targets), quick, fitted).kernel
    assert kernel.share_trees == ""
    for column, (before, interval) in enumerate(zip([None, 30], kernel.intervals, strict=True)):
        blocks = fitted.plan.refit[interval.until]
        days = np.array([*blocks.train, *blocks.calibration], dtype="datetime64[D]")
        met = np.isin(dataset.as_of, days) & (target.labels[:, column] == 1)
        if before is not None:
            met &= target.labels[:, 0] == 0
        assert interval.share == pytest.approx((few[met, column].sum() + 0.5) / (met.sum() + 1))
    none = {**dataset.targets, "churn": dataclasses.replace(target, involuntary=None)}
    kernel = _refitted(dataclasses.replace(dataset, targets=none), quick, fitted).kernel
    with pytest.raises(ValueError, match="no voluntary and involuntary parts"):
        kernel.involuntary(dataset.rows.head(3), 30)


def test_expansion_has_no_parts_and_no_revenue(
    make_dataset: Callable[..., Dataset], fitted: Any, quick: Recipe
) -> None:
    dataset = fitted.dataset
    kernel = fit_hazards(dataset, "expansion", learning_of(dataset, "expansion", fitted.plan.refit), quick).kernel
    assert (kernel.outcome, kernel.ratios, kernel.share_trees) == ("expansion", {}, "")
    assert [(i.share, i.renewal_share) for i in kernel.intervals] == [(None, 0.0)] * 2


def test_some_thirty_involuntary_churns_are_told_apart_by_one_map_for_all_intervals(fitted: Any, quick: Recipe) -> None:
    """Too few to calibrate an interval on, and enough to see that who has a low trend leaves for want of payment."""
    dataset = fitted.dataset
    target = dataset.targets["churn"]
    trend = dataset.rows["trend"].to_numpy()
    churned = np.unique(dataset.accounts[(target.labels[:, 0] == 1) & (trend < -0.5)])[:70]
    mine = np.isin(dataset.accounts, churned) & (trend < -0.5)
    few = np.where(mine[:, None], target.labels, target.labels * 0)
    targets = {**dataset.targets, "churn": dataclasses.replace(target, involuntary=few)}
    kernel = _refitted(dataclasses.replace(dataset, targets=targets), quick, fitted).kernel
    assert all(isinstance(interval.share, SmoothMap) for interval in kernel.intervals)
    part = kernel.involuntary(dataset.rows, 30) / kernel.probabilities(dataset.rows, 30)
    assert part[mine].mean() > 3 * part[trend > 0.5].mean()
