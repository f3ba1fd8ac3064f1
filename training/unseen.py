"""Unseen: models and the rows that each has not learned from in; what they said of those beside what came, out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from training.dataset import Dataset
from training.kernel import Kernel

__all__ = ["Unseen", "unseen_of"]

_APART = 80
"""Days between as_of days that are set beside each other, so that hardly a churn is counted twice at 90 days."""


class Unseen(NamedTuple):
    """n rows, each told by a model that had not seen it; (n,) each.

    Attributes
    ----------
    day : as_of.
    probability, label : of churn within the horizon.
    mrr : NaN where unknown.
    ratio, expected : MRR at the horizon over today's of who was retained, and as it was expected; NaN for others, and
        where a model tells no revenue.
    """

    day: np.ndarray
    probability: np.ndarray
    label: np.ndarray
    mrr: np.ndarray
    ratio: np.ndarray
    expected: np.ndarray


def unseen_of(dataset: Dataset, horizon: int, without: Mapping[int, tuple[Kernel, np.ndarray]]) -> Unseen:
    """What models say of rows of some as_of days that lie well apart; a row is told once, by the first that can.

    Parameters
    ----------
    without : models, each with the (n,) mask of the dataset's rows that it has not learned from.
    """
    labelled = dataset.at("churn", horizon)
    column = dataset.targets["churn"].place(horizon)
    rest = np.isin(labelled.as_of, _spaced(np.unique(labelled.as_of)))
    told = [[np.empty(0, labelled.as_of.dtype), *(np.empty(0) for _ in Unseen._fields[1:])]]
    for kernel, mask in without.values():
        part = labelled.only(rest & mask[labelled.place])
        rest &= ~mask[labelled.place]
        if not len(part.place):
            continue
        ratio = expected = np.full(len(part.place), np.nan)
        if dataset.retained_ratio.size and horizon in kernel.ratios:
            ratio = dataset.retained_ratio[part.place, column]
            expected = np.where(np.isnan(ratio), np.nan, kernel.retained_ratio(part.rows, horizon))
        p = kernel.probabilities(part.rows, horizon)
        told.append([part.as_of, p, part.labels, dataset.mrr[part.place], ratio, expected])
    return Unseen(*(np.concatenate(parts) for parts in zip(*told, strict=True)))


def _spaced(days: np.ndarray) -> np.ndarray:
    """Days that lie at least `_APART` days apart, the last one among them."""
    kept: list[Any] = []
    for day in days[::-1]:
        if not kept or (kept[-1] - day) / np.timedelta64(1, "D") >= _APART:
            kept.append(day)
    return np.array(kept[::-1])
