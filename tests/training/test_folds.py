from __future__ import annotations

import numpy as np

from training.folds import account_folds


def test_an_account_is_in_one_fold_and_events_are_spread_evenly() -> None:
    rng = np.random.default_rng(1)
    accounts = np.array([f"a{i:03d}" for i in rng.integers(0, 200, 1500)])
    labels = (rng.random(1500) < 0.04).astype(float)
    fold = account_folds(labels, accounts, 5, seed=2)
    assert all(len(set(fold[accounts == name])) == 1 for name in np.unique(accounts))
    churned = np.unique(accounts[labels == 1])
    counts = np.bincount([fold[accounts == name][0] for name in churned], minlength=5)
    assert counts.max() - counts.min() <= 1
    assert np.bincount(fold, minlength=5).min() > 200


def test_folds_do_not_depend_on_the_order_of_rows() -> None:
    rng = np.random.default_rng(3)
    accounts, labels = rng.integers(0, 50, 300), (rng.random(300) < 0.1).astype(float)
    order = rng.permutation(300)
    assert (account_folds(labels, accounts, 4, 1)[order] == account_folds(labels[order], accounts[order], 4, 1)).all()
    assert (account_folds(labels, accounts, 4, 1) != account_folds(labels, accounts, 4, 2)).any()
