"""The area under the curve against counting pairs one by one, and what chance makes of it."""

from __future__ import annotations

import numpy as np
import pytest

from features.validation.separation import cross_fitted_rates, lower_bound, stratified_auc


def pairs(values: np.ndarray, labels: np.ndarray, strata: np.ndarray, weights: np.ndarray) -> float:
    right = total = 0.0
    for i in range(len(values)):
        for j in range(len(values)):
            if labels[i] == 1 and labels[j] == 0 and strata[i] == strata[j]:
                total += weights[i] * weights[j]
                right += weights[i] * weights[j] * ((values[i] > values[j]) + 0.5 * (values[i] == values[j]))
    return right / total


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_share_of_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, labels = rng.integers(0, 5, 40).astype(float), rng.integers(0, 2, 40).astype(float)
    strata, weights = rng.integers(0, 3, 40), rng.integers(0, 4, (2, 40)).astype(float)
    expected = [pairs(values, labels, strata, w) for w in weights]
    assert stratified_auc(values, labels, strata, weights) == pytest.approx(expected)


def test_without_a_pair_it_is_a_half() -> None:
    assert stratified_auc(np.array([1.0, 2.0]), np.array([0.0, 1.0]), np.array([0, 1])).tolist() == [0.5]


def test_the_bound_knows_how_few_accounts_there_are() -> None:
    """Ten rows of each of 8 accounts are 8 accounts, not 80."""
    labels, strata = np.repeat([0.0, 1.0], 4), np.zeros(80, int)
    values = np.array([1.0, 2, 3, 9, 4, 5, 6, 7])
    accounts = np.array([f"a{n}" for n in range(8)], dtype=object)
    few = lower_bound(np.repeat(values, 10), np.repeat(labels, 10), strata, np.repeat(accounts, 10))
    many = lower_bound(
        np.tile(values, 10), np.tile(labels, 10), strata, np.array([f"a{n}" for n in range(80)], dtype=object)
    )
    assert few < many < 0.75
    assert lower_bound(-np.tile(values, 10), np.tile(labels, 10), strata, np.arange(80).astype(object)) == many


def test_a_category_of_one_account_knows_nothing_of_it() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 400).astype(float)
    accounts = np.array([f"a{n}" for n in range(400)], dtype=object)
    alone = cross_fitted_rates(accounts, labels, accounts)
    assert stratified_auc(alone, labels, np.zeros(400, int))[0] == pytest.approx(0.5, abs=0.05)
    telling = np.where(labels == 1, "gone", None).astype(object)
    assert stratified_auc(cross_fitted_rates(telling, labels, accounts), labels, np.zeros(400, int))[0] == 1.0
