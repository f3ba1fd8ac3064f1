"""Folds by account: account ids and labels in, parts that never hold one account on both sides out."""

from __future__ import annotations

import numpy as np

__all__ = ["account_folds"]


def account_folds(labels: np.ndarray, accounts: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """The fold of each row, (n,) of 0 to folds - 1, for (n,) labels of 0 and 1 and (n,) account ids.

    All rows of an account are in one fold; accounts that churned and others are spread evenly.
    """
    names, owner = np.unique(np.asarray(accounts), return_inverse=True)
    churned = np.zeros(len(names), dtype=bool)
    churned[owner[np.asarray(labels) == 1]] = True
    rng = np.random.default_rng(seed)
    fold_of = np.empty(len(names), dtype=int)
    for kind in (churned, ~churned):
        members = rng.permutation(np.flatnonzero(kind))
        fold_of[members] = np.arange(len(members)) % folds
    return fold_of[owner]
