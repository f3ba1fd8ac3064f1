"""Thirds: a horizon's rows in; three parts of whole accounts, to learn from, calibrate on and judge by, out."""

from __future__ import annotations

import numpy as np

from training.dataset import Dataset, Labelled

__all__ = ["THIRDS", "thirds"]

THIRDS = (0, 1, 2)


def thirds(dataset: Dataset, labelled: Labelled, seed: int, fold: int) -> tuple[Labelled, Labelled, Labelled]:
    """The rows to learn from, to calibrate on and to judge by in one of three folds.

    An account is in the same third at every horizon, and over the three folds it is judged once. Nothing that is judged
    is later than what was learned from, so that a change over time does not show.
    """
    names = np.unique(dataset.accounts)
    third = np.random.default_rng(seed).permutation(np.arange(len(names)) % len(THIRDS))
    mine = third[np.searchsorted(names, labelled.accounts)]
    first, second, last = (labelled.only(mine == (fold + step) % len(THIRDS)) for step in (1, 2, 0))
    return first, second, last
